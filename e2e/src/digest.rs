//! Digests, computed here so that no server has to be believed.

use sha2::{Digest, Sha256, Sha512};

/// The sha256 digest of some bytes, written out.
pub fn of(bytes: &[u8]) -> String {
    written(Sha256::new_with_prefix(bytes))
}

/// The sha512 digest of some bytes, written out.
pub fn sha512_of(bytes: &[u8]) -> String {
    format!("sha512:{}", hex(&Sha512::digest(bytes)))
}

/// The digest that a hasher has come to, written out.
pub fn written(hasher: Sha256) -> String {
    format!("sha256:{}", hex(&hasher.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
