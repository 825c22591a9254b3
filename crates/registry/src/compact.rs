//! Digests by the million, in as little memory as they can take.

use std::collections::HashSet;

use wharf_oci::{Algorithm, Digest};

/// A digest as its bytes: 40 instead of the 110 of a [`Digest`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Compact {
    Sha256([u8; 32]),
    /// Any other, as text.
    Other(Box<str>),
}

/// A set of digests that may take one for a member that is none, of which the chance is one in
/// 10^26 among a million. Nobody can push such a digest on purpose for less than 2^64 hashes, and
/// then garbage is kept; so it is for what is to be kept. 16 bytes for each digest, in a table of
/// which up to half is empty.
#[derive(Debug, Default)]
pub(crate) struct DigestSet {
    /// The first half of the SHA-256 digests, and of the SHA-256 of the others.
    fingerprints: HashSet<u128>,
}

impl DigestSet {
    /// Adds a digest; tells whether it is new.
    pub(crate) fn insert(&mut self, digest: &Digest) -> bool {
        self.fingerprints.insert(fingerprint(digest))
    }

    pub(crate) fn contains(&self, digest: &Digest) -> bool {
        self.fingerprints.contains(&fingerprint(digest))
    }

    pub(crate) fn len(&self) -> usize {
        self.fingerprints.len()
    }
}

impl From<&Digest> for Compact {
    fn from(digest: &Digest) -> Self {
        match hash_of(digest) {
            Some(hash) => Self::Sha256(hash),
            None => Self::Other(digest.as_str().into()),
        }
    }
}

impl Compact {
    pub(crate) fn digest(&self) -> Digest {
        match self {
            Self::Sha256(hash) => Digest::from_hash(Algorithm::Sha256, hash),
            Self::Other(text) => {
                // It was a digest, mentioned at least.
                Digest::mentioned(text).unwrap_or_else(|_| Digest::sha256(text.as_bytes()))
            }
        }
    }
}

/// The bytes of a SHA-256 digest.
fn hash_of(digest: &Digest) -> Option<[u8; 32]> {
    if digest.algorithm() != Algorithm::Sha256 {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digest.hex().as_bytes().chunks_exact(2)) {
        *byte = nibble(pair[0]) << 4 | nibble(pair[1]);
    }
    Some(hash)
}

/// The value of a lower-case hex digit, of which those from `a` on have a higher bit set.
fn nibble(hex: u8) -> u8 {
    (hex & 0xf) + 9 * (hex >> 6)
}

fn fingerprint(digest: &Digest) -> u128 {
    let hash = hash_of(digest).or_else(|| hash_of(&Digest::sha256(digest.as_str().as_bytes())));
    let mut first_half = [0; 16];
    first_half.copy_from_slice(&hash.unwrap_or_default()[..16]);
    u128::from_be_bytes(first_half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compact_digest_is_the_same_digest_in_the_same_order() {
        let mut digests: Vec<Digest> = (0..50).map(|n| Digest::sha256(&[n])).collect();
        digests.sort();
        digests.push(Digest::of(Algorithm::Sha384, b"x"));
        digests.push(Digest::of(Algorithm::Sha512, b"x"));
        digests.push(Digest::mentioned("xxh3:0123456789").unwrap());
        let compact: Vec<Compact> = digests.iter().map(Compact::from).collect();
        assert!(compact.is_sorted());
        let back: Vec<Digest> = compact.iter().map(Compact::digest).collect();
        assert_eq!(back, digests);
        assert!(size_of::<Compact>() <= 40);
    }

    #[test]
    fn a_set_tells_digests_apart_by_their_hash_and_by_their_algorithm() {
        let mut set = DigestSet::default();
        let sha256 = Digest::sha256(b"x");
        let sha512 = Digest::of(Algorithm::Sha512, b"x");
        let same_digits = format!("sha512:{}{}", sha256.hex(), sha256.hex());
        let mentioned = Digest::mentioned("xxh3:0123456789").unwrap();
        assert!(set.insert(&sha256) && !set.insert(&sha256));
        for other in [sha512, same_digits.parse().unwrap(), mentioned] {
            assert!(!set.contains(&other), "{other}");
            assert!(set.insert(&other) && set.contains(&other), "{other}");
        }
        assert_eq!(set.len(), 4);
        // One that differs in the last digit only has the same first half, and is kept as well.
        let mut near = sha256.hex().to_owned();
        let last = if near.ends_with('0') { "1" } else { "0" };
        near.replace_range(63.., last);
        assert!(set.contains(&format!("sha256:{near}").parse().unwrap()));
    }
}
