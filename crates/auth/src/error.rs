//! What can go wrong with an access controller.

use std::io;
use std::path::PathBuf;

/// An access controller that cannot be set up or cannot decide; no text holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A required option is absent or empty.
    #[error("\"{option}\" must be set for htpasswd access controller")]
    OptionMissing {
        /// The key in the configuration.
        option: &'static str,
    },
    /// The path of the password file names a directory.
    #[error("htpasswd file is a directory: {path:?}")]
    IsDirectory {
        /// The path configured.
        path: PathBuf,
    },
    /// The password file cannot be read.
    #[error("cannot read htpasswd file: {path:?}")]
    Unreadable {
        /// The path configured.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The password file does not exist and cannot be created.
    #[error("cannot create htpasswd file: {path:?}")]
    NotCreated {
        /// The path configured.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A line of the password file is neither an entry nor a comment.
    #[error("htpasswd file has no ':' in line {line}: {path:?}")]
    Entry {
        /// The path configured.
        path: PathBuf,
        /// The number of the line, counted from one.
        line: usize,
    },
    /// The system has no random numbers.
    #[error("no random numbers available")]
    Random(#[source] io::Error),
    /// The check of a password was given up, because the process is ending.
    #[error("password check was interrupted")]
    Interrupted,
}
