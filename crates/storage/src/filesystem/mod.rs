//! The folder driver: Distribution's layout on a file system, written durably.
//!
//! A file is replaced by writing a temporary sibling, syncing it, renaming it, and syncing the
//! folder. Lookups and small reads run where they are called: from a warm page cache they take a
//! few microseconds, less than a hop to another thread. Everything that waits for a disk runs on
//! blocking threads, `maxthreads` of them at most.

mod durable;
mod writer;

use std::{
    fs::{self, File},
    io::{ErrorKind, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::{
    Entry, EntryKind, Error, FileInfo, FileWriter, ListPage, OpenFile, Payload, ReadRange, Reader,
    StorageDriver, StoragePath, Sync, WriteMode,
    config::{Durability, FilesystemConfig},
    filesystem::{durable::Disk, writer::FilesystemWriter},
};

/// A store in a folder.
#[derive(Debug, Clone)]
pub struct Filesystem {
    shared: Arc<Shared>,
}

/// What the driver and its writers have in common.
#[derive(Debug)]
struct Shared {
    disk: Disk,
    durability: Durability,
    threads: Semaphore,
}

impl Filesystem {
    /// Opens a store, making its root folder if it is missing.
    ///
    /// # Errors
    /// When the root cannot be made, or is not a folder.
    pub fn open(config: FilesystemConfig) -> Result<Self, OpenError> {
        let FilesystemConfig {
            rootdirectory: root,
            maxthreads,
            durability,
        } = config;
        fs::create_dir_all(&root).map_err(|source| OpenError {
            root: root.clone(),
            source,
        })?;
        let threads = Semaphore::new(maxthreads.min(Semaphore::MAX_PERMITS));
        Ok(Self {
            shared: Arc::new(Shared {
                disk: Disk::new(root),
                durability,
                threads,
            }),
        })
    }
}

/// The store's root folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use \"{}\" as storage.filesystem.rootdirectory", root.display())]
pub struct OpenError {
    /// The folder from the configuration.
    pub root: PathBuf,
    /// What the system said.
    pub source: std::io::Error,
}

impl Shared {
    fn locate(&self, path: &StoragePath) -> PathBuf {
        self.disk.root().join(path.relative())
    }

    /// Whether a write asked for as `sync` is to be synced here.
    fn syncs(&self, sync: Sync) -> bool {
        self.durability == Durability::Full && sync == Sync::Durable
    }

    /// Runs something that may wait for the disk on a blocking thread.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        operation: &'static str,
        path: &StoragePath,
        work: impl FnOnce(&Self, &StoragePath) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        // The semaphore is never closed, so a permit is refused only when this very line is wrong.
        let _permit = self.threads.acquire().await;
        let (shared, owned) = (Arc::clone(self), path.clone());
        tokio::task::spawn_blocking(move || work(&shared, &owned))
            .await
            .unwrap_or_else(|stopped| {
                Err(Error::Io {
                    operation,
                    path: path.clone(),
                    source: std::io::Error::other(stopped),
                })
            })
    }
}

#[async_trait]
impl StorageDriver for Filesystem {
    fn name(&self) -> &'static str {
        "filesystem"
    }

    async fn get_content(&self, path: &StoragePath) -> Result<Bytes, Error> {
        let read = |path: &Path| {
            let mut file = File::open(path)?;
            let mut content = Vec::with_capacity(file.metadata()?.size() as usize);
            file.read_to_end(&mut content)?;
            Ok(Bytes::from(content))
        };
        read(&self.shared.locate(path)).map_err(|source| not_a_file("read", path, source))
    }

    async fn put_content(
        &self,
        path: &StoragePath,
        content: Bytes,
        sync: Sync,
    ) -> Result<(), Error> {
        self.shared
            .blocking("write", path, move |shared, path| {
                shared
                    .disk
                    .replace(&shared.locate(path), &content, shared.syncs(sync))
                    .map_err(|source| Error::from_io("write", path, source))
            })
            .await
    }

    async fn reader(&self, path: &StoragePath, range: ReadRange) -> Result<Reader, Error> {
        let open = |path: &Path| {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            if metadata.is_dir() {
                return Err(ErrorKind::NotFound.into());
            }
            Ok((file, metadata.size()))
        };
        let (file, size) = open(&self.shared.locate(path))
            .map_err(|source| Error::from_io("open", path, source))?;
        let (offset, length) = range.resolve(size).ok_or_else(|| Error::RangeOutside {
            path: path.clone(),
            size,
        })?;
        let file = OpenFile::new(file, path.clone(), offset, length);
        Ok(Reader {
            size,
            offset,
            length,
            payload: Payload::File(file),
        })
    }

    async fn writer(
        &self,
        path: &StoragePath,
        mode: WriteMode,
    ) -> Result<Box<dyn FileWriter>, Error> {
        let writer = FilesystemWriter::open(Arc::clone(&self.shared), path, mode).await?;
        Ok(Box::new(writer))
    }

    async fn stat(&self, path: &StoragePath) -> Result<FileInfo, Error> {
        let metadata = fs::metadata(self.shared.locate(path)).map_err(|source| {
            // A root that has become a file is no empty store: it is none at all.
            if source.kind() == ErrorKind::NotADirectory && *path == StoragePath::root() {
                let (operation, path) = ("stat", path.clone());
                return Error::Io {
                    operation,
                    path,
                    source,
                };
            }
            Error::from_io("stat", path, source)
        })?;
        let kind = if metadata.is_dir() {
            EntryKind::Folder
        } else {
            EntryKind::File
        };
        Ok(FileInfo {
            kind,
            size: if kind == EntryKind::File {
                metadata.size()
            } else {
                0
            },
            modified: metadata.modified().ok(),
        })
    }

    async fn list(&self, folder: &StoragePath, page: ListPage) -> Result<Vec<Entry>, Error> {
        self.shared
            .blocking("list", folder, move |shared, folder| {
                read_folder(&shared.locate(folder), &page)
                    .map_err(|source| Error::from_io("list", folder, source))
            })
            .await
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), Error> {
        let target = to.clone();
        self.shared
            .blocking("rename", from, move |shared, from| {
                let sync = shared.syncs(Sync::Durable);
                shared
                    .disk
                    .rename(&shared.locate(from), &shared.locate(&target), sync)
                    .map_err(|source| Error::from_io("rename", from, source))
            })
            .await
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), Error> {
        self.shared
            .blocking("delete", path, |shared, path| {
                shared
                    .disk
                    .delete(&shared.locate(path), shared.syncs(Sync::Durable))
                    .map_err(|source| Error::from_io("delete", path, source))
            })
            .await
    }
}

/// Reads a folder's entries, sorted, and cuts the page out. Temporary files of a write in progress,
/// or of one that a crash cut off, are not entries.
fn read_folder(folder: &Path, page: &ListPage) -> std::io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let Some(listing) = unless_missing(fs::read_dir(folder))? else {
        return Ok(entries);
    };
    for entry in listing {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if page.after.as_ref().is_some_and(|after| name <= *after) {
            continue;
        }
        // Where the listing does not tell the type, the entry may be gone by the time it is looked
        // up: that is one entry less, not a folder without entries.
        let Some(mut file_type) = unless_missing(entry.file_type())? else {
            continue;
        };
        if file_type.is_symlink() {
            // Operators do link folders elsewhere; a link to nowhere is nothing, but one that
            // cannot be followed now is an error.
            let Some(metadata) = unless_missing(fs::metadata(entry.path()))? else {
                continue;
            };
            file_type = metadata.file_type();
        }
        let kind = if file_type.is_dir() {
            EntryKind::Folder
        } else {
            EntryKind::File
        };
        if kind == EntryKind::File && name.ends_with(durable::TEMPORARY) {
            continue;
        }
        entries.push(Entry { name, kind });
    }
    if page.limit < entries.len() {
        entries.select_nth_unstable_by(page.limit, |a, b| a.name.cmp(&b.name));
        entries.truncate(page.limit);
    }
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

fn unless_missing<T>(result: std::io::Result<T>) -> std::io::Result<Option<T>> {
    use ErrorKind::{NotADirectory, NotFound};
    match result {
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Ok(None),
        result => result.map(Some),
    }
}

/// Reading a folder as a file says that there is no such file.
fn not_a_file(operation: &'static str, path: &StoragePath, source: std::io::Error) -> Error {
    if source.kind() == ErrorKind::IsADirectory {
        return Error::NotFound { path: path.clone() };
    }
    Error::from_io(operation, path, source)
}

#[cfg(test)]
mod tests;
