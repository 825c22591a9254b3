//! Manifests of every shape, with the blobs that they name.

use serde_json::{Value, json};

use crate::content::{
    ARTIFACT, CONFIG, EMPTY, EMPTY_JSON, IMAGE, INDEX, LAYER_GZIP, base64, descriptor, noise,
    written,
};
use crate::digest::Algorithm;

/// A manifest or an index, as bytes, and what has to be pushed before it.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The algorithm that names it and its parts.
    pub algorithm: Algorithm,
    /// What it is pushed as.
    pub media_type: String,
    /// The document before it was written down.
    pub document: Value,
    /// The document as it is pushed.
    pub bytes: Vec<u8>,
    /// The blobs, the configuration first.
    pub blobs: Vec<Vec<u8>>,
}

impl Manifest {
    /// A document of this type over these blobs.
    pub fn new(algorithm: Algorithm, document: Value, blobs: Vec<Vec<u8>>) -> Self {
        let media_type = document["mediaType"].as_str().unwrap_or(IMAGE).to_owned();
        Self {
            algorithm,
            media_type,
            bytes: written(&document),
            document,
            blobs,
        }
    }

    /// An image with two layers that no other seed has, of sha256.
    pub fn image(seed: u64) -> Self {
        Self::image_by(Algorithm::Sha256, seed)
    }

    /// An image with two layers that no other seed has.
    pub fn image_by(algorithm: Algorithm, seed: u64) -> Self {
        Self::image_of(algorithm, seed, LAYER_GZIP)
    }

    /// An image whose two layers are of this type.
    pub fn image_of(algorithm: Algorithm, seed: u64, layer_type: &str) -> Self {
        // The history does not belong to the layers, and no registry has to look (OCI-5.17).
        let config = written(&json!({
            "architecture": "amd64",
            "os": "linux",
            "author": format!("seed {seed}"),
            "rootfs": { "type": "layers", "diff_ids": [algorithm.unknown()] },
        }));
        let layers = [noise(seed, 1024), noise(seed + 1_000_000, 77)];
        let document = json!({
            "schemaVersion": 2,
            "mediaType": IMAGE,
            "config": descriptor(algorithm, CONFIG, &config),
            "layers": layers.iter().map(|layer| descriptor(algorithm, layer_type, layer)).collect::<Vec<_>>(),
        });
        let [first, second] = layers;
        Self::new(algorithm, document, vec![config, first, second])
    }

    /// An artifact: nothing for a configuration, one layer of its own type.
    pub fn artifact(algorithm: Algorithm, artifact_type: &str, layer: &[u8]) -> Self {
        let layer_type = if layer == EMPTY_JSON {
            EMPTY
        } else {
            artifact_type
        };
        let document = json!({
            "schemaVersion": 2,
            "mediaType": IMAGE,
            "artifactType": artifact_type,
            "config": descriptor(algorithm, EMPTY, EMPTY_JSON),
            "layers": [descriptor(algorithm, layer_type, layer)],
        });
        Self::new(
            algorithm,
            document,
            vec![EMPTY_JSON.to_vec(), layer.to_vec()],
        )
    }

    /// An artifact that speaks of another manifest.
    pub fn referrer(seed: u64, subject: &Self) -> Self {
        Self::artifact(subject.algorithm, ARTIFACT, &noise(seed, 200)).to(subject)
    }

    /// An index over these.
    pub fn index(algorithm: Algorithm, manifests: &[&Self]) -> Self {
        let document = json!({
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": manifests.iter().map(|manifest| manifest.descriptor()).collect::<Vec<_>>(),
        });
        Self::new(algorithm, document, Vec::new())
    }

    /// The same with a field set to something else.
    #[must_use]
    pub fn with(self, field: &str, value: impl Into<Value>) -> Self {
        let mut document = self.document;
        document[field] = value.into();
        Self::new(self.algorithm, document, self.blobs)
    }

    /// The same without a field.
    ///
    /// # Panics
    ///
    /// Never: every manifest is an object.
    #[must_use]
    pub fn without(mut self, field: &str) -> Self {
        self.document.as_object_mut().unwrap().remove(field);
        // What it is pushed as stays, whatever the document says.
        self.bytes = written(&self.document);
        self
    }

    /// The same, speaking of another manifest.
    #[must_use]
    pub fn to(self, subject: &Self) -> Self {
        self.with("subject", subject.descriptor())
    }

    /// The same with annotations.
    #[must_use]
    pub fn annotated(self, annotations: &[(&str, &str)]) -> Self {
        let annotations = annotations
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Value::from(*value)));
        self.with("annotations", Value::Object(annotations.collect()))
    }

    /// The same with the content of its small blobs repeated in their descriptors.
    #[must_use]
    pub fn with_data(self) -> Self {
        let mut document = self.document;
        document["config"]["data"] = base64(&self.blobs[0]).into();
        for (index, blob) in self.blobs[1..].iter().enumerate() {
            document["layers"][index]["data"] = base64(blob).into();
        }
        Self::new(self.algorithm, document, self.blobs)
    }

    /// The name of this content.
    pub fn digest(&self) -> String {
        self.algorithm.of(&self.bytes)
    }

    /// How an index or a subject names it.
    pub fn descriptor(&self) -> Value {
        descriptor(self.algorithm, &self.media_type, &self.bytes)
    }

    /// The descriptor that the list of referrers must have of it (OCI-6.13 to OCI-6.15).
    pub fn listed(&self) -> Value {
        let mut entry = self.descriptor();
        let own = self.document["artifactType"]
            .as_str()
            .filter(|own| !own.is_empty());
        let config = self.document["config"]["mediaType"].as_str();
        if let Some(artifact_type) = own.or(config) {
            entry["artifactType"] = artifact_type.into();
        }
        if let Some(annotations) = self.document.get("annotations") {
            entry["annotations"] = annotations.clone();
        }
        entry
    }
}
