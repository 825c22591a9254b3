//! Changes of a file system that survive a power cut: write, sync, rename, sync the folder.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use crate::filesystem::root::Root;

/// The ending of temporary files; what has it was never acknowledged.
pub(super) const TEMPORARY: &str = ".tmp";

/// Makes changes below a root, and remembers which folders are known to survive a power cut.
#[derive(Debug)]
pub(super) struct Disk {
    root: Root,
    /// Folders whose own entries are on the disk. Folders that a write made which nobody waits
    /// for are not among them, so the next durable write below them syncs them first.
    durable: Mutex<HashSet<PathBuf>>,
    /// Whether there may be changes that can be seen and that nobody will sync any more: those of a
    /// process that was killed before it could, or of a call whose sync failed. Whoever sees them
    /// builds upon them, so the next durable change makes them durable too.
    unsettled: Mutex<bool>,
}

impl Disk {
    /// Changes below a folder that exists.
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root: Root::new(root),
            durable: Mutex::new(HashSet::new()),
            unsettled: Mutex::new(true),
        }
    }

    pub(super) fn root(&self) -> &Root {
        &self.root
    }

    /// Replaces a file's content atomically, making the folders above it.
    pub(super) fn replace(&self, path: &Path, content: &[u8], sync: bool) -> io::Result<()> {
        let temporary = self.write_temporary(path, content, sync)?;
        self.name(temporary, path, content, sync)?;
        self.settle(&[path], sync)
    }

    /// Gives a file its final name, then replaces the small files that name it. All that is seen
    /// then is synced together, which costs little more than one of them: what the first sync
    /// writes to the journal of the file system is clean for the others.
    pub(super) fn publish(
        &self,
        (from, to): (&Path, &Path),
        then: &[(PathBuf, Bytes)],
        sync: bool,
    ) -> io::Result<()> {
        let mut temporaries = Vec::with_capacity(then.len());
        let mut named = Vec::with_capacity(1 + then.len());
        let published = (|| {
            for (path, content) in then {
                temporaries.push(self.write_temporary(path, content, sync)?);
            }
            self.rename_unsettled(from, to)?;
            named.push(to);
            for ((path, content), temporary) in then.iter().zip(&temporaries) {
                self.name(temporary.clone(), path, content, sync)?;
                named.push(path);
            }
            Ok(())
        })();
        if published.is_err() {
            for temporary in temporaries {
                // It may have got its name; the first error is the one to tell.
                let _ = fs::remove_file(temporary);
            }
        }
        let settled = if named.is_empty() {
            Ok(())
        } else {
            self.settle(&named, sync)
        };
        published.and(settled)
    }

    /// Writes content beside the file that is to have it; returns where.
    fn write_temporary(&self, path: &Path, content: &[u8], sync: bool) -> io::Result<PathBuf> {
        let temporary = temporary_sibling(path);
        let written = self.create(&temporary).and_then(|mut file| {
            file.write_all(content)?;
            if sync { file.sync_all() } else { Ok(()) }
        });
        match written {
            Ok(()) => Ok(temporary),
            Err(error) => {
                // It may never have been made; the first error is the one to tell.
                let _ = fs::remove_file(&temporary);
                Err(error)
            }
        }
    }

    /// Gives a temporary file its name. Writes it again when its folder was deleted in between:
    /// then the two happened in the other order.
    fn name(
        &self,
        mut temporary: PathBuf,
        path: &Path,
        content: &[u8],
        sync: bool,
    ) -> io::Result<()> {
        let mut attempts = 0;
        while let Err(error) = fs::rename(&temporary, path) {
            if error.kind() != io::ErrorKind::NotFound || attempts == ATTEMPTS {
                // The first error is the one to tell.
                let _ = fs::remove_file(&temporary);
                return Err(error);
            }
            attempts += 1;
            temporary = self.write_temporary(path, content, sync)?;
        }
        Ok(())
    }

    /// Gives a file or folder another name, replacing a file, and syncs the folder it arrives in.
    ///
    /// The folder it leaves is not synced: the journal of a file system keeps both halves of a
    /// rename together, and where it does not, both names exist after a crash, which loses
    /// nothing.
    pub(super) fn rename(&self, from: &Path, to: &Path, sync: bool) -> io::Result<()> {
        self.rename_unsettled(from, to)?;
        self.settle(&[to], sync)
    }

    fn rename_unsettled(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut attempts = 0;
        while let Err(error) = fs::rename(from, to) {
            // Either the source is missing, which this tells, or the target's folder, which others
            // tidy away while it is empty.
            if error.kind() != io::ErrorKind::NotFound || attempts == ATTEMPTS {
                return Err(error);
            }
            attempts += 1;
            fs::symlink_metadata(from)?;
            self.create_folders(parent(to))?;
        }
        Ok(())
    }

    /// Deletes a file, or a folder with all that is in it, and syncs the folder above.
    ///
    /// What others write into the folder meanwhile stays: it came after.
    pub(super) fn delete(&self, path: &Path, sync: bool) -> io::Result<()> {
        if fs::symlink_metadata(path)?.is_dir() {
            match fs::remove_dir_all(path) {
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                // Somebody else deletes it too.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
        } else {
            fs::remove_file(path)?;
        }
        if !sync {
            return Ok(());
        }
        self.or_unsettled(|| {
            self.settle_others()?;
            match sync_folder(parent(path)) {
                // The folder above went too, by another hand: then so did this, for good.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                synced => synced,
            }
        })
    }

    /// Makes a new file, and the folders above it.
    fn create(&self, path: &Path) -> io::Result<File> {
        self.open_making_folders(OpenOptions::new().write(true).create_new(true), path)
    }

    /// Opens a file, making the folders above it when they are missing. Tries again when a folder
    /// vanishes in between: empty folders are tidied away by others.
    pub(super) fn open_making_folders(
        &self,
        options: &OpenOptions,
        path: &Path,
    ) -> io::Result<File> {
        for _ in 0..ATTEMPTS {
            match options.open(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.create_folders(parent(path))?;
                }
                opened => return opened,
            }
        }
        options.open(path)
    }

    /// Makes a folder and those above it, but never the root; they are not durable yet.
    fn create_folders(&self, folder: &Path) -> io::Result<()> {
        let root = self.root.path();
        if folder == root || parent(folder) == root {
            self.root.check()?;
        }
        if folder == root {
            return Ok(());
        }
        let mut attempts = 0;
        while let Err(error) = fs::create_dir(folder) {
            match error.kind() {
                io::ErrorKind::AlreadyExists => return Ok(()),
                // Others may tidy the one above away again before there is anything in it.
                io::ErrorKind::NotFound if attempts < ATTEMPTS => {
                    attempts += 1;
                    self.create_folders(parent(folder))?;
                }
                _ => return Err(error),
            }
        }
        // One of this name may have been deleted, by us or by hand, since it was synced.
        self.known().remove(folder);
        Ok(())
    }

    /// Makes entries that were just written durable, with all folders that lead to them.
    fn settle(&self, paths: &[&Path], sync: bool) -> io::Result<()> {
        if !sync {
            return Ok(());
        }
        self.or_unsettled(|| {
            self.settle_others()?;
            paths
                .iter()
                .try_for_each(|path| match self.settle_own(path) {
                    // Somebody has since moved away or deleted what was just written, and then the
                    // folder. Wherever it is now, it was visible and is about to be acknowledged.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        self.root.check()?;
                        self.sync_everything()
                    }
                    settled => settled,
                })
        })
    }

    fn settle_own(&self, path: &Path) -> io::Result<()> {
        let folder = parent(path);
        sync_folder(folder)?;
        let unknown: Vec<&Path> = {
            let known = self.known();
            folder
                .ancestors()
                .take_while(|above| *above != self.root.path() && !known.contains(*above))
                .collect()
        };
        for above in &unknown {
            sync_folder(parent(above))?;
        }
        // Only now: whoever finds a folder among the known relies on all those above it.
        let mut known = self.known();
        if known.len() + unknown.len() > KNOWN_FOLDERS {
            known.clear();
        }
        known.extend(unknown.into_iter().map(Path::to_owned));
        Ok(())
    }

    /// Makes durable what another process, or a call that failed, has left: all of the file system,
    /// once, and then nothing. Those who come meanwhile wait, since they rely on it too.
    fn settle_others(&self) -> io::Result<()> {
        let mut unsettled = lock(&self.unsettled);
        if *unsettled {
            self.sync_everything()?;
            *unsettled = false;
        }
        Ok(())
    }

    fn sync_everything(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(self.root.path())?)?)
    }

    /// Notes when a change that can be seen could not be synced.
    fn or_unsettled(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let synced = sync();
        if synced.is_err() {
            *lock(&self.unsettled) = true;
        }
        synced
    }

    /// Holds back everybody who wants to make a change durable.
    #[cfg(test)]
    pub(super) fn hold_back(&self) -> MutexGuard<'_, bool> {
        lock(&self.unsettled)
    }

    #[cfg(test)]
    pub(super) fn known_folders(&self) -> HashSet<PathBuf> {
        self.known().clone()
    }

    fn known(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        lock(&self.durable)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds a lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

fn temporary_sibling(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}{TEMPORARY}", uuid::Uuid::new_v4()));
    path.with_file_name(name)
}

/// How often a vanished folder is made again before the error is told.
const ATTEMPTS: usize = 64;
/// How many folders are remembered, so that memory stays bounded; the next ones are synced anew.
const KNOWN_FOLDERS: usize = 16_384;
