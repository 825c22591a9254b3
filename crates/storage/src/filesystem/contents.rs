//! What small files hold, kept as long as it is proven true.
//!
//! A request for an image reads the same few links and the same manifest as the one before. What
//! such a file holds is kept beside the file's [`Stamp`], and whoever reads it again looks the
//! stamp up: one system call instead of four proves that nobody has written, replaced or deleted
//! it, by anybody's hand. Where it cannot be proven, the file is read each time.

use std::{
    collections::HashMap,
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
    StoragePath,
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

/// Contents within a budget of memory, in two generations: what is asked for moves to the young
/// one, and when that is full the old one goes and the young one becomes old.
#[derive(Debug)]
struct Kept {
    young: HashMap<StoragePath, Content>,
    old: HashMap<StoragePath, Content>,
    /// How much memory the young generation takes, in bytes.
    bytes: usize,
    /// How much it may take.
    budget: usize,
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
                young: HashMap::new(),
                old: HashMap::new(),
                bytes: 0,
                budget: budget / 2,
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
        let kept = self.kept().find(path);
        if let Some(content) = kept {
            if Stamp::of(&fs::metadata(located)?) == content.stamp {
                return Ok(content.bytes);
            }
            self.kept().forget(path, content.stamp);
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
            let bytes = bytes.clone();
            self.kept().keep(path.clone(), Content { stamp, bytes });
        }
        Ok(bytes)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing panics while it holds the lock.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn find(&mut self, path: &StoragePath) -> Option<Content> {
        if let Some(content) = self.young.get(path) {
            return Some(content.clone());
        }
        let (path, content) = self.old.remove_entry(path)?;
        self.keep(path, content.clone());
        Some(content)
    }

    fn keep(&mut self, path: StoragePath, content: Content) {
        let bytes = memory(&path, &content);
        if self.bytes + bytes > self.budget {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += bytes;
        if let Some(replaced) = self.young.remove(&path) {
            self.bytes -= memory(&path, &replaced);
        }
        self.young.insert(path, content);
    }

    /// Drops what is not true any more, unless another has kept something newer since.
    fn forget(&mut self, path: &StoragePath, stamp: Stamp) {
        if self.young.get(path).is_some_and(|kept| kept.stamp == stamp)
            && let Some((path, content)) = self.young.remove_entry(path)
        {
            self.bytes -= memory(&path, &content);
        }
    }

    /// Whether a file was read a short while ago; from now on it was.
    fn is_read_again(&mut self, path: &StoragePath) -> bool {
        let hash = self.hasher.hash_one(path);
        let slot = &mut self.read[hash as usize % READ];
        std::mem::replace(slot, hash) == hash
    }
}

/// How much memory a content takes with its path, about.
fn memory(path: &StoragePath, content: &Content) -> usize {
    content.bytes.len() + path.as_str().len() + 2 * size_of::<(StoragePath, Content)>()
}

/// How much memory the contents may take, in bytes: some 8,000 links.
pub(super) const BUDGET: usize = 4 * 1024 * 1024;
/// The largest file that is kept, in bytes.
const LARGEST: usize = 64 * 1024;
/// How many of the files that were read last are known.
const READ: usize = 1024;

#[cfg(test)]
mod tests;
