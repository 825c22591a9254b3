//! What small files hold, kept as long as it is proven true.
//!
//! A request for an image reads the same few links and the same manifest as the one before. What
//! such a file holds is kept beside the file's [`Stamp`], and whoever reads it again looks the
//! stamp up: one system call instead of four proves that nobody has written, replaced or deleted
//! it, by anybody's hand. Where it cannot be proven, the file is read each time.

use std::{
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;

use crate::{
    Generations, StoragePath,
    filesystem::folder::{SETTLING, Stamp},
};

/// The contents of small files.
#[derive(Debug)]
pub(super) struct Contents {
    kept: Mutex<Kept>,
    /// How long a file must have been unchanged to be kept.
    settling: Duration,
    #[cfg(test)]
    reads: std::sync::atomic::AtomicU64,
}

#[derive(Debug)]
struct Kept {
    contents: Generations<StoragePath, Content>,
    /// The files that were read last, by the hashes of their paths: what is read once only, as a
    /// collection does, does not drive out what is read again and again.
    read: [u64; READ],
    hasher: RandomState,
}

#[derive(Debug, Clone)]
struct Content {
    stamp: Stamp,
    bytes: Bytes,
}

impl Contents {
    /// Keeps contents of so many bytes.
    pub(super) fn new(budget: usize) -> Self {
        Self {
            kept: Mutex::new(Kept {
                contents: Generations::new(budget),
                read: [0; READ],
                hasher: RandomState::new(),
            }),
            settling: SETTLING,
            #[cfg(test)]
            reads: std::sync::atomic::AtomicU64::new(0),
        }
    }

    /// What a file holds now.
    ///
    /// # Errors
    /// Those of the system; a folder is no file.
    pub(super) fn read(&self, path: &StoragePath, located: &Path) -> io::Result<Bytes> {
        let kept = self.kept().contents.find(path);
        if let Some(content) = kept {
            if Stamp::of(&fs::metadata(located)?) == content.stamp {
                return Ok(content.bytes);
            }
            // Another may have kept something newer since.
            let is_it = |kept: &Content| kept.stamp == content.stamp;
            self.kept().contents.forget_if(path, is_it);
        }
        let file = File::open(located)?;
        #[cfg(test)]
        self.reads.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let metadata = file.metadata()?;
        let size = metadata.size() as usize;
        let mut content = Vec::with_capacity(size);
        let is_wanted = size <= LARGEST && self.kept().is_read_again(path);
        let proof = if is_wanted {
            Stamp::proof(&file, self.settling)?
        } else {
            None
        };
        // Up to the size only: it spares the system call that would find the end.
        file.take(size as u64).read_to_end(&mut content)?;
        let bytes = Bytes::from(content);
        if let Some(stamp) = proof {
            let memory = bytes.len() + path.as_str().len() + ENTRY;
            let bytes = bytes.clone();
            let content = Content { stamp, bytes };
            self.kept().contents.keep(path.clone(), content, memory);
        }
        Ok(bytes)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing panics while it holds the lock.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Whether a file was read a short while ago; from now on it was.
    fn is_read_again(&mut self, path: &StoragePath) -> bool {
        let hash = self.hasher.hash_one(path);
        let slot = &mut self.read[hash as usize % READ];
        std::mem::replace(slot, hash) == hash
    }
}

/// How much memory the contents may take, in bytes: some 8,000 links.
pub(super) const BUDGET: usize = 4 * 1024 * 1024;
/// How much memory each takes beside its text and its path, in bytes, about.
const ENTRY: usize = 2 * size_of::<(StoragePath, Content)>();
/// The largest file that is kept, in bytes.
const LARGEST: usize = 64 * 1024;
/// How many of the files that were read last are known.
const READ: usize = 1024;

#[cfg(test)]
mod tests;
