//! Manifests as clients push them.

use bytes::Bytes;
use serde_json::{Value, json};
use wharf_oci::{Digest, MediaType};

use crate::test_registry::sha256;

/// A manifest, with everything that it is made of.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) media_type: MediaType,
    pub(crate) bytes: Bytes,
    blobs: Vec<String>,
    manifests: Vec<Self>,
}

impl Document {
    /// An image of schema 2.
    pub(crate) fn docker_image(seed: &str) -> Self {
        let types = (MediaType::DOCKER_CONFIG, MediaType::DOCKER_LAYER);
        Self::image(MediaType::DOCKER_MANIFEST, &types, seed)
    }

    /// An image of schema 2 with this config and these layers.
    pub(crate) fn docker_image_of(config: &str, layers: &[&str]) -> Self {
        let (config_type, layer_type) = (MediaType::DOCKER_CONFIG, MediaType::DOCKER_LAYER);
        let described = layers.iter().map(|layer| descriptor(&layer_type, layer));
        let document = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::DOCKER_MANIFEST,
            "config": descriptor(&config_type, config),
            "layers": described.collect::<Vec<_>>(),
        });
        let blobs = [&[config], layers].concat();
        Self {
            blobs: blobs.into_iter().map(str::to_owned).collect(),
            ..Self::from_text(MediaType::DOCKER_MANIFEST, document.to_string())
        }
    }

    /// An OCI image.
    pub(crate) fn oci_image(seed: &str) -> Self {
        let types = (MediaType::OCI_CONFIG, MediaType::OCI_LAYER_GZIP);
        Self::image(MediaType::OCI_MANIFEST, &types, seed)
    }

    /// A manifest list of images and their platforms, such as `linux/amd64`.
    pub(crate) fn docker_list(children: &[(&str, &Self)]) -> Self {
        Self::index(MediaType::DOCKER_MANIFEST_LIST, children)
    }

    /// An OCI index of images and their platforms.
    pub(crate) fn oci_index(children: &[(&str, &Self)]) -> Self {
        Self::index(MediaType::OCI_INDEX, children)
    }

    /// One document of each media type.
    pub(crate) fn of_every_type() -> [Self; 4] {
        let (docker, oci) = (Self::docker_image("docker"), Self::oci_image("oci"));
        let list = Self::docker_list(&[("linux/amd64", &docker)]);
        let index = Self::oci_index(&[("linux/arm64", &oci)]);
        [docker, list, oci, index]
    }

    /// A document with these very bytes; nothing that it names is known.
    pub(crate) fn from_text(media_type: MediaType, text: impl Into<Bytes>) -> Self {
        Self {
            media_type,
            bytes: text.into(),
            blobs: Vec::new(),
            manifests: Vec::new(),
        }
    }

    /// The same with one field set to another value, or taken out when that is `null`.
    pub(crate) fn with(mut self, field: &str, value: Value) -> Self {
        let mut document = self.json();
        let fields = document.as_object_mut().unwrap();
        if value.is_null() {
            fields.remove(field);
        } else {
            fields.insert(field.to_owned(), value);
        }
        self.bytes = document.to_string().into();
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::sha256(&self.bytes)
    }

    /// The contents of its blobs, config first.
    pub(crate) fn blobs(&self) -> Vec<String> {
        self.blobs.clone()
    }

    /// The manifests that it lists.
    pub(crate) fn manifests(&self) -> impl Iterator<Item = &Self> {
        self.manifests.iter()
    }

    fn image(media_type: MediaType, types: &(MediaType, MediaType), seed: &str) -> Self {
        let (config, layer) = (format!("{seed} config"), format!("{seed} layer"));
        let document = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": descriptor(&types.0, &config),
            "layers": [descriptor(&types.1, &layer)],
        });
        Self {
            blobs: vec![config, layer],
            ..Self::from_text(media_type, document.to_string())
        }
    }

    fn index(media_type: MediaType, children: &[(&str, &Self)]) -> Self {
        let entries = children.iter().map(|(platform, child)| {
            let (os, architecture) = platform.split_once('/').unwrap();
            json!({
                "mediaType": child.media_type,
                "digest": child.digest(),
                "size": child.bytes.len(),
                "platform": {"architecture": architecture, "os": os},
            })
        });
        let document = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "manifests": entries.collect::<Vec<_>>(),
        });
        let (children, blobs): (Vec<Self>, Vec<Vec<String>>) = children
            .iter()
            .map(|(_, child)| ((*child).clone(), child.blobs()))
            .unzip();
        Self {
            blobs: blobs.concat(),
            manifests: children,
            ..Self::from_text(media_type, document.to_string())
        }
    }
}

/// Names a blob by its content.
pub(crate) fn descriptor(media_type: &MediaType, content: &str) -> Value {
    json!({"mediaType": media_type, "digest": sha256(content), "size": content.len()})
}
