//! What can go wrong with stored bytes, named by outcome.

use std::io;

use crate::StoragePath;

/// An operation of a driver that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing is stored at the path.
    #[error("nothing is stored at \"{path}\"")]
    NotFound {
        /// The path that was asked for.
        path: StoragePath,
    },
    /// Another writer has the file open; writers exclude each other.
    #[error("\"{path}\" is being written by somebody else")]
    Busy {
        /// The file that is being written.
        path: StoragePath,
    },
    /// The range begins past the end of the file.
    #[error("the range lies outside the {size} bytes of \"{path}\"")]
    RangeOutside {
        /// The file that was to be read.
        path: StoragePath,
        /// Its whole size in bytes.
        size: u64,
    },
    /// No space, or no quota, is left.
    #[error("no space is left to write \"{path}\"")]
    Full {
        /// The path that was to be written.
        path: StoragePath,
        /// What the system said.
        source: io::Error,
    },
    /// The store does not take writes.
    #[error("the store is read-only: \"{path}\" cannot be written")]
    ReadOnly {
        /// The path that was to be written.
        path: StoragePath,
        /// What the system said.
        source: io::Error,
    },
    /// Any other failure of the system below.
    #[error("cannot {operation} \"{path}\"")]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The path it was tried on.
        path: StoragePath,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// Names the outcome of a failed system call on `path`.
    #[must_use]
    pub fn from_io(operation: &'static str, path: &StoragePath, source: io::Error) -> Self {
        let path = path.clone();
        match source.kind() {
            // A file where a folder was expected: nothing can be stored below it.
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Full { path, source }
            }
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path, source },
            _ => Self::Io {
                operation,
                path,
                source,
            },
        }
    }

    /// Whether the outcome is that nothing is stored there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}
