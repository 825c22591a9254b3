//! What is known of the content of all blobs, in little memory.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest as _, Sha256};
use wharf_oci::{Algorithm, Digest};

use crate::verify::finding::Fault;

/// What is known of all blobs: about 100 bytes for each.
#[derive(Debug, Default)]
pub(super) struct Contents {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<Key, Entry>,
    /// What is wrong with those that are not whole.
    faults: HashMap<Key, Known>,
    /// The digests of another algorithm than SHA-256, which their keys do not tell: few.
    others: HashMap<Key, Digest>,
}

/// A SHA-256: that which a digest is, or else that of its text.
pub(super) type Key = [u8; 32];

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    size: u64,
    is_linked: bool,
    is_manifest: bool,
}

#[derive(Debug, Clone)]
struct Known {
    fault: Fault,
    /// Whether it was looked at twice.
    is_confirmed: bool,
}

/// How something names a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// As a config or layer.
    AsLayer,
    /// As a manifest.
    AsManifest,
}

impl Contents {
    /// Remembers that a repository has or names a blob.
    pub(super) fn name(&self, digest: &Digest, named: Named) {
        if let Some(entry) = self.lock().entries.get_mut(&key(digest)) {
            entry.is_linked = true;
            entry.is_manifest |= named == Named::AsManifest;
        }
    }

    /// The blobs that nobody named.
    pub(super) fn unnamed(&self) -> Vec<Key> {
        self.select(|entry, _| !entry.is_linked)
    }

    /// The blobs that are damaged or empty and that no repository has as a manifest.
    pub(super) fn in_the_way(&self) -> Vec<Key> {
        self.select(|entry, fault| {
            let is_damaged = matches!(fault, Some(Fault::Damaged { .. } | Fault::Empty));
            is_damaged && !entry.is_manifest
        })
    }

    /// All blobs, and how many bytes they have together.
    pub(super) fn all(&self) -> (Vec<Key>, u64) {
        let bytes = self.lock().entries.values().map(|entry| entry.size).sum();
        (self.select(|_, _| true), bytes)
    }

    /// Keys in their order, which is that of the folders of the blobs.
    fn select(&self, wanted: impl Fn(&Entry, Option<&Fault>) -> bool) -> Vec<Key> {
        let table = self.lock();
        let fault = |key| table.faults.get(key).map(|known| &known.fault);
        let mut selected: Vec<Key> = table
            .entries
            .iter()
            .filter(|(key, entry)| wanted(entry, fault(*key)))
            .map(|(key, _)| *key)
            .collect();
        drop(table);
        selected.sort_unstable();
        selected
    }

    /// The digest that a key stands for.
    pub(super) fn digest(&self, key: &Key) -> Digest {
        match self.lock().others.get(key) {
            Some(digest) => digest.clone(),
            None => Digest::from_hash(Algorithm::Sha256, key),
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.lock().entries.len() as u64
    }

    pub(super) fn found(&self, digest: &Digest, size: u64) {
        let mut table = self.lock();
        let entry = Entry {
            size,
            ..Entry::default()
        };
        table.entries.insert(key(digest), entry);
        if digest.algorithm() != Algorithm::Sha256 {
            table.others.insert(key(digest), digest.clone());
        }
    }

    pub(super) fn judged(&self, digest: &Digest, verdict: &Result<u64, Fault>) {
        let is_known = self.lock().entries.contains_key(&key(digest));
        if let (Ok(size), false) = (verdict, is_known) {
            // It has come since the blobs were listed.
            self.found(digest, *size);
        }
        let mut table = self.lock();
        match verdict {
            Ok(size) => {
                table.faults.remove(&key(digest));
                if let Some(entry) = table.entries.get_mut(&key(digest)) {
                    entry.size = *size;
                }
            }
            Err(fault) => {
                let known = Known {
                    fault: fault.clone(),
                    is_confirmed: false,
                };
                table.faults.insert(key(digest), known);
            }
        }
    }

    /// What is known of a blob. That one is missing is never known: it may have come.
    pub(super) fn known(&self, digest: &Digest) -> Option<Result<u64, Fault>> {
        let table = self.lock();
        match table.faults.get(&key(digest)) {
            Some(known) if known.fault == Fault::Missing => None,
            Some(known) => Some(Err(known.fault.clone())),
            None => table.entries.get(&key(digest)).map(|entry| Ok(entry.size)),
        }
    }

    /// Whether a blob is known not to be whole, by one look only.
    pub(super) fn is_doubtful(&self, digest: &Digest) -> bool {
        let table = self.lock();
        let known = table.faults.get(&key(digest));
        known.is_some_and(|known| !known.is_confirmed)
    }

    /// Remembers that a blob was looked at a second time.
    pub(super) fn confirmed(&self, digest: &Digest) {
        if let Some(known) = self.lock().faults.get_mut(&key(digest)) {
            known.is_confirmed = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing panics while it holds the lock.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(digest: &Digest) -> Key {
    let mut key = [0; 32];
    let hex = digest.hex().as_bytes();
    if digest.algorithm() != Algorithm::Sha256 || hex.len() != 64 {
        key.copy_from_slice(&Sha256::digest(digest.as_str().as_bytes()));
        return key;
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.wrapping_sub(b'a').wrapping_add(10),
    };
    for (byte, pair) in key.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = value(pair[0]) << 4 | value(pair[1]);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_for_its_digest_whatever_the_algorithm() {
        let contents = Contents::default();
        let algorithms = [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512];
        let digests = algorithms.map(|algorithm| Digest::of(algorithm, b"x"));
        for digest in &digests {
            contents.found(digest, 1);
        }
        for digest in &digests {
            assert_eq!(contents.digest(&key(digest)), *digest);
        }
        let (all, bytes) = contents.all();
        assert_eq!((all.len(), bytes, contents.count()), (3, 3, 3));
    }

    #[test]
    fn what_is_missing_is_looked_for_again_and_what_is_damaged_is_remembered() {
        let (contents, digest) = (Contents::default(), Digest::sha256(b"x"));
        contents.judged(&digest, &Err(Fault::Missing));
        assert_eq!(contents.known(&digest), None);
        contents.judged(&digest, &Err(Fault::Empty));
        assert_eq!(contents.known(&digest), Some(Err(Fault::Empty)));
        assert!(contents.is_doubtful(&digest));
        contents.confirmed(&digest);
        assert!(!contents.is_doubtful(&digest));
        contents.judged(&digest, &Ok(1));
        assert_eq!(contents.known(&digest), Some(Ok(1)));
    }
}
