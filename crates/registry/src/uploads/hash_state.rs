//! The running hash of an upload, and its form in the store, which is Distribution's.
//!
//! A stored state lets another process continue an upload without reading it again: this
//! registry after a restart, another replica, or Distribution.

use bytes::{BufMut, Bytes, BytesMut};
use sha2::{
    Digest as _, Sha256,
    digest::common::hazmat::{SerializableState, SerializedState},
};
use wharf_oci::{Algorithm, Digest};

/// A SHA-256 in progress.
#[derive(Debug, Clone)]
pub(crate) struct HashState {
    hash: Sha256,
    length: u64,
}

impl HashState {
    /// The hash of nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            hash: Sha256::new(),
            length: 0,
        }
    }

    /// How many bytes were hashed.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Hashes the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// The digest of all that was hashed.
    pub(crate) fn finish(self) -> Digest {
        Digest::from_hash(Algorithm::Sha256, &self.hash.finalize())
    }

    /// The state as Go's `crypto/sha256` marshals it: a magic, the eight words, the block in
    /// progress, the length (reference, section 3.1).
    pub(crate) fn to_stored(&self) -> Bytes {
        let ours = self.hash.serialize();
        let mut stored = BytesMut::with_capacity(STORED_LENGTH);
        stored.put_slice(MAGIC);
        for word in ours[..WORDS].chunks_exact(4) {
            stored.extend(word.iter().rev());
        }
        // Ours has the number of bytes in the block, then 63 bytes; Go's the block of 64.
        stored.put_slice(&ours[BLOCK + 1..]);
        stored.put_u8(0);
        stored.put_u64(self.length);
        stored.freeze()
    }

    /// Reads a stored state of `length` hashed bytes; `None` when it is not one.
    pub(crate) fn from_stored(stored: &[u8], length: u64) -> Option<Self> {
        if stored.len() != STORED_LENGTH || !stored.starts_with(MAGIC) {
            return None;
        }
        let (words, rest) = stored[MAGIC.len()..].split_at(WORDS);
        let (block, hashed) = rest.split_at(BLOCK_LENGTH);
        if hashed != length.to_be_bytes() {
            return None;
        }
        let in_block = (length % BLOCK_LENGTH as u64) as usize;
        let mut ours = SerializedState::<Sha256>::default();
        for (ours, theirs) in ours[..WORDS].chunks_exact_mut(4).zip(words.chunks_exact(4)) {
            ours.copy_from_slice(theirs);
            ours.reverse();
        }
        let blocks = length / BLOCK_LENGTH as u64;
        ours[WORDS..BLOCK].copy_from_slice(&blocks.to_le_bytes());
        ours[BLOCK] = in_block as u8;
        ours[BLOCK + 1..][..in_block].copy_from_slice(&block[..in_block]);
        let hash = Sha256::deserialize(&ours).ok()?;
        Some(Self { hash, length })
    }
}

const MAGIC: &[u8; 4] = b"sha\x03";
/// The eight words of the state, in bytes.
const WORDS: usize = 32;
/// Where our form has the block in progress: after the words and the count of blocks.
const BLOCK: usize = WORDS + 8;
const BLOCK_LENGTH: usize = 64;
const STORED_LENGTH: usize = 108;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_state_continues_at_every_offset() {
        let content: Vec<u8> = (0..=255).cycle().take(200).collect();
        let whole = Digest::sha256(&content);
        for offset in 0..=content.len() {
            let mut begun = HashState::new();
            begun.update(&content[..offset]);
            let stored = begun.to_stored();
            assert_eq!(stored.len(), STORED_LENGTH);
            let mut continued = HashState::from_stored(&stored, offset as u64).unwrap();
            assert_eq!(continued.length(), offset as u64);
            continued.update(&content[offset..]);
            assert_eq!(continued.finish(), whole, "continued at {offset}");
        }
    }

    /// A state that Go's `crypto/sha256` marshalled after hashing "abc".
    #[test]
    fn the_form_is_that_of_go() {
        let mut expected = MAGIC.to_vec();
        for word in [
            0x6a09_e667_u32,
            0xbb67_ae85,
            0x3c6e_f372,
            0xa54f_f53a,
            0x510e_527f,
            0x9b05_688c,
            0x1f83_d9ab,
            0x5be0_cd19,
        ] {
            expected.extend(word.to_be_bytes());
        }
        expected.extend(b"abc");
        expected.resize(STORED_LENGTH - 8, 0);
        expected.extend(3_u64.to_be_bytes());
        let mut state = HashState::new();
        state.update(b"abc");
        assert_eq!(state.to_stored(), expected);
    }

    #[test]
    fn what_is_not_a_state_is_refused() {
        let mut state = HashState::new();
        state.update(b"abc");
        let good = state.to_stored();
        assert!(HashState::from_stored(&good, 3).is_some());
        assert!(HashState::from_stored(&good, 4).is_none(), "another offset");
        assert!(HashState::from_stored(&good[1..], 3).is_none(), "cut off");
        assert!(HashState::from_stored(b"", 0).is_none(), "empty");
        assert!(
            HashState::from_stored(&[0; STORED_LENGTH], 0).is_none(),
            "zeros"
        );
    }
}
