//! A driver that loses what was not made durable: what a power cut leaves can be looked at.
//!
//! It keeps two states: what the process sees, and what is known to be on the disk. In between lie
//! the changes of names that nobody synced, each on its own (a rename is one change, as the journal
//! of a file system keeps both halves together), and the bytes that nobody synced. A power cut
//! keeps none of them, or all, or any ([`Survival`]); of a file's unsynced bytes a part, or zeros in
//! their place. It is as strict as the contract of [`StorageDriver`] and no more: a durable change
//! makes itself durable and not its neighbours, and the first durable change of a process makes
//! durable what a process before it, or a failed call, has left behind.
//!
//! It also ends or fails at a call of one's choice ([`Fault`]), before, in the middle of, or after
//! its effect.

mod disk;
mod fault;
mod random;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Mutex;

pub use self::{
    disk::Survival,
    fault::{Fault, Moment, Promise},
};

use self::{
    disk::{Change, Disk, FileId},
    fault::{Faults, Go, Kind},
};
use crate::{
    Entry, EntryKind, Error, FileInfo, FileWriter, Leftover, ListPage, Put, ReadRange, Reader,
    StorageDriver, StoragePath, Sync, WriteMode, get_one_by_one, inmemory::InMemory, one_by_one,
};

/// A store in memory that knows what a power cut would leave of it.
#[derive(Debug, Clone)]
pub struct Lossy {
    /// What the process sees.
    seen: InMemory,
    /// What would be left. Locked while a change is made to both.
    disk: Arc<Mutex<Disk>>,
    faults: Arc<Faults>,
}

impl Default for Lossy {
    fn default() -> Self {
        Self::new()
    }
}

impl Lossy {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self {
            seen: InMemory::new(),
            disk: Arc::default(),
            faults: Arc::default(),
        }
    }

    /// An empty store that forgets to make one kind of change durable: a test of durability that
    /// does not fail on it tests nothing.
    #[must_use]
    pub fn breaking(promise: Promise) -> Self {
        Self {
            disk: Arc::new(Mutex::new(Disk::breaking(promise))),
            ..Self::new()
        }
    }

    /// Lets the `n`-th call from now on meet with a fault, counting from 0, of those calls at which
    /// the fault makes a difference.
    pub fn fault_at(&self, n: u64, fault: Fault) {
        self.faults.set(n, Some(fault));
    }

    /// Lets nothing fail any more.
    pub fn heal(&self) {
        self.faults.set(0, None);
    }

    /// Whether the fault that was asked for has happened.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.faults.has_happened()
    }

    /// The same store once more, with what is not durable yet, and without locks and faults.
    pub async fn copy(&self) -> Self {
        let disk = self.disk.lock().await.clone();
        Self::of(disk).await
    }

    /// What a process finds that starts after this one was killed: all that was written, synced or
    /// not, and no locks.
    pub async fn after_kill(&self) -> Self {
        let disk = self.disk.lock().await.after_kill();
        Self::of(disk).await
    }

    /// What a power cut leaves.
    pub async fn after_power_cut(&self, survival: Survival) -> Self {
        let disk = self.disk.lock().await.after_power_cut(survival);
        Self::of(disk).await
    }

    async fn of(disk: Disk) -> Self {
        let seen = InMemory::new();
        for (path, content) in disk.seen() {
            // Nothing fails in memory.
            let _ = seen.put_content(path, content, Sync::Lazy).await;
        }
        Self {
            seen,
            disk: Arc::new(Mutex::new(disk)),
            faults: Arc::default(),
        }
    }

    /// Makes a change in both states, as far as the fault lets it.
    async fn change<F>(
        &self,
        operation: &'static str,
        path: &StoragePath,
        made: impl FnOnce() -> F,
        change: impl FnOnce(&Disk) -> Change,
        durable: Option<Promise>,
    ) -> Result<(), Error>
    where
        F: Future<Output = Result<(), Error>>,
    {
        let go = self.faults.next(Kind::Growing, operation, path)?;
        let mut disk = self.disk.lock().await;
        let change = change(&disk);
        made().await?;
        disk.make(change, durable.filter(|_| go.is_whole()));
        drop(disk);
        self.end(go, operation, path).await
    }

    /// Puts files with all of their content, under names that are not synced yet.
    async fn put_unsynced(&self, puts: Vec<Put>) -> Result<(), Error> {
        for Put { path, content } in puts {
            let written = content.clone();
            self.change(
                "write",
                &path,
                || self.seen.put_content(&path, content, Sync::Lazy),
                |_| Change::put(&path, written, true),
                None,
            )
            .await?;
        }
        Ok(())
    }

    /// What could not be synced is not kept: nobody may go on with it.
    async fn drop_unsynced(&self, path: &StoragePath) -> Result<(), Error> {
        if self.faults.is_dead() {
            return Ok(());
        }
        let mut disk = self.disk.lock().await;
        self.seen.delete(path, Sync::Lazy).await?;
        disk.make(Change::removing(vec![path.clone()]), None);
        Ok(())
    }

    /// Tells of a fault that came after the effect.
    async fn end(&self, go: Go, operation: &'static str, path: &StoragePath) -> Result<(), Error> {
        if go.is_whole() {
            return Ok(());
        }
        self.disk.lock().await.leave_unsettled();
        Err(fault::failed(operation, path))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl StorageDriver for Lossy {
    fn name(&self) -> &'static str {
        "lossy"
    }

    async fn get_content(&self, path: &StoragePath) -> Result<Bytes, Error> {
        self.faults.next(Kind::Reading, "read", path)?;
        self.seen.get_content(path).await
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
        let written = content.clone();
        let synced = sync == Sync::Durable;
        self.change(
            "write",
            path,
            || self.seen.put_content(path, content, sync),
            |_| Change::put(path, written, synced),
            synced.then_some(Promise::Put),
        )
        .await
    }

    async fn reader(&self, path: &StoragePath, range: ReadRange) -> Result<Reader, Error> {
        self.faults.next(Kind::Reading, "open", path)?;
        self.seen.reader(path, range).await
    }

    async fn writer(
        &self,
        path: &StoragePath,
        mode: WriteMode,
    ) -> Result<Box<dyn FileWriter>, Error> {
        let kind = match mode {
            WriteMode::Create => Kind::Growing,
            WriteMode::Append => Kind::Opening,
        };
        let go = self.faults.next(kind, "open", path)?;
        let mut disk = self.disk.lock().await;
        let inner = self.seen.writer(path, mode).await?;
        if mode == WriteMode::Create {
            disk.make(Change::put(path, Bytes::new(), false), None);
        }
        let file = disk.file_at(path);
        drop(disk);
        self.end(go, "open", path).await?;
        Ok(Box::new(LossyWriter {
            store: self.clone(),
            inner,
            path: path.clone(),
            file,
        }))
    }

    async fn stat(&self, path: &StoragePath) -> Result<FileInfo, Error> {
        self.faults.next(Kind::Reading, "stat", path)?;
        let mut info = self.seen.stat(path).await?;
        if info.kind == EntryKind::Folder {
            // Folders have times, as in a file system: here that of whatever changed last.
            info.modified = Some(self.disk.lock().await.changed());
        }
        Ok(info)
    }

    async fn list(&self, folder: &StoragePath, page: ListPage) -> Result<Vec<Entry>, Error> {
        self.faults.next(Kind::Reading, "list", folder)?;
        self.seen.list(folder, page).await
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath, sync: Sync) -> Result<(), Error> {
        self.change(
            "rename",
            from,
            || self.seen.rename(from, to, sync),
            |disk| disk.renaming(from, to),
            (sync == Sync::Durable).then_some(Promise::Rename),
        )
        .await
    }

    async fn delete(&self, path: &StoragePath, sync: Sync) -> Result<(), Error> {
        let go = self.faults.next(Kind::Deleting, "delete", path)?;
        let mut disk = self.disk.lock().await;
        let mut gone = disk.paths_within(path);
        if go == Go::Within {
            gone.truncate(gone.len() / 2);
            for path in &gone {
                self.seen.delete(path, sync).await?;
            }
        } else {
            self.seen.delete(path, sync).await?;
        }
        if sync == Sync::Durable && go.is_whole() {
            disk.make(Change::removing(gone), Some(Promise::Delete));
        } else {
            for path in gone {
                disk.make(Change::removing(vec![path]), None);
            }
        }
        drop(disk);
        self.end(go, "delete", path).await
    }

    async fn delete_empty(&self, folder: &StoragePath) -> Result<bool, Error> {
        let go = self.faults.next(Kind::Shrinking, "delete", folder)?;
        let gone = self.seen.delete_empty(folder).await?;
        self.end(go, "delete", folder).await?;
        Ok(gone)
    }

    async fn change_all(&self, changes: Vec<crate::Change>) -> Result<Vec<bool>, Error> {
        // Anything can go wrong at each of them.
        one_by_one(self, changes).await
    }

    async fn leftovers(&self, folder: &StoragePath) -> Result<Vec<Leftover>, Error> {
        self.seen.leftovers(folder).await
    }
}

#[derive(Debug)]
struct LossyWriter {
    store: Lossy,
    inner: Box<dyn FileWriter>,
    path: StoragePath,
    file: Option<FileId>,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl FileWriter for LossyWriter {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    async fn write(&mut self, chunks: Vec<Bytes>) -> Result<(), Error> {
        let go = self
            .store
            .faults
            .next(Kind::Appending, "write", &self.path)?;
        let mut disk = self.store.disk.lock().await;
        let mut bytes = Bytes::from(chunks.concat());
        if go == Go::Within {
            bytes.truncate(bytes.len() / 2);
        }
        self.inner.write(vec![bytes.clone()]).await?;
        disk.append(self.file, &bytes);
        drop(disk);
        self.store.end(go, "write", &self.path).await
    }

    async fn close(self: Box<Self>) -> Result<(), Error> {
        let synced = self.store.faults.next(Kind::Syncing, "sync", &self.path);
        if synced.as_ref().is_ok_and(|go| go.is_whole()) {
            self.store.disk.lock().await.sync(self.file);
            return self.inner.close().await;
        }
        self.store.drop_unsynced(&self.path).await?;
        Err(fault::failed("sync", &self.path))
    }

    async fn commit(self: Box<Self>, target: &StoragePath, then: Vec<Put>) -> Result<(), Error> {
        let Self {
            store,
            inner,
            path,
            file,
        } = *self;
        store.disk.lock().await.sync(file);
        store
            .change(
                "commit",
                &path,
                || inner.commit(target, Vec::new()),
                |disk| disk.renaming(&path, target),
                None,
            )
            .await?;
        let named = std::iter::once(target).chain(then.iter().map(|put| &put.path));
        let named: Vec<StoragePath> = named.cloned().collect();
        let put = store.put_unsynced(then).await;
        let go = put.and_then(|()| store.faults.next(Kind::Syncing, "sync", &path));
        let mut disk = store.disk.lock().await;
        match go {
            Ok(go) => {
                if go.is_whole() {
                    disk.settle(&named[..1], Promise::Commit);
                    disk.settle(&named[1..], Promise::Put);
                }
                drop(disk);
                store.end(go, "sync", &path).await
            }
            Err(error) => {
                disk.leave_unsettled();
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests;
