//! The kernel's memory of files, which makes a warm store of a cold one.

use std::fs::File;
use std::path::PathBuf;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

use crate::Outcome;

/// Has the kernel drop the pages of files, so that they are read from the disk again; the machine below may still remember them.
pub(crate) fn forget(files: &[PathBuf]) -> Outcome {
    for file in files {
        let file = File::open(file)?;
        // Pages that are not written yet would stay.
        file.sync_all()?;
        posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
    }
    Ok(())
}
