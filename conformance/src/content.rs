//! Bytes to push, and the descriptors that name them.

use serde_json::{Value, json};

use crate::digest::Algorithm;

/// Bytes that look random and are always the same.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(length).collect()
}

/// A descriptor with the three fields that it must have.
pub fn descriptor(algorithm: Algorithm, media_type: &str, content: &[u8]) -> Value {
    json!({
        "mediaType": media_type,
        "digest": algorithm.of(content),
        "size": content.len(),
    })
}

/// The bytes of a document, as a client wrote them down.
///
/// # Panics
///
/// Never: every value can be written.
pub fn written(document: &Value) -> Vec<u8> {
    serde_json::to_vec_pretty(document).unwrap()
}

/// Base64, for the `data` of descriptors.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let third = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = third(0) << 16 | third(1) << 8 | third(2);
        for position in 0..4 {
            if position > group.len() {
                text.push('=');
            } else {
                let index = (bits >> (18 - 6 * position)) & 0x3f;
                text.push(char::from(ALPHABET[index as usize]));
            }
        }
    }
    text
}

/// An index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// An image manifest.
pub const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
/// The configuration of an image.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// A layer, compressed.
pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// A layer as it is.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// A layer that is not to be pushed, as it is.
pub const FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar";
/// A layer that is not to be pushed, compressed.
pub const FOREIGN_GZIP: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
/// The blob `{}` where something has to stand.
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// The content of that blob.
pub const EMPTY_JSON: &[u8] = b"{}";
/// What the suite's artifacts are.
pub const ARTIFACT: &str = "application/vnd.example.oci.conformance.v1";
/// What the suite's other artifacts are.
pub const OTHER_ARTIFACT: &str = "application/vnd.example.oci.conformance.v2";
