//! The in-memory driver: for tests, and for registries whose content may go when they stop.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use crate::{
    Entry, EntryKind, Error, FileInfo, FileWriter, ListPage, Payload, Put, ReadRange, Reader,
    StorageDriver, StoragePath, Sync, WriteMode,
};

/// A store in this process's memory. Folders are what the files' paths imply.
#[derive(Clone, Default)]
pub struct InMemory {
    files: Arc<Mutex<Files>>,
}

/// All files by path. Their order is that of the paths' bytes, in which a folder's entries are not
/// always neighbours (`a`, `a-b`, `a/c`), so listings search from entry to entry.
type Files = BTreeMap<StoragePath, Node>;

#[derive(Debug, Clone)]
struct Node {
    chunks: Vec<Bytes>,
    size: u64,
    modified: SystemTime,
    being_written: bool,
}

impl InMemory {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Files> {
        // No code panics while it holds the lock, so a poisoned map is still a whole one.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    fn new(content: Bytes) -> Self {
        Self {
            size: content.len() as u64,
            chunks: vec![content],
            modified: SystemTime::now(),
            being_written: false,
        }
    }

    fn content(&self) -> Bytes {
        match self.chunks.as_slice() {
            [only] => only.clone(),
            chunks => chunks.concat().into(),
        }
    }

    /// The chunks of a range, cut without copying.
    fn slice(&self, offset: u64, length: u64) -> Vec<Bytes> {
        let (mut begin, end) = (0, offset + length);
        let mut slices = Vec::new();
        for chunk in &self.chunks {
            let size = chunk.len() as u64;
            let (from, to) = (offset.max(begin), end.min(begin + size));
            if from < to {
                slices.push(chunk.slice((from - begin) as usize..(to - begin) as usize));
            }
            begin += size;
        }
        slices
    }
}

fn not_found(path: &StoragePath) -> Error {
    Error::NotFound { path: path.clone() }
}

/// The text with which the paths of everything in a folder begin.
fn prefix_of(folder: &StoragePath) -> String {
    match folder.as_str() {
        "/" => "/".to_owned(),
        path => format!("{path}/"),
    }
}

fn paths_within(files: &Files, folder: &StoragePath) -> Vec<StoragePath> {
    files
        .range(folder.clone()..)
        .map(|(path, _)| path)
        .take_while(|path| path.as_str().starts_with(folder.as_str()))
        .filter(|path| path.is_within(folder))
        .cloned()
        .collect()
}

#[async_trait]
impl StorageDriver for InMemory {
    fn name(&self) -> &'static str {
        "inmemory"
    }

    async fn get_content(&self, path: &StoragePath) -> Result<Bytes, Error> {
        let files = self.lock();
        Ok(files.get(path).ok_or_else(|| not_found(path))?.content())
    }

    async fn put_content(
        &self,
        path: &StoragePath,
        content: Bytes,
        _sync: Sync,
    ) -> Result<(), Error> {
        self.lock().insert(path.clone(), Node::new(content));
        Ok(())
    }

    async fn reader(&self, path: &StoragePath, range: ReadRange) -> Result<Reader, Error> {
        let files = self.lock();
        let node = files.get(path).ok_or_else(|| not_found(path))?;
        let size = node.size;
        let (offset, length) = range.resolve(size).ok_or_else(|| Error::RangeOutside {
            path: path.clone(),
            size,
        })?;
        let chunks = node.slice(offset, length).into_iter().map(Ok);
        Ok(Reader {
            size,
            offset,
            length,
            payload: Payload::Stream(stream::iter(chunks).boxed()),
        })
    }

    async fn writer(
        &self,
        path: &StoragePath,
        mode: WriteMode,
    ) -> Result<Box<dyn FileWriter>, Error> {
        let mut files = self.lock();
        if files.get(path).is_some_and(|node| node.being_written) {
            return Err(Error::Busy { path: path.clone() });
        }
        if mode == WriteMode::Create {
            files.insert(path.clone(), Node::new(Bytes::new()));
        }
        let node = files.get_mut(path).ok_or_else(|| not_found(path))?;
        node.being_written = true;
        Ok(Box::new(InMemoryWriter {
            store: self.clone(),
            path: path.clone(),
            size: node.size,
        }))
    }

    async fn stat(&self, path: &StoragePath) -> Result<FileInfo, Error> {
        let files = self.lock();
        if let Some(node) = files.get(path) {
            return Ok(FileInfo {
                kind: EntryKind::File,
                size: node.size,
                modified: Some(node.modified),
            });
        }
        if path.as_str() == "/" || !paths_within(&files, path).is_empty() {
            return Ok(FileInfo {
                kind: EntryKind::Folder,
                size: 0,
                modified: None,
            });
        }
        Err(not_found(path))
    }

    async fn list(&self, folder: &StoragePath, page: ListPage) -> Result<Vec<Entry>, Error> {
        let files = self.lock();
        let prefix = prefix_of(folder);
        let mut entries: BTreeMap<&str, EntryKind> = BTreeMap::new();
        let Ok(start) = StoragePath::parse(prefix.trim_end_matches('/')) else {
            return Ok(all_entries(&files, &prefix, &page));
        };
        for (path, _) in files.range((Bound::Excluded(start), Bound::Unbounded)) {
            let Some(rest) = path.as_str().strip_prefix(&prefix) else {
                if path.as_str().starts_with(folder.as_str()) {
                    continue;
                }
                break;
            };
            note_entry(&mut entries, rest);
        }
        Ok(cut(entries, &page))
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath, _sync: Sync) -> Result<(), Error> {
        let mut files = self.lock();
        let moved = paths_within(&files, from);
        if moved.is_empty() {
            return Err(not_found(from));
        }
        for path in moved {
            let renamed = format!("{}{}", to.as_str(), &path.as_str()[from.as_str().len()..]);
            // Both halves come from valid paths and meet at a component's end.
            if let (Ok(renamed), Some(node)) = (StoragePath::parse(&renamed), files.remove(&path)) {
                files.insert(renamed, node);
            }
        }
        Ok(())
    }

    async fn delete(&self, path: &StoragePath, _sync: Sync) -> Result<(), Error> {
        let mut files = self.lock();
        let gone = paths_within(&files, path);
        if gone.is_empty() {
            return Err(not_found(path));
        }
        for path in gone {
            files.remove(&path);
        }
        Ok(())
    }

    async fn delete_empty(&self, folder: &StoragePath) -> Result<bool, Error> {
        Ok(paths_within(&self.lock(), folder).is_empty())
    }
}

fn all_entries(files: &Files, prefix: &str, page: &ListPage) -> Vec<Entry> {
    let mut entries = BTreeMap::new();
    for path in files.keys() {
        if let Some(rest) = path.as_str().strip_prefix(prefix) {
            note_entry(&mut entries, rest);
        }
    }
    cut(entries, page)
}

fn note_entry<'a>(entries: &mut BTreeMap<&'a str, EntryKind>, rest: &'a str) {
    match rest.split_once('/') {
        Some((name, _)) => entries.insert(name, EntryKind::Folder),
        None => entries.insert(rest, EntryKind::File),
    };
}

fn cut(entries: BTreeMap<&str, EntryKind>, page: &ListPage) -> Vec<Entry> {
    let after = page.after.as_deref();
    entries
        .into_iter()
        .filter(|(name, _)| after.is_none_or(|after| *name > after))
        .take(page.limit)
        .map(|(name, kind)| Entry {
            name: name.to_owned(),
            kind,
        })
        .collect()
}

/// The in-memory driver's writer.
#[derive(Debug)]
struct InMemoryWriter {
    store: InMemory,
    path: StoragePath,
    size: u64,
}

#[async_trait]
impl FileWriter for InMemoryWriter {
    fn size(&self) -> u64 {
        self.size
    }

    async fn write(&mut self, chunks: Vec<Bytes>) -> Result<(), Error> {
        let mut files = self.store.lock();
        let node = files
            .get_mut(&self.path)
            .ok_or_else(|| not_found(&self.path))?;
        for chunk in chunks {
            node.size += chunk.len() as u64;
            node.chunks.push(chunk);
        }
        node.modified = SystemTime::now();
        self.size = node.size;
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<(), Error> {
        Ok(())
    }

    async fn commit(self: Box<Self>, target: &StoragePath, then: Vec<Put>) -> Result<(), Error> {
        self.give_name(target)?;
        for Put { path, content } in then {
            self.store
                .put_content(&path, content, Sync::Durable)
                .await?;
        }
        Ok(())
    }
}

impl InMemoryWriter {
    fn give_name(&self, target: &StoragePath) -> Result<(), Error> {
        let mut files = self.store.lock();
        let mut node = files
            .remove(&self.path)
            .ok_or_else(|| not_found(&self.path))?;
        node.being_written = false;
        files.insert(target.clone(), node);
        Ok(())
    }
}

impl Drop for InMemoryWriter {
    fn drop(&mut self) {
        if let Some(node) = self.store.lock().get_mut(&self.path) {
            node.being_written = false;
        }
    }
}

impl fmt::Debug for InMemory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("InMemory")
            .field("files", &self.lock().len())
            .finish()
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::InMemory;

    fn empty_store() -> (InMemory, ()) {
        (InMemory::new(), ())
    }

    crate::driver_contract!(empty_store);
}
