//! Digests by both algorithms, computed here so that no server has to be believed.

use sha2::{Digest as _, Sha256, Sha512};

/// An algorithm that every test of content is run with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Which every registry must know.
    Sha256,
    /// Which the official suite uses as much.
    Sha512,
}

impl Algorithm {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// The digest of some bytes, written out.
    pub fn of(self, bytes: &[u8]) -> String {
        match self {
            Self::Sha256 => format!("sha256:{}", hex(&Sha256::digest(bytes))),
            Self::Sha512 => format!("sha512:{}", hex(&Sha512::digest(bytes))),
        }
    }

    /// A digest of nothing that was ever pushed.
    pub fn unknown(self) -> String {
        self.of(b"never pushed")
    }
}

/// The sha256 digest of some bytes.
pub fn sha256(bytes: &[u8]) -> String {
    Algorithm::Sha256.of(bytes)
}

/// The sha512 digest of some bytes.
pub fn sha512(bytes: &[u8]) -> String {
    Algorithm::Sha512.of(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
