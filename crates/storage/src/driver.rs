//! The seam under the domain: what every place for bytes can do.

use std::{fmt, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Error, Reader, StoragePath};

/// A place for bytes, in Distribution's sense of a storage driver.
///
/// It speaks in what both a file system and an object store do well: small files replaced
/// atomically, sorted pages of a folder's entries, ranges of large files, and files that are
/// appended to by several requests before they get their final name. Folders exist through what
/// they hold; whether an empty one is seen is the driver's affair.
///
/// The clauses of this contract are in `testing::contract`; every driver passes them.
#[async_trait]
pub trait StorageDriver: fmt::Debug + Send + std::marker::Sync + 'static {
    /// The driver's name in configuration, logs and metrics, such as `filesystem`.
    fn name(&self) -> &'static str;

    /// Reads a small file whole.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such file.
    async fn get_content(&self, path: &StoragePath) -> Result<Bytes, Error>;

    /// Reads many small files whole, in the order given; `None` for each that is not there. A driver
    /// that can read them for less than one by one does so.
    ///
    /// # Errors
    /// The first failure.
    async fn get_all(&self, files: Vec<StoragePath>) -> Result<Vec<Option<Bytes>>, Error> {
        get_one_by_one(self, files).await
    }

    /// Writes a small file whole, replacing what was there. A reader sees the old content or the
    /// new, never a part; after a crash too, but after a power cut only if it was durable.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::ReadOnly`]; nothing is changed then.
    async fn put_content(
        &self,
        path: &StoragePath,
        content: Bytes,
        sync: Sync,
    ) -> Result<(), Error>;

    /// Opens a file for reading a range of it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::RangeOutside`] when the range begins past the end.
    async fn reader(&self, path: &StoragePath, range: ReadRange) -> Result<Reader, Error>;

    /// Opens a file for writing. Writers of one file exclude each other, across processes too
    /// where the store can.
    ///
    /// # Errors
    /// [`Error::Busy`] while another writer has it open.
    async fn writer(
        &self,
        path: &StoragePath,
        mode: WriteMode,
    ) -> Result<Box<dyn FileWriter>, Error>;

    /// Looks a path up without reading it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when neither a file nor a folder is there.
    async fn stat(&self, path: &StoragePath) -> Result<FileInfo, Error>;

    /// Lists a page of a folder's entries, sorted bytewise by name. A folder that does not exist
    /// has none.
    ///
    /// # Errors
    /// When the listing is not complete: a page is never silently short.
    async fn list(&self, folder: &StoragePath, page: ListPage) -> Result<Vec<Entry>, Error>;

    /// Gives a file or folder another name, replacing a file that is there. The folders above the
    /// new name are made.
    ///
    /// # Errors
    /// [`Error::NotFound`] when `from` does not exist.
    async fn rename(&self, from: &StoragePath, to: &StoragePath, sync: Sync) -> Result<(), Error>;

    /// Deletes a file, or a folder with all that is in it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is nothing to delete.
    async fn delete(&self, path: &StoragePath, sync: Sync) -> Result<(), Error>;

    /// Deletes a folder if nothing is in it; tells whether it is gone. Where folders exist only
    /// through what they hold, there is nothing to do.
    ///
    /// # Errors
    /// When the store fails.
    async fn delete_empty(&self, folder: &StoragePath) -> Result<bool, Error>;

    /// Makes many changes in the order given, none of which anybody waits for to be durable, and
    /// tells of each whether its file was there, or whether its folder is gone. A driver that can
    /// make them for less than one by one does so.
    ///
    /// # Errors
    /// The first failure; what came before it is done, what comes after is not.
    async fn change_all(&self, changes: Vec<Change>) -> Result<Vec<bool>, Error> {
        one_by_one(self, changes).await
    }

    /// Lists the files in a folder that writes left behind which were cut off, and those of writes
    /// that are on their way: [`StorageDriver::list`] does not tell them. Where a write that is cut
    /// off leaves nothing, there are none.
    ///
    /// # Errors
    /// When the store fails. A folder that does not exist has none.
    async fn leftovers(&self, _folder: &StoragePath) -> Result<Vec<Leftover>, Error> {
        Ok(Vec::new())
    }
}

/// Reads files with another call of a driver.
///
/// # Errors
/// The first failure.
pub async fn get_one_by_one<D: StorageDriver + ?Sized>(
    driver: &D,
    files: Vec<StoragePath>,
) -> Result<Vec<Option<Bytes>>, Error> {
    let mut contents = Vec::with_capacity(files.len());
    for file in &files {
        contents.push(match driver.get_content(file).await {
            Ok(content) => Some(content),
            Err(Error::NotFound { .. }) => None,
            Err(error) => return Err(error),
        });
    }
    Ok(contents)
}

/// Makes changes with the other calls of a driver.
///
/// # Errors
/// The first failure.
pub async fn one_by_one<D: StorageDriver + ?Sized>(
    driver: &D,
    changes: Vec<Change>,
) -> Result<Vec<bool>, Error> {
    let mut made = Vec::with_capacity(changes.len());
    for change in changes {
        made.push(match &change {
            Change::Delete(file) => there(driver.delete(file, Sync::Lazy).await)?,
            Change::DeleteWithFolder(file) => {
                let was_there = there(driver.delete(file, Sync::Lazy).await)?;
                there(driver.delete(&file.parent(), Sync::Lazy).await)?;
                was_there
            }
            Change::MoveOut { from, to } => {
                let was_there = there(driver.rename(from, to, Sync::Lazy).await)?;
                driver.delete_empty(&from.parent()).await?;
                was_there
            }
            Change::DeleteEmpty(folder) => driver.delete_empty(folder).await?,
        });
    }
    Ok(made)
}

/// Whether there was something to change.
pub(crate) fn there(changed: Result<(), Error>) -> Result<bool, Error> {
    match changed {
        Ok(()) => Ok(true),
        Err(Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What a write left behind, or is about to give its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Where it is.
    pub path: StoragePath,
    /// When it last changed, where the store knows.
    pub modified: Option<SystemTime>,
}

/// A file being written. Dropping it keeps what was written, unsynced, and lets another writer in.
#[async_trait]
pub trait FileWriter: fmt::Debug + Send + std::marker::Sync {
    /// The file's size in bytes, with all that was written so far.
    fn size(&self) -> u64;

    /// Appends the chunks in order. Several at once, so that many small network reads cost one
    /// write.
    ///
    /// # Errors
    /// [`Error::Full`] and other failures; a part may have been written.
    async fn write(&mut self, chunks: Vec<Bytes>) -> Result<(), Error>;

    /// Makes what was written durable and closes the file; it can be appended to later.
    ///
    /// # Errors
    /// When it cannot be made durable; then the file is gone, lest somebody goes on with bytes that
    /// can be read and are not on the disk.
    async fn close(self: Box<Self>) -> Result<(), Error>;

    /// Makes what was written durable and gives it its final name, then puts the small files that
    /// name it, all durably, replacing what is there. They are seen in this order; when it is cut
    /// off, any of the names may be there without the others, each with all of its content.
    ///
    /// # Errors
    /// Those of [`close`](Self::close), of a rename, and of
    /// [`put_content`](StorageDriver::put_content); some of the names may be there then.
    async fn commit(self: Box<Self>, target: &StoragePath, then: Vec<Put>) -> Result<(), Error>;
}

/// A small file to be put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Where.
    pub path: StoragePath,
    /// What.
    pub content: Bytes,
}

/// One of many changes; see [`StorageDriver::change_all`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Deletes a file.
    Delete(StoragePath),
    /// Deletes a file first, then the folder that it is in with whatever else is in there.
    DeleteWithFolder(StoragePath),
    /// Gives a file another name, and deletes the folder that it was in if nothing else is.
    MoveOut {
        /// The file.
        from: StoragePath,
        /// Its new name.
        to: StoragePath,
    },
    /// Deletes a folder if nothing is in it.
    DeleteEmpty(StoragePath),
}

/// How lasting a change must be before the call returns.
///
/// What can be seen is built upon. So the first durable change of a process also makes durable what
/// it found, which another process may have been killed over, and the one after a change whose sync
/// failed makes that durable too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// It survives a power cut, with the folders above it.
    Durable,
    /// It may be lost in a power cut: something that can be found out again.
    Lazy,
}

/// Where a writer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// The file is made, or emptied.
    Create,
    /// Bytes go to the end of a file that is there.
    Append,
}

/// Which part of a file to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadRange {
    /// All of it.
    #[default]
    Whole,
    /// From an offset to the end; beginning exactly at the end reads nothing.
    From(u64),
    /// From `first` to `last`, both included; `last` may lie past the end.
    FromTo {
        /// Offset of the first byte.
        first: u64,
        /// Offset of the last byte.
        last: u64,
    },
    /// The last so many bytes, or all when the file is shorter.
    Last(u64),
}

impl ReadRange {
    /// The offset and length in a file of `size` bytes; `None` when the range begins outside.
    #[must_use]
    pub fn resolve(self, size: u64) -> Option<(u64, u64)> {
        match self {
            Self::Whole => Some((0, size)),
            Self::From(first) => (first <= size).then(|| (first, size - first)),
            Self::FromTo { first, last } => {
                (first < size && first <= last).then(|| (first, last.min(size - 1) - first + 1))
            }
            Self::Last(length) => {
                let length = length.min(size);
                (length > 0).then(|| (size - length, length))
            }
        }
    }
}

/// What a path holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInfo {
    /// File or folder.
    pub kind: EntryKind,
    /// Size in bytes; 0 for a folder.
    pub size: u64,
    /// When it last changed, where the store knows.
    pub modified: Option<SystemTime>,
}

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name: one path component, as the store has it.
    pub name: String,
    /// File or folder.
    pub kind: EntryKind,
}

/// File or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A file: bytes.
    File,
    /// A folder: entries.
    Folder,
}

/// A page of a folder's entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// Only entries whose name sorts after this one, which need not exist.
    pub after: Option<String>,
    /// At most so many entries.
    pub limit: usize,
}

impl ListPage {
    /// Every entry: for folders that are known to be small.
    #[must_use]
    pub fn all() -> Self {
        Self::first(usize::MAX)
    }

    /// The first `limit` entries.
    #[must_use]
    pub fn first(limit: usize) -> Self {
        Self { after: None, limit }
    }

    /// The next `limit` entries after a name.
    #[must_use]
    pub fn after(name: impl Into<String>, limit: usize) -> Self {
        Self {
            after: Some(name.into()),
            limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_resolve_within_the_file() {
        let table = [
            (ReadRange::Whole, 10, Some((0, 10))),
            (ReadRange::Whole, 0, Some((0, 0))),
            (ReadRange::From(4), 10, Some((4, 6))),
            (ReadRange::From(10), 10, Some((10, 0))),
            (ReadRange::From(11), 10, None),
            (ReadRange::FromTo { first: 2, last: 4 }, 10, Some((2, 3))),
            (ReadRange::FromTo { first: 2, last: 99 }, 10, Some((2, 8))),
            (
                ReadRange::FromTo {
                    first: 10,
                    last: 99,
                },
                10,
                None,
            ),
            (ReadRange::FromTo { first: 4, last: 2 }, 10, None),
            (ReadRange::Last(3), 10, Some((7, 3))),
            (ReadRange::Last(30), 10, Some((0, 10))),
            (ReadRange::Last(0), 10, None),
            (ReadRange::Last(3), 0, None),
        ];
        for (range, size, expected) in table {
            assert_eq!(range.resolve(size), expected, "{range:?} of {size}");
        }
    }
}
