//! The folder driver: Distribution's layout on a file system, written durably.
//!
//! A file is replaced by writing a temporary sibling, syncing it, renaming it, and syncing the
//! folder. Lookups, small reads and pages of small folders, or of large ones whose names are known,
//! run where they are called: from a warm page cache they take a few microseconds, less than a hop
//! to another thread. Many reads together, and everything that waits for a disk, run on blocking
//! threads, `maxthreads` of them at most.

mod contents;
mod direct;
mod durable;
mod folder;
mod listings;
mod names;
mod root;
mod together;
mod writer;

use std::{
    fs::{self, File},
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::{
    Change, Entry, EntryKind, Error, FileInfo, FileWriter, Leftover, ListPage, OpenFile, Payload,
    ReadRange, Reader, StorageDriver, StoragePath, Sync, WriteMode,
    config::{Durability, FilesystemConfig},
    driver::there,
    filesystem::{
        contents::Contents,
        direct::Buffers,
        durable::{Disk, TEMPORARY},
        listings::Listings,
        writer::FilesystemWriter,
    },
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
    listings: Listings,
    contents: Contents,
    buffers: Buffers,
}

impl Filesystem {
    /// Opens a store, making its root folder if it is missing.
    ///
    /// # Errors
    /// When the root cannot be made, or is not a folder.
    pub fn open(config: FilesystemConfig) -> Result<Self, OpenError> {
        let root = &config.rootdirectory;
        fs::create_dir_all(root).map_err(|source| OpenError::of(root, source))?;
        Ok(Self::at(config))
    }

    /// Opens a store that is there already: a root that is missing is a mistake, not a new store.
    ///
    /// # Errors
    /// When the root does not exist, cannot be looked up, or is not a folder.
    pub fn open_existing(config: FilesystemConfig) -> Result<Self, OpenError> {
        let root = &config.rootdirectory;
        let metadata = fs::metadata(root).map_err(|source| OpenError::of(root, source))?;
        if !metadata.is_dir() {
            return Err(OpenError::of(root, ErrorKind::NotADirectory.into()));
        }
        Ok(Self::at(config))
    }

    fn at(config: FilesystemConfig) -> Self {
        let FilesystemConfig {
            rootdirectory,
            maxthreads,
            durability,
        } = config;
        Self {
            shared: Arc::new(Shared {
                disk: Disk::new(rootdirectory),
                durability,
                threads: Semaphore::new(maxthreads.min(Semaphore::MAX_PERMITS)),
                listings: Listings::new(listings::BUDGET),
                contents: Contents::new(contents::BUDGET),
                buffers: Buffers::default(),
            }),
        }
    }
}

/// The store's root folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is nothing at the root's path, and it was not to be made.
    #[error("storage.filesystem.rootdirectory: the folder \"{}\" does not exist; name the folder of the store", root.display())]
    Missing {
        /// The folder from the configuration.
        root: PathBuf,
    },
    /// The root, or something on the way to it, is a file.
    #[error(
        "storage.filesystem.rootdirectory: cannot use \"{}\": \"{}\" is not a folder",
        root.display(),
        file.display()
    )]
    NotAFolder {
        /// The folder from the configuration.
        root: PathBuf,
        /// What stands in its place or in its way.
        file: PathBuf,
    },
    /// The system does not let us have it.
    #[error("storage.filesystem.rootdirectory: cannot use \"{}\"", root.display())]
    Io {
        /// The folder from the configuration.
        root: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl OpenError {
    fn of(root: &Path, source: std::io::Error) -> Self {
        let kind = source.kind();
        let root = root.to_path_buf();
        if matches!(kind, ErrorKind::AlreadyExists | ErrorKind::NotADirectory) {
            let existing = root.ancestors().find(|path| path.exists());
            if let Some(file) = existing.filter(|path| !path.is_dir()) {
                let file = file.to_path_buf();
                return Self::NotAFolder { root, file };
            }
        }
        match kind {
            ErrorKind::NotFound => Self::Missing { root },
            _ => Self::Io { root, source },
        }
    }
}

impl Shared {
    fn locate(&self, path: &StoragePath) -> PathBuf {
        self.disk.root().path().join(path.relative())
    }

    /// Names the outcome of a failed system call on `path`. Nothing is absent below a root that is
    /// gone.
    fn failure(
        &self,
        operation: &'static str,
        path: &StoragePath,
        source: std::io::Error,
    ) -> Error {
        match Error::from_io(operation, path, source) {
            absent @ Error::NotFound { .. } => match self.disk.root().check() {
                Ok(()) => absent,
                Err(lost) => Error::from_io(operation, path, lost),
            },
            error => error,
        }
    }

    /// A page of a folder's names, or none when the folder is missing.
    fn listed(
        &self,
        folder: &StoragePath,
        page: std::io::Result<Vec<Entry>>,
    ) -> Result<Vec<Entry>, Error> {
        match page.map_err(|source| self.failure("list", folder, source)) {
            Err(Error::NotFound { .. }) => Ok(Vec::new()),
            page => page,
        }
    }

    /// Whether a write asked for as `sync` is to be synced here.
    fn syncs(&self, sync: Sync) -> bool {
        self.durability == Durability::Full && sync == Sync::Durable
    }

    /// Makes one of many changes.
    fn change(&self, change: &Change) -> Result<bool, Error> {
        match change {
            Change::Delete(file) => self.delete_file(file),
            Change::DeleteWithFolder(file) => {
                let was_there = self.delete_file(file)?;
                let folder = file.parent();
                if !self.delete_empty(&folder)? {
                    let deleted = self.disk.delete(&self.locate(&folder), false);
                    there(deleted.map_err(|e| self.failure("delete", &folder, e)))?;
                }
                Ok(was_there)
            }
            Change::MoveOut { from, to } => {
                let moved = self
                    .disk
                    .rename(&self.locate(from), &self.locate(to), false);
                let moved = there(moved.map_err(|e| self.failure("rename", from, e)))?;
                self.delete_empty(&from.parent())?;
                Ok(moved)
            }
            Change::DeleteEmpty(folder) => self.delete_empty(folder),
        }
    }

    /// Deletes a file; tells whether it was there.
    fn delete_file(&self, file: &StoragePath) -> Result<bool, Error> {
        let deleted = fs::remove_file(self.locate(file));
        there(deleted.map_err(|e| self.failure("delete", file, e)))
    }

    /// Deletes a folder if nothing is in it; tells whether it is gone.
    fn delete_empty(&self, folder: &StoragePath) -> Result<bool, Error> {
        match fs::remove_dir(self.locate(folder)) {
            Ok(()) => Ok(true),
            Err(error) => match error.kind() {
                ErrorKind::NotFound => Ok(true),
                ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory => Ok(false),
                _ => Err(Error::from_io("delete", folder, error)),
            },
        }
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
        let read = self.shared.contents.read(path, &self.shared.locate(path));
        read.map_err(|source| self.shared.failure("read", path, not_a_file(source)))
    }

    async fn get_all(&self, files: Vec<StoragePath>) -> Result<Vec<Option<Bytes>>, Error> {
        self.shared.read_together(files).await
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
                    .map_err(|source| shared.failure("write", path, source))
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
            .map_err(|source| self.shared.failure("open", path, source))?;
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
        let fail = |source| self.shared.failure("stat", path, source);
        if *path == StoragePath::root() {
            // Asked for by those who want to know whether the store is there at all.
            self.shared.disk.root().check().map_err(fail)?;
        }
        let metadata = fs::metadata(self.shared.locate(path)).map_err(fail)?;
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
        // What is answered at once never waits, so a walk over many folders must let others in here.
        tokio::task::consume_budget().await;
        let located = self.shared.locate(folder);
        let names = match self.shared.listings.at_once(folder, &located) {
            Ok(Some(names)) if names.len().min(page.limit) <= SMALL_PAGE => {
                return self.shared.listed(folder, names.page(&located, &page));
            }
            Ok(names) => names,
            Err(error) => return self.shared.listed(folder, Err(error)),
        };
        self.shared
            .blocking("list", folder, move |shared, folder| {
                let names = match names {
                    Some(names) => Ok(names),
                    None => shared.listings.read(folder, &located, &page),
                };
                shared.listed(folder, names.and_then(|names| names.page(&located, &page)))
            })
            .await
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath, sync: Sync) -> Result<(), Error> {
        let target = to.clone();
        self.shared
            .blocking("rename", from, move |shared, from| {
                let sync = shared.syncs(sync);
                shared
                    .disk
                    .rename(&shared.locate(from), &shared.locate(&target), sync)
                    .map_err(|source| shared.failure("rename", from, source))
            })
            .await
    }

    async fn delete(&self, path: &StoragePath, sync: Sync) -> Result<(), Error> {
        self.shared
            .blocking("delete", path, move |shared, path| {
                shared
                    .disk
                    .delete(&shared.locate(path), shared.syncs(sync))
                    .map_err(|source| shared.failure("delete", path, source))
            })
            .await
    }

    async fn delete_empty(&self, folder: &StoragePath) -> Result<bool, Error> {
        self.shared
            .blocking("delete", folder, |shared, folder| {
                shared.delete_empty(folder)
            })
            .await
    }

    async fn change_all(&self, changes: Vec<Change>) -> Result<Vec<bool>, Error> {
        let root = StoragePath::root();
        self.shared
            .blocking("change", &root, move |shared, _| {
                changes.iter().map(|change| shared.change(change)).collect()
            })
            .await
    }

    async fn leftovers(&self, folder: &StoragePath) -> Result<Vec<Leftover>, Error> {
        self.shared
            .blocking("list", folder, |shared, folder| {
                leftovers(&shared.locate(folder), folder)
                    .map_err(|source| shared.failure("list", folder, source))
            })
            .await
    }
}

/// The temporary files in a folder.
fn leftovers(located: &Path, folder: &StoragePath) -> std::io::Result<Vec<Leftover>> {
    let Some(entries) = unless_missing(fs::read_dir(located))? else {
        return Ok(Vec::new());
    };
    let mut leftovers = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| name.ends_with(TEMPORARY)) else {
            continue;
        };
        // One that is given its name while it is looked at is none any more.
        let Some(metadata) = unless_missing(entry.metadata())? else {
            continue;
        };
        if let (true, Ok(path)) = (metadata.is_file(), folder.child(name)) {
            leftovers.push(Leftover {
                path,
                modified: metadata.modified().ok(),
            });
        }
    }
    leftovers.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(leftovers)
}

fn unless_missing<T>(result: std::io::Result<T>) -> std::io::Result<Option<T>> {
    use ErrorKind::{NotADirectory, NotFound};
    match result {
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Ok(None),
        result => result.map(Some),
    }
}

/// Reading a folder as a file says that there is no such file.
fn not_a_file(error: std::io::Error) -> std::io::Error {
    if error.kind() == ErrorKind::IsADirectory {
        return ErrorKind::NotFound.into();
    }
    error
}

/// A page of known names that is cut out where it is asked for; a larger one takes longer than a
/// hop to another thread.
const SMALL_PAGE: usize = 1024;

#[cfg(test)]
mod tests;
