//! Manifests that were read a short while ago, so that the same bytes are hashed and parsed once.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use wharf_oci::{Digest, Manifest};

use crate::{Error, manifests::understood};

/// Manifests that were understood lately.
///
/// They stand for bytes, not for digests: the store is asked for the bytes each time, and only
/// where it answers with the very same ones, in the same place of memory, is there nothing more to
/// find out about them. A driver that keeps what it has read gives such an answer.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    generations: Mutex<Generations>,
}

/// What is asked for moves to the young generation; when that is full the old one goes, and the
/// young one becomes old.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Digest, Manifest>,
    old: HashMap<Digest, Manifest>,
    /// The sizes of the young manifests, in bytes.
    bytes: usize,
}

impl Recent {
    /// What bytes mean that are stored as a manifest with this digest.
    ///
    /// # Errors
    /// [`Error::Damaged`] when they are not what the digest says, or cannot be understood.
    pub(crate) fn understood(&self, digest: &Digest, bytes: Bytes) -> Result<Manifest, Error> {
        if let Some(manifest) = self.change(|generations| generations.find(digest, &bytes)) {
            return Ok(manifest);
        }
        let manifest = understood(digest, bytes)?;
        self.change(|generations| generations.keep(manifest.clone()));
        Ok(manifest)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Generations) -> T) -> T {
        let generations = self.generations.lock();
        // Nothing panics while it holds the lock.
        change(&mut generations.unwrap_or_else(PoisonError::into_inner))
    }
}

impl Generations {
    fn find(&mut self, digest: &Digest, bytes: &Bytes) -> Option<Manifest> {
        if let Some(manifest) = self.young.get(digest) {
            return is_same(manifest.bytes(), bytes).then(|| manifest.clone());
        }
        let manifest = self.old.remove(digest)?;
        if !is_same(manifest.bytes(), bytes) {
            return None;
        }
        self.keep(manifest.clone());
        Some(manifest)
    }

    fn keep(&mut self, manifest: Manifest) {
        let size = manifest.bytes().len();
        if size > LARGEST {
            return;
        }
        if self.bytes + size > YOUNG {
            self.old = mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += size;
        if let Some(replaced) = self.young.insert(manifest.digest().clone(), manifest) {
            self.bytes -= replaced.bytes().len();
        }
    }
}

/// Whether it is the same memory. What a manifest that is kept holds is not freed, so nothing else
/// can come to lie there.
fn is_same(a: &Bytes, b: &Bytes) -> bool {
    a.as_ptr() == b.as_ptr() && a.len() == b.len()
}

/// The sizes of the manifests of one generation, in bytes. What was parsed takes about three times
/// as much, so that all takes up to 4 MiB.
const YOUNG: usize = 512 * 1024;
/// The largest manifest that is kept, in bytes.
const LARGEST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> (Digest, Bytes) {
        let json = format!(r#"{{"schemaVersion":2,"annotations":{{"text":"{text}"}}}}"#);
        (Digest::sha256(json.as_bytes()), Bytes::from(json))
    }

    fn kept(recent: &Recent, digest: &Digest, bytes: &Bytes) -> bool {
        recent.change(|generations| generations.find(digest, bytes).is_some())
    }

    #[test]
    fn the_same_bytes_are_understood_once() {
        let recent = Recent::default();
        let (digest, bytes) = manifest("a");
        let read = recent.understood(&digest, bytes.clone()).unwrap();
        assert_eq!(*read.digest(), digest);
        assert!(kept(&recent, &digest, &bytes));
        assert_eq!(recent.understood(&digest, bytes).unwrap(), read);
    }

    #[test]
    fn bytes_from_elsewhere_are_looked_at_even_if_they_are_equal() {
        let recent = Recent::default();
        let (digest, bytes) = manifest("a");
        recent.understood(&digest, bytes.clone()).unwrap();
        assert!(!kept(&recent, &digest, &Bytes::copy_from_slice(&bytes)));
        let (_, others) = manifest("b");
        let damaged = recent.understood(&digest, others);
        assert!(matches!(damaged, Err(Error::Damaged { .. })), "{damaged:?}");
        let cut = bytes.slice(..bytes.len() - 1);
        let damaged = recent.understood(&digest, cut);
        assert!(matches!(damaged, Err(Error::Damaged { .. })), "{damaged:?}");
    }

    #[test]
    fn memory_is_bounded_and_what_is_asked_for_stays() {
        let recent = Recent::default();
        let (often, its_bytes) = manifest("often");
        recent.understood(&often, its_bytes.clone()).unwrap();
        for n in 0..200 {
            let (digest, bytes) = manifest(&n.to_string().repeat(5000));
            recent.understood(&digest, bytes).unwrap();
            assert!(kept(&recent, &often, &its_bytes), "after {n}");
        }
        let (young, old) = recent.change(|generations| {
            let size = |kept: &HashMap<Digest, Manifest>| -> usize {
                kept.values().map(|manifest| manifest.bytes().len()).sum()
            };
            assert_eq!(generations.bytes, size(&generations.young));
            (size(&generations.young), size(&generations.old))
        });
        assert!(young <= YOUNG && old <= YOUNG, "{young} and {old} bytes");
        assert!(old > YOUNG / 2, "{old} bytes");
    }

    #[test]
    fn a_large_manifest_is_not_kept() {
        let recent = Recent::default();
        let (digest, bytes) = manifest(&"x".repeat(LARGEST));
        recent.understood(&digest, bytes.clone()).unwrap();
        assert!(!kept(&recent, &digest, &bytes));
    }
}
