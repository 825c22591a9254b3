//! A driver that counts what is read, fails where it is told to, and lets others in between.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use wharf_storage::{
    Entry, Error, FileInfo, FileWriter, ListPage, ReadRange, Reader, StorageDriver, StoragePath,
    Sync, WriteMode, inmemory::InMemory,
};

/// The in-memory driver, watched.
#[derive(Debug, Clone, Default)]
pub(super) struct Watched {
    inner: InMemory,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    opened: HashMap<String, u32>,
    broken: Option<String>,
    /// What somebody writes just before the file of the first path is moved or written.
    written_before: Option<(String, StoragePath, Bytes)>,
}

impl Watched {
    /// How often each file was opened whose path ends so.
    pub(super) fn opened(&self, end: &str) -> Vec<u32> {
        let state = self.state.lock().unwrap();
        let opened = state.opened.iter();
        opened
            .filter(|(path, _)| path.ends_with(end))
            .map(|(_, count)| *count)
            .collect()
    }

    /// Lets every call fail whose path has this in it.
    pub(super) fn break_all(&self, part: &str) {
        self.state.lock().unwrap().broken = Some(part.to_owned());
    }

    /// Lets somebody write a file just before it is moved.
    pub(super) fn write_before_move(&self, path: &str, content: &str) {
        self.write_before_change(path, path, content);
    }

    /// Lets somebody write a file just before another is moved or written.
    pub(super) fn write_before_change(&self, changed: &str, path: &str, content: &str) {
        let content = Bytes::from(content.to_owned());
        let [changed, path] = [changed, path].map(|path| format!("/docker/registry/v2/{path}"));
        let path = StoragePath::parse(&path).unwrap();
        self.state.lock().unwrap().written_before = Some((changed, path, content));
    }

    async fn let_others_write(&self, changed: &StoragePath) -> Result<(), Error> {
        let written = {
            let mut state = self.state.lock().unwrap();
            let is_it = |written: &mut (String, StoragePath, Bytes)| written.0 == changed.as_str();
            state.written_before.take_if(is_it)
        };
        if let Some((_, path, content)) = written {
            self.inner.put_content(&path, content, Sync::Lazy).await?;
        }
        Ok(())
    }

    fn check(&self, path: &StoragePath) -> Result<(), Error> {
        let state = self.state.lock().unwrap();
        let is_broken = |part: &String| path.as_str().contains(part.as_str());
        if state.broken.as_ref().is_some_and(is_broken) {
            return Err(Error::Io {
                operation: "read",
                path: path.clone(),
                source: std::io::Error::other("input/output error"),
            });
        }
        Ok(())
    }
}

#[async_trait]
impl StorageDriver for Watched {
    fn name(&self) -> &'static str {
        "watched"
    }

    async fn get_content(&self, path: &StoragePath) -> Result<Bytes, Error> {
        self.check(path)?;
        self.inner.get_content(path).await
    }

    async fn put_content(
        &self,
        path: &StoragePath,
        content: Bytes,
        sync: Sync,
    ) -> Result<(), Error> {
        self.check(path)?;
        self.let_others_write(path).await?;
        self.inner.put_content(path, content, sync).await
    }

    async fn reader(&self, path: &StoragePath, range: ReadRange) -> Result<Reader, Error> {
        self.check(path)?;
        let reader = self.inner.reader(path, range).await?;
        let mut state = self.state.lock().unwrap();
        *state.opened.entry(path.to_string()).or_default() += 1;
        Ok(reader)
    }

    async fn writer(
        &self,
        path: &StoragePath,
        mode: WriteMode,
    ) -> Result<Box<dyn FileWriter>, Error> {
        self.check(path)?;
        self.inner.writer(path, mode).await
    }

    async fn stat(&self, path: &StoragePath) -> Result<FileInfo, Error> {
        self.check(path)?;
        self.inner.stat(path).await
    }

    async fn list(&self, folder: &StoragePath, page: ListPage) -> Result<Vec<Entry>, Error> {
        self.check(folder)?;
        self.inner.list(folder, page).await
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath, sync: Sync) -> Result<(), Error> {
        self.check(from)?;
        self.let_others_write(from).await?;
        self.inner.rename(from, to, sync).await
    }

    async fn delete(&self, path: &StoragePath, sync: Sync) -> Result<(), Error> {
        self.check(path)?;
        self.inner.delete(path, sync).await
    }

    async fn delete_empty(&self, folder: &StoragePath) -> Result<bool, Error> {
        self.inner.delete_empty(folder).await
    }
}
