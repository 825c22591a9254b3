//! What a driver is configured with. The server reads it from `storage.<driver>`.

use std::path::PathBuf;

/// `storage.filesystem`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesystemConfig {
    /// The folder that holds the store.
    pub rootdirectory: PathBuf,
    /// How many file operations may block at once.
    pub maxthreads: usize,
    /// What an acknowledged write survives.
    pub durability: Durability,
}

impl FilesystemConfig {
    /// A store in `rootdirectory`, with Distribution's defaults for the rest.
    #[must_use]
    pub fn new(rootdirectory: impl Into<PathBuf>) -> Self {
        Self {
            rootdirectory: rootdirectory.into(),
            maxthreads: DEFAULT_MAX_THREADS,
            durability: Durability::Full,
        }
    }
}

/// `storage.filesystem.durability`: what an acknowledged write survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A power cut: files and folders are synced before the answer.
    #[default]
    Full,
    /// The end of this process only: for caches that can be filled again.
    None,
}

/// How many file operations may block at once when nothing is configured.
pub const DEFAULT_MAX_THREADS: usize = 100;
