//! A driver that fails at its n-th call: what comes after an error is as much tested as the rest.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    Change, Entry, Error, FileInfo, FileWriter, Leftover, ListPage, Put, ReadRange, Reader,
    StorageDriver, StoragePath, Sync, WriteMode, get_one_by_one, one_by_one,
};

/// Forwards to another driver until the chosen call, which fails with an I/O error; later calls
/// succeed again.
#[derive(Debug, Clone)]
pub struct Faulty {
    inner: Arc<dyn StorageDriver>,
    calls: Arc<Calls>,
}

#[derive(Debug)]
struct Calls {
    made: AtomicU64,
    fails_at: AtomicU64,
}

impl Faulty {
    /// Wraps a driver; nothing fails yet.
    #[must_use]
    pub fn new(inner: Arc<dyn StorageDriver>) -> Self {
        let calls = Calls {
            made: AtomicU64::new(0),
            fails_at: AtomicU64::new(u64::MAX),
        };
        Self {
            inner,
            calls: Arc::new(calls),
        }
    }

    /// Lets the `n`-th call from now on fail, counting from 0.
    pub fn fail_at(&self, n: u64) {
        self.calls.made.store(0, Ordering::SeqCst);
        self.calls.fails_at.store(n, Ordering::SeqCst);
    }

    /// Lets nothing fail any more.
    pub fn heal(&self) {
        self.fail_at(u64::MAX);
    }

    /// How many calls were made since the last [`Faulty::fail_at`] or [`Faulty::heal`].
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.made.load(Ordering::SeqCst)
    }

    /// Whether the failure that was asked for has happened.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.calls.made.load(Ordering::SeqCst) > self.calls.fails_at.load(Ordering::SeqCst)
    }
}

impl Calls {
    fn next(&self, operation: &'static str, path: &StoragePath) -> Result<(), Error> {
        if self.made.fetch_add(1, Ordering::SeqCst) == self.fails_at.load(Ordering::SeqCst) {
            return Err(Error::Io {
                operation,
                path: path.clone(),
                source: std::io::Error::other("failed on purpose"),
            });
        }
        Ok(())
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl StorageDriver for Faulty {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn get_content(&self, path: &StoragePath) -> Result<Bytes, Error> {
        self.calls.next("read", path)?;
        self.inner.get_content(path).await
    }

    async fn get_all(&self, files: Vec<StoragePath>) -> Result<Vec<Option<Bytes>>, Error> {
        // Anything can go wrong at each of them.
        get_one_by_one(self, files).await
    }

    async fn put_content(
        &self,
        path: &StoragePath,
        content: Bytes,
        sync: Sync,
    ) -> Result<(), Error> {
        self.calls.next("write", path)?;
        self.inner.put_content(path, content, sync).await
    }

    async fn reader(&self, path: &StoragePath, range: ReadRange) -> Result<Reader, Error> {
        self.calls.next("open", path)?;
        self.inner.reader(path, range).await
    }

    async fn writer(
        &self,
        path: &StoragePath,
        mode: WriteMode,
    ) -> Result<Box<dyn FileWriter>, Error> {
        self.calls.next("open", path)?;
        Ok(Box::new(FaultyWriter {
            store: self.clone(),
            inner: self.inner.writer(path, mode).await?,
            path: path.clone(),
        }))
    }

    async fn stat(&self, path: &StoragePath) -> Result<FileInfo, Error> {
        self.calls.next("stat", path)?;
        self.inner.stat(path).await
    }

    async fn list(&self, folder: &StoragePath, page: ListPage) -> Result<Vec<Entry>, Error> {
        self.calls.next("list", folder)?;
        self.inner.list(folder, page).await
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath, sync: Sync) -> Result<(), Error> {
        self.calls.next("rename", from)?;
        self.inner.rename(from, to, sync).await
    }

    async fn delete(&self, path: &StoragePath, sync: Sync) -> Result<(), Error> {
        self.calls.next("delete", path)?;
        self.inner.delete(path, sync).await
    }

    async fn delete_empty(&self, folder: &StoragePath) -> Result<bool, Error> {
        self.calls.next("delete", folder)?;
        self.inner.delete_empty(folder).await
    }

    async fn change_all(&self, changes: Vec<Change>) -> Result<Vec<bool>, Error> {
        // Each of them counts, so that any of them can fail.
        one_by_one(self, changes).await
    }

    async fn leftovers(&self, folder: &StoragePath) -> Result<Vec<Leftover>, Error> {
        self.calls.next("list", folder)?;
        self.inner.leftovers(folder).await
    }
}

#[derive(Debug)]
struct FaultyWriter {
    store: Faulty,
    inner: Box<dyn FileWriter>,
    path: StoragePath,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl FileWriter for FaultyWriter {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    async fn write(&mut self, chunks: Vec<Bytes>) -> Result<(), Error> {
        self.store.calls.next("write", &self.path)?;
        self.inner.write(chunks).await
    }

    async fn close(self: Box<Self>) -> Result<(), Error> {
        self.store.calls.next("sync", &self.path)?;
        self.inner.close().await
    }

    async fn commit(self: Box<Self>, target: &StoragePath, then: Vec<Put>) -> Result<(), Error> {
        self.store.calls.next("commit", &self.path)?;
        self.inner.commit(target, Vec::new()).await?;
        for Put { path, content } in then {
            let put = self.store.put_content(&path, content, Sync::Durable);
            put.await?;
        }
        Ok(())
    }
}
