//! Images as documents: an OCI image and an OCI index, made by hand down to the last byte.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::run::Run;
use crate::{digest, image};

/// An OCI image with its parts.
#[derive(Debug, Clone)]
pub struct Image {
    /// The configuration document.
    pub config: Vec<u8>,
    /// The layers from the lowest up.
    pub layers: Vec<Vec<u8>>,
    /// The manifest that names them.
    pub manifest: Vec<u8>,
    architecture: String,
}

impl Image {
    /// An image of any bytes; nobody can run it, and a registry does not care.
    pub fn of(architecture: &str, layers: &[&[u8]]) -> Self {
        let layers: Vec<Vec<u8>> = layers.iter().map(|layer| layer.to_vec()).collect();
        let diff_ids: Vec<String> = layers.iter().map(|layer| digest::of(layer)).collect();
        Self::assemble(architecture, &diff_ids, layers)
    }

    /// An image whose only layer, packed with tar and gzip, holds what is in a folder.
    pub fn packed(architecture: &str, folder: &Path) -> Self {
        let tar = image::pack(folder);
        let gzip = Run::new("gzip")
            .arg("--no-name")
            .input(tar.clone())
            .output();
        assert!(gzip.succeeded(), "{gzip}");
        Self::assemble(architecture, &[digest::of(&tar)], vec![gzip.stdout])
    }

    /// The digest of the manifest.
    pub fn digest(&self) -> String {
        digest::of(&self.manifest)
    }

    /// The digests of the configuration and the layers, in the manifest's order.
    pub fn parts(&self) -> Vec<String> {
        self.blobs().map(digest::of).collect()
    }

    /// The configuration and the layers, in the manifest's order.
    pub fn blobs(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(&*self.config).chain(self.layers.iter().map(|layer| &**layer))
    }

    fn assemble(architecture: &str, diff_ids: &[String], layers: Vec<Vec<u8>>) -> Self {
        let config = bytes(&json!({
            "architecture": architecture,
            "os": "linux",
            "config": { "Cmd": ["/bin/busybox", "cat", "/etc/greeting"] },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        }));
        let manifest = bytes(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
            "layers": layers.iter().map(|layer| {
                descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer)
            }).collect::<Vec<_>>(),
        }));
        Self {
            config,
            layers,
            manifest,
            architecture: architecture.to_owned(),
        }
    }
}

/// An OCI index that names images, one for each platform.
pub fn index(images: &[&Image]) -> Vec<u8> {
    let manifests = images.iter().map(|image| {
        let mut descriptor = descriptor(MANIFEST, &image.manifest);
        descriptor["platform"] = json!({ "architecture": image.architecture, "os": "linux" });
        descriptor
    });
    bytes(&json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": manifests.collect::<Vec<_>>(),
    }))
}

/// Writes images and the index over them as an OCI layout, the index under a name.
pub fn write(folder: &Path, name: &str, images: &[&Image]) {
    let index = index(images);
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let documents = images
        .iter()
        .flat_map(|image| image.blobs().chain([&*image.manifest]));
    for document in documents.chain([&*index]) {
        let digest = digest::of(document);
        let (_, hex) = digest.split_once(':').unwrap();
        fs::write(blobs.join(hex), document).unwrap();
    }
    let mut entry = descriptor(INDEX, &index);
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
    let list = json!({ "schemaVersion": 2, "manifests": [entry] });
    fs::write(folder.join("index.json"), bytes(&list)).unwrap();
    let layout = json!({ "imageLayoutVersion": "1.0.0" });
    fs::write(folder.join("oci-layout"), bytes(&layout)).unwrap();
}

/// The media type of an OCI image manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an OCI index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The media type of docker's image manifest.
pub const SCHEMA_2: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// The media type of docker's multi-platform list.
pub const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest::of(content), "size": content.len() })
}

fn bytes(document: &Value) -> Vec<u8> {
    serde_json::to_vec(document).unwrap()
}
