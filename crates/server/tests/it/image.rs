//! Images as clients push them: a config, layers, and the manifest that names them.

use serde_json::json;
use wharf_oci::Digest;

/// An image.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    /// The config, then the layers.
    pub(crate) blobs: Vec<Vec<u8>>,
    pub(crate) manifest: Vec<u8>,
}

impl Image {
    /// An image that no other seed has.
    pub(crate) fn new(seed: u64) -> Self {
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": [format!("SEED={seed}")]},
            "rootfs": {"type": "layers", "diff_ids": []},
        });
        let blobs = vec![
            config.to_string().into_bytes(),
            noise(seed, 300_000),
            noise(seed + 1, 77),
        ];
        let descriptor = |kind: &str, blob: &Vec<u8>| {
            json!({
                "mediaType": format!("application/vnd.docker.{kind}"),
                "size": blob.len(),
                "digest": Digest::sha256(blob),
            })
        };
        let layer = |blob| descriptor("image.rootfs.diff.tar.gzip", blob);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MEDIA_TYPE,
            "config": descriptor("container.image.v1+json", &blobs[0]),
            "layers": blobs[1..].iter().map(layer).collect::<Vec<_>>(),
        });
        Self {
            blobs,
            // Clients indent, and want the bytes back as they were.
            manifest: serde_json::to_vec_pretty(&manifest).unwrap(),
        }
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::sha256(&self.manifest)
    }
}

/// Bytes that look random and are always the same.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(length).collect()
}

/// The media type of the manifest.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.docker.distribution.manifest.v2+json";
