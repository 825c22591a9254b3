//! The root folder: where it is, and whether it is still there.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The folder that holds the store, as it was when the store was opened.
///
/// What is missing below a root that is missing itself is not absent: the volume is not mounted, or
/// somebody moved it. So whoever finds nothing asks [`Root::check`] before saying so, and nothing
/// ever makes the root again: what is written would lie in the mount point, under the volume. A
/// check costs one look-up, and only those who found nothing pay for it.
///
/// A root that is a folder is used whichever folder it is. Operators do delete a store and make it
/// anew while it is served, and one that was moved away may come back.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
    /// The file system that appears at the root when the volume that it is on goes.
    beneath: Option<u64>,
}

/// Why there is no store at its root.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RootLost {
    #[error("the root folder \"{}\" is gone", root.display())]
    Missing { root: PathBuf },
    #[error("the root folder \"{}\" was replaced by a file", root.display())]
    NotAFolder { root: PathBuf },
    #[error("the volume of the root folder \"{}\" is not mounted any more", root.display())]
    Unmounted { root: PathBuf },
}

impl Root {
    /// A root that exists.
    pub(super) fn new(path: PathBuf) -> Self {
        let beneath = file_system_beneath(&path).unwrap_or_default();
        Self { path, beneath }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the store is where it was.
    ///
    /// # Errors
    /// [`RootLost`], or what the system said when it could not tell.
    pub(super) fn check(&self) -> io::Result<()> {
        let root = || self.path.clone();
        let lost = match fs::metadata(&self.path) {
            Ok(metadata) if !metadata.is_dir() => RootLost::NotAFolder { root: root() },
            Ok(metadata) if self.beneath == Some(metadata.dev()) => {
                RootLost::Unmounted { root: root() }
            }
            Ok(_) => return Ok(()),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                    RootLost::Missing { root: root() }
                }
                _ => return Err(error),
            },
        };
        Err(io::Error::other(lost))
    }
}

/// The file system on which the root's volume is mounted: that of the nearest folder above which
/// is on another one. A volume that is mounted anew may have another number, so the number to know
/// is that of what lies below it.
fn file_system_beneath(root: &Path) -> io::Result<Option<u64>> {
    let own = fs::metadata(root)?.dev();
    for above in fs::canonicalize(root)?.ancestors() {
        let device = fs::metadata(above)?.dev();
        if device != own {
            return Ok(Some(device));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
