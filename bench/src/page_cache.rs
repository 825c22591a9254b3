//! The kernel's memory of files, which makes a warm store of a cold one.

use std::fs::File;
use std::io;
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

/// Has the kernel read files, so that they are remembered: it may have forgotten some since the last time, or a registry may have
/// written them past its memory.
pub(crate) fn fill(files: &[PathBuf]) -> Outcome {
    for file in files {
        io::copy(&mut File::open(file)?, &mut Discarded)?;
    }
    Ok(())
}

/// Takes everything and keeps nothing. Unlike `io::sink()` it makes `io::copy` read the bytes.
struct Discarded;

impl io::Write for Discarded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
