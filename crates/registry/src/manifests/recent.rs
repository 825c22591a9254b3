//! Manifests that were read a short while ago, so that the same bytes are hashed and parsed once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use wharf_oci::{Digest, Manifest};
use wharf_storage::Generations;

use crate::{Error, manifests::understood};

/// Manifests that were understood lately.
///
/// They stand for bytes, not for digests: the store is asked for the bytes each time, and only
/// where it answers with the very same ones, in the same place of memory, is there nothing more to
/// find out about them. A driver that keeps what it has read gives such an answer.
#[derive(Debug)]
pub(crate) struct Recent {
    manifests: Mutex<Generations<Digest, Manifest>>,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            manifests: Mutex::new(Generations::new(BUDGET)),
        }
    }
}

impl Recent {
    /// What bytes mean that are stored as a manifest with this digest.
    ///
    /// # Errors
    /// [`Error::Damaged`] when they are not what the digest says, or cannot be understood.
    pub(crate) fn understood(&self, digest: &Digest, bytes: Bytes) -> Result<Manifest, Error> {
        let known = self.manifests().find(digest);
        if let Some(known) = known.filter(|known| is_same(known.bytes(), &bytes)) {
            return Ok(known);
        }
        let manifest = understood(digest, bytes)?;
        let size = manifest.bytes().len();
        if size <= LARGEST {
            self.manifests()
                .keep(digest.clone(), manifest.clone(), size);
        }
        Ok(manifest)
    }

    fn manifests(&self) -> MutexGuard<'_, Generations<Digest, Manifest>> {
        // Nothing panics while it holds the lock.
        self.manifests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether it is the same memory. What a manifest that is kept holds is not freed, so nothing else
/// can come to lie there.
fn is_same(a: &Bytes, b: &Bytes) -> bool {
    a.as_ptr() == b.as_ptr() && a.len() == b.len()
}

/// The sizes of the manifests that are kept, in bytes. What was parsed takes about three times as
/// much, so that all takes up to 4 MiB.
const BUDGET: usize = 1024 * 1024;
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
        let known = recent.manifests().find(digest);
        known.is_some_and(|known| is_same(known.bytes(), bytes))
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
    fn a_large_manifest_is_not_kept() {
        let recent = Recent::default();
        let (digest, bytes) = manifest(&"x".repeat(LARGEST));
        recent.understood(&digest, bytes.clone()).unwrap();
        assert!(!kept(&recent, &digest, &bytes));
    }
}
