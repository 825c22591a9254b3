//! Digests, computed here so that no server has to be believed.

use sha2::{Digest, Sha256};

/// The sha256 digest of some bytes, written out.
pub fn of(bytes: &[u8]) -> String {
    written(Sha256::new_with_prefix(bytes))
}

/// The digest that a hasher has come to, written out.
pub fn written(hasher: Sha256) -> String {
    let hex = hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    format!("sha256:{hex}")
}
