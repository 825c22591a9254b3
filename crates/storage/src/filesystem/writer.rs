//! A file that is appended to, locked against other writers, and given its final name.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{ErrorKind, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    Error, FileWriter, Put, StoragePath, Sync, WriteMode,
    filesystem::{Shared, direct},
};

/// The folder driver's writer. The lock is the file's own (`flock`), so it holds across
/// processes and ends with the process.
#[derive(Debug)]
pub(super) struct FilesystemWriter {
    shared: Arc<Shared>,
    path: StoragePath,
    file: Arc<File>,
    size: u64,
    unsynced: bool,
}

impl FilesystemWriter {
    pub(super) async fn open(
        shared: Arc<Shared>,
        path: &StoragePath,
        mode: WriteMode,
    ) -> Result<Self, Error> {
        let (file, size) = shared
            .blocking("open", path, move |shared, path| {
                open_locked(shared, path, mode)
            })
            .await?;
        Ok(Self {
            shared,
            path: path.clone(),
            file: Arc::new(file),
            size,
            unsynced: false,
        })
    }
}

/// Makes a file's bytes durable; deletes it where they cannot be.
fn sync(shared: &Shared, path: &StoragePath, file: &File) -> Result<(), Error> {
    file.sync_data().map_err(|source| {
        drop_unsynced(shared, path, file);
        Error::from_io("sync", path, source)
    })
}

/// Deletes a file whose bytes could not be synced. They can still be read, and the next sync would
/// succeed, since the kernel tells of bytes that it could not write only once: whoever went on with
/// the file would take for durable what is not on the disk.
fn drop_unsynced(shared: &Shared, path: &StoragePath, file: &File) {
    // The first error is the one to tell. Where nothing can be deleted, nothing can be added either.
    if fs::remove_file(shared.locate(path)).is_err() {
        let _ = file.set_len(0);
    }
}

fn open_locked(shared: &Shared, path: &StoragePath, mode: WriteMode) -> Result<(File, u64), Error> {
    let fail = |source| shared.failure("open", path, source);
    let located = shared.locate(path);
    let mut options = OpenOptions::new();
    options.write(true);
    loop {
        let mut file = match mode {
            WriteMode::Create => shared
                .disk
                .open_making_folders(options.create(true), &located)
                .map_err(fail)?,
            WriteMode::Append => options.open(&located).map_err(fail)?,
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Busy { path: path.clone() }),
            Err(TryLockError::Error(source)) => return Err(fail(source)),
        }
        // Between the opening and the lock, the file may have got its final name or been deleted
        // by whoever held it: what is open then is a blob, or nothing, and no upload any more.
        let ours = file.metadata().map_err(fail)?;
        let still_named = match fs::metadata(&located) {
            Ok(named) => (ours.dev(), ours.ino()) == (named.dev(), named.ino()),
            Err(source) if source.kind() == ErrorKind::NotFound => false,
            Err(source) => return Err(fail(source)),
        };
        match mode {
            WriteMode::Create if !still_named => continue,
            WriteMode::Create => file.set_len(0).map_err(fail)?,
            WriteMode::Append if !still_named => {
                return Err(Error::NotFound { path: path.clone() });
            }
            WriteMode::Append => {}
        }
        let size = file.seek(SeekFrom::End(0)).map_err(fail)?;
        return Ok((file, size));
    }
}

#[async_trait]
impl FileWriter for FilesystemWriter {
    fn size(&self) -> u64 {
        self.size
    }

    async fn write(&mut self, chunks: Vec<Bytes>) -> Result<(), Error> {
        let length: u64 = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        let (file, offset) = (Arc::clone(&self.file), self.size);
        self.unsynced = true;
        self.shared
            .blocking("write", &self.path, move |shared, path| {
                let written = if shared.syncs(Sync::Durable) {
                    direct::append(&file, offset, chunks, &shared.buffers)
                } else {
                    direct::write_all_vectored(&file, &chunks)
                };
                written.map_err(|source| Error::from_io("write", path, source))
            })
            .await?;
        self.size += length;
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<(), Error> {
        if !self.unsynced || !self.shared.syncs(Sync::Durable) {
            return Ok(());
        }
        let file = self.file;
        self.shared
            .blocking("sync", &self.path, move |shared, path| {
                sync(shared, path, &file)
            })
            .await
    }

    async fn commit(self: Box<Self>, target: &StoragePath, then: Vec<Put>) -> Result<(), Error> {
        let (file, to) = (self.file, target.clone());
        self.shared
            .blocking("commit", &self.path, move |shared, path| {
                let durable = shared.syncs(Sync::Durable);
                if durable {
                    // Also what an earlier writer left unsynced, killed before it could close: only
                    // the kernel knows, and syncing a clean file costs next to nothing.
                    sync(shared, path, &file)?;
                }
                let then: Vec<_> = then
                    .into_iter()
                    .map(|put| (shared.locate(&put.path), put.content))
                    .collect();
                let (from, to) = (shared.locate(path), shared.locate(&to));
                shared
                    .disk
                    .publish((&from, &to), &then, durable)
                    .map_err(|source| shared.failure("commit", path, source))
            })
            .await
    }
}
