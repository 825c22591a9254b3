//! Changes of a file system that survive a power cut: write, sync, rename, sync the folder.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
};

/// The ending of temporary files; what has it was never acknowledged.
pub(super) const TEMPORARY: &str = ".tmp";

/// Replaces a file's content atomically, making the folders above it.
pub(super) fn replace(path: &Path, content: &[u8], sync: bool) -> io::Result<()> {
    let temporary = temporary_sibling(path);
    let written = create(&temporary, sync)
        .and_then(|mut file| {
            file.write_all(content)?;
            if sync { file.sync_all() } else { Ok(()) }
        })
        .and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // It may never have been made; the first error is the one to tell.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    sync_folder_of(path, sync)
}

/// Gives a file or folder another name, replacing a file, and syncs the folder it arrives in.
///
/// The folder it leaves is not synced: the journal of a file system keeps both halves of a rename
/// together, and where it does not, both names exist after a crash, which loses nothing.
pub(super) fn rename(from: &Path, to: &Path, sync: bool) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Either the source is missing, which the second try tells, or the target's folder.
            fs::symlink_metadata(from)?;
            create_folders(parent(to), sync)?;
            fs::rename(from, to)?;
        }
        other => other?,
    }
    sync_folder_of(to, sync)
}

/// Deletes a file, or a folder with all that is in it, and syncs the folder above.
pub(super) fn delete(path: &Path, sync: bool) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::remove_dir_all(path)?;
    } else {
        fs::remove_file(path)?;
    }
    match sync_folder_of(path, sync) {
        // The folder above went too, by another hand: then so did this, for good.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        synced => synced,
    }
}

/// Makes a new file, and the folders above it.
pub(super) fn create(path: &Path, sync: bool) -> io::Result<File> {
    open_making_folders(OpenOptions::new().write(true).create_new(true), path, sync)
}

/// Opens a file, making the folders above it when they are missing. Tries again when a folder
/// vanishes in between: empty folders are tidied away by others.
pub(super) fn open_making_folders(
    options: &OpenOptions,
    path: &Path,
    sync: bool,
) -> io::Result<File> {
    for _ in 0..ATTEMPTS {
        match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create_folders(parent(path), sync)?;
            }
            opened => return opened,
        }
    }
    options.open(path)
}

/// Makes a folder and those above it; each is durable when this returns.
fn create_folders(folder: &Path, sync: bool) -> io::Result<()> {
    match fs::create_dir(folder) {
        Ok(()) => sync_folder_of(folder, sync),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create_folders(parent(folder), sync)?;
            match fs::create_dir(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => sync_folder_of(folder, sync),
            }
        }
        Err(error) => Err(error),
    }
}

fn sync_folder_of(path: &Path, sync: bool) -> io::Result<()> {
    if !sync {
        return Ok(());
    }
    File::open(parent(path))?.sync_all()
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

fn temporary_sibling(path: &Path) -> std::path::PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}{TEMPORARY}", uuid::Uuid::new_v4()));
    path.with_file_name(name)
}

/// How often a vanished folder is made again before the error is told.
const ATTEMPTS: usize = 8;
