//! What large folders hold, kept as long as it is proven true.
//!
//! A page in the middle of 100,000 names needs all of them read and sorted, which takes a hundred
//! times as long as the page. So the sorted names of a large folder are kept beside the folder's
//! [`Stamp`], and the next page looks the stamp up: one system call proves that no entry came or
//! went, by anybody's hand. Where it cannot be proven, the folder is read each time.

use std::{
    collections::HashMap,
    fs, io,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    ListPage, StoragePath,
    filesystem::{
        folder::{Folder, SETTLING, Stamp},
        names::Names,
    },
};

/// The listings of large folders.
#[derive(Debug)]
pub(super) struct Listings {
    kept: Mutex<Kept>,
    /// The large folders that are being read, with those who wait for them.
    readings: Mutex<HashMap<StoragePath, Arc<Reading>>>,
    /// How long a folder must have been unchanged to be kept.
    settling: Duration,
    #[cfg(test)]
    reads: AtomicU64,
}

/// Listings within a budget of memory; the one that was not asked for the longest goes first.
#[derive(Debug, Default)]
struct Kept {
    listings: HashMap<StoragePath, Listing>,
    budget: usize,
    bytes: usize,
    /// Counts the questions, to tell which listing was asked for last.
    asked: u64,
}

#[derive(Debug)]
struct Listing {
    stamp: Stamp,
    names: Arc<Names>,
    bytes: usize,
    asked: u64,
}

/// One large folder, read by one at a time on behalf of all who wait.
#[derive(Debug, Default)]
struct Reading {
    /// How many times the reading was begun.
    begun: AtomicU64,
    /// The last one that ended, by the number of its beginning. Locked while the folder is read.
    ended: Mutex<Option<(u64, Arc<Names>)>>,
}

impl Listings {
    /// Keeps listings of so many bytes.
    pub(super) fn new(budget: usize) -> Self {
        Self {
            kept: Mutex::new(Kept {
                budget,
                ..Kept::default()
            }),
            readings: Mutex::default(),
            settling: SETTLING,
            #[cfg(test)]
            reads: AtomicU64::new(0),
        }
    }

    /// The names of a folder that is small, or is kept; `None` if it must be [read](Self::read).
    pub(super) fn at_once(
        &self,
        folder: &StoragePath,
        located: &Path,
    ) -> io::Result<Option<Arc<Names>>> {
        if let Some(names) = self.recall(folder, located)? {
            return Ok(Some(names));
        }
        let small = Folder::open(located)?.read_small()?;
        Ok(small.map(Arc::new))
    }

    /// Reads a large folder. Those who ask for it at once share a reading, but none that began
    /// before they asked: it may lack what was written before they did.
    pub(super) fn read(
        &self,
        folder: &StoragePath,
        located: &Path,
        page: &ListPage,
    ) -> io::Result<Arc<Names>> {
        let (reading, begun_before) = {
            let mut readings = lock(&self.readings);
            let reading = Arc::clone(readings.entry(folder.clone()).or_default());
            let begun = reading.begun.load(Ordering::SeqCst);
            (reading, begun)
        };
        let names = self.take_part(&reading, begun_before, folder, located, page);
        let mut readings = lock(&self.readings);
        // The last one but the map itself.
        if Arc::strong_count(&reading) == 2 {
            readings.remove(folder);
        }
        names
    }

    fn take_part(
        &self,
        reading: &Reading,
        begun_before: u64,
        folder: &StoragePath,
        located: &Path,
        page: &ListPage,
    ) -> io::Result<Arc<Names>> {
        let mut ended = lock(&reading.ended);
        if let Some((number, names)) = &*ended
            && *number > begun_before
        {
            return Ok(Arc::clone(names));
        }
        if let Some(names) = self.recall(folder, located)? {
            return Ok(names);
        }
        let number = reading.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let opened = Folder::open(located)?;
        #[cfg(test)]
        self.reads.fetch_add(1, Ordering::SeqCst);
        let proof = opened.proof(self.settling)?;
        let mut names = opened.read_whole()?;
        names.shrink();
        let names = Arc::new(names);
        // Who takes all there is will not come back for the next page.
        if (page.after.is_some() || page.limit < names.len())
            && let Some(stamp) = proof
        {
            lock(&self.kept).keep(folder, stamp, &names);
        }
        *ended = Some((number, Arc::clone(&names)));
        Ok(names)
    }

    /// What is kept of a folder, if the folder still bears the stamp that it had.
    fn recall(&self, folder: &StoragePath, located: &Path) -> io::Result<Option<Arc<Names>>> {
        let Some((stamp, names)) = lock(&self.kept).find(folder) else {
            return Ok(None);
        };
        if Stamp::of(&fs::metadata(located)?) == stamp {
            return Ok(Some(names));
        }
        lock(&self.kept).forget(folder, stamp);
        Ok(None)
    }
}

impl Kept {
    fn find(&mut self, folder: &StoragePath) -> Option<(Stamp, Arc<Names>)> {
        let listing = self.listings.get_mut(folder)?;
        self.asked += 1;
        listing.asked = self.asked;
        Some((listing.stamp, Arc::clone(&listing.names)))
    }

    fn keep(&mut self, folder: &StoragePath, stamp: Stamp, names: &Arc<Names>) {
        let bytes = names.bytes() + folder.as_str().len() + size_of::<(StoragePath, Listing)>();
        self.remove(folder);
        if bytes > self.budget {
            return;
        }
        while self.bytes + bytes > self.budget {
            let oldest = self.listings.iter().min_by_key(|(_, kept)| kept.asked);
            let Some(oldest) = oldest.map(|(folder, _)| folder.clone()) else {
                break;
            };
            self.remove(&oldest);
        }
        self.asked += 1;
        self.bytes += bytes;
        let listing = Listing {
            stamp,
            names: Arc::clone(names),
            bytes,
            asked: self.asked,
        };
        self.listings.insert(folder.clone(), listing);
    }

    /// Drops a listing that is not true any more, unless another has kept a newer one since.
    fn forget(&mut self, folder: &StoragePath, stamp: Stamp) {
        if self
            .listings
            .get(folder)
            .is_some_and(|listing| listing.stamp == stamp)
        {
            self.remove(folder);
        }
    }

    fn remove(&mut self, folder: &StoragePath) {
        if let Some(listing) = self.listings.remove(folder) {
            self.bytes -= listing.bytes;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic could leave behind its locks is whole, or is read anew.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How much memory the listings may take, besides those that are being read: a million names of
/// tags, or 450,000 digests.
pub(super) const BUDGET: usize = 32 * 1024 * 1024;

#[cfg(test)]
mod tests;
