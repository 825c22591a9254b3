//! Content to push: noise that no filesystem and no hash can shorten, the same in every run.

use std::io::Write;
use std::sync::OnceLock;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// A blob that is known by a number and a length, and never held in memory as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Noise {
    pub(crate) number: u64,
    /// In bytes.
    pub(crate) length: u64,
}

impl Noise {
    /// Its pieces in order.
    pub(crate) fn pieces(self) -> impl Iterator<Item = Bytes> {
        let block = block();
        let mut head = block.slice(..HEAD).to_vec();
        head[..8].copy_from_slice(&self.number.to_le_bytes());
        let mut left = self.length;
        let mut next = Bytes::from(head);
        std::iter::from_fn(move || {
            let piece = next.slice(..next.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
            left -= piece.len() as u64;
            next = block.clone();
            (!piece.is_empty()).then_some(piece)
        })
    }

    /// All of it: for what is small.
    pub(crate) fn bytes(self) -> Bytes {
        let mut pieces = self.pieces();
        match (pieces.next(), pieces.next()) {
            (Some(only), None) => only,
            _ => self.pieces().flatten().collect(),
        }
    }

    /// Its name in a registry.
    pub(crate) fn digest(self) -> String {
        let mut hash = Sha256::new();
        for piece in self.pieces() {
            hash.update(piece);
        }
        named(&hash.finalize())
    }
}

/// The name of these bytes in a registry.
pub(crate) fn digest(bytes: &[u8]) -> String {
    named(&Sha256::digest(bytes))
}

/// An image manifest with these layers; of a configuration only the descriptor counts here, so any small blob will do.
pub(crate) fn manifest(config: Noise, layers: &[Noise]) -> Vec<u8> {
    let descriptor = |kind: &str, blob: &Noise| {
        format!(
            r#"{{"mediaType":"{kind}","size":{},"digest":"{}"}}"#,
            blob.length,
            blob.digest()
        )
    };
    let layers: Vec<String> = layers
        .iter()
        .map(|layer| descriptor(LAYER_TYPE, layer))
        .collect();
    let config = descriptor(CONFIG_TYPE, &config);
    let mut text = Vec::new();
    // Writing to a `Vec` does not fail.
    let _ = write!(
        text,
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST_TYPE}","config":{config},"layers":[{}]}}"#,
        layers.join(",")
    );
    text
}

/// The media type of Docker's image manifests, which every version of Distribution knows.
pub(crate) const MANIFEST_TYPE: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG_TYPE: &str = "application/vnd.docker.container.image.v1+json";
const LAYER_TYPE: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// The piece that carries the number; small blobs are this one alone.
const HEAD: usize = 128 << 10;
const BLOCK: usize = 1 << 20;

fn block() -> Bytes {
    static NOISE: OnceLock<Bytes> = OnceLock::new();
    NOISE
        .get_or_init(|| {
            // xorshift64*; any odd seed does.
            let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
            let words = std::iter::repeat_with(|| {
                state ^= state >> 12;
                state ^= state << 25;
                state ^= state >> 27;
                state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes()
            });
            words.take(BLOCK / 8).flatten().collect()
        })
        .clone()
}

fn named(hash: &[u8]) -> String {
    let mut name = "sha256:".to_owned();
    for byte in hash {
        name.push_str(&format!("{byte:02x}"));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_as_long_as_it_says_and_hashes_as_a_whole() {
        for length in [1024, HEAD as u64, 3_000_000] {
            let noise = Noise { number: 7, length };
            let bytes = noise.bytes();
            assert_eq!(bytes.len() as u64, length);
            assert_eq!(digest(&bytes), noise.digest());
        }
    }

    #[test]
    fn each_number_is_another_blob() {
        let blob = |number| {
            Noise {
                number,
                length: 1024,
            }
            .digest()
        };
        assert_eq!(blob(1), blob(1));
        assert_ne!(blob(1), blob(2));
    }

    #[test]
    fn a_digest_is_written_as_registries_do() {
        assert_eq!(
            digest(b""),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
