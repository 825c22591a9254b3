//! The JSON document of a manifest, before its media type gives it a meaning.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::fields::{self, DESCRIPTOR_FIELDS, FIELDS, Known, Whole};
use super::{ManifestKind, ManifestViolation};
use crate::descriptor::{Descriptor, null_as_default};
use crate::digest::Digest;
use crate::media_type::MediaType;

/// The fields of all manifest types together; a field that is `null` counts as absent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    schema_version: Option<Value>,
    media_type: Option<String>,
    config: Option<Value>,
    layers: Option<Value>,
    manifests: Option<Value>,
    blobs: Option<Value>,
    fs_layers: Option<Value>,
    signatures: Option<Value>,
    subject: Option<Value>,
    pub(super) artifact_type: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(super) annotations: BTreeMap<String, String>,
}

/// How strictly a document is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// It is being pushed, and whoever pushes can mend it.
    Pushed,
    /// It was accepted before, and must be served.
    Stored,
}

impl Document {
    /// Reads a document that is being pushed. What is not looked at must be JSON too, and names
    /// must be written as they are: no two readers may see two documents.
    pub(super) fn from_pushed(bytes: &[u8]) -> Result<Self, ManifestViolation> {
        let refuse = |error: serde_json::Error| not_json(&error.to_string());
        let Whole(whole) = serde_json::from_slice(bytes).map_err(refuse)?;
        fields::check_names("", &whole, &FIELDS)?;
        for field in ["config", "subject"] {
            fields::check_names(field, &whole[field], &DESCRIPTOR_FIELDS)?;
        }
        for field in ["layers", "manifests", "blobs"] {
            let items = whole[field].as_array().into_iter().flatten();
            for (index, item) in items.enumerate() {
                fields::check_names(&format!("{field}[{index}]"), item, &DESCRIPTOR_FIELDS)?;
            }
        }
        serde_json::from_slice(bytes).map_err(refuse)
    }

    /// Reads a document that was accepted before, as Go reads it, which Distribution is written
    /// in: the last of several fields of one name counts, and letter case does not. What is not of
    /// its type counts as absent.
    pub(super) fn from_stored(bytes: &[u8]) -> Result<Self, ManifestViolation> {
        let text = String::from_utf8_lossy(bytes);
        let Known(mut fields) = serde_json::from_str(&text)
            .or_else(|_| serde_json::from_str(&fields::mend_texts(&text)))
            .map_err(|error| not_json(&error.to_string()))?;
        let mut take = |name| fields.remove(name).filter(|value| !value.is_null());
        Ok(Self {
            schema_version: take("schemaVersion"),
            media_type: take("mediaType").and_then(into_text),
            config: take("config"),
            layers: take("layers"),
            manifests: take("manifests"),
            blobs: take("blobs"),
            fs_layers: take("fsLayers"),
            signatures: take("signatures"),
            subject: take("subject"),
            artifact_type: take("artifactType").and_then(into_text),
            annotations: match take("annotations") {
                Some(Value::Object(map)) => map
                    .into_iter()
                    .filter_map(|(key, value)| Some((key, into_text(value)?)))
                    .collect(),
                _ => BTreeMap::new(),
            },
        })
    }

    /// Whether this is the form of manifests that came before schema 2.
    pub(super) fn is_schema1(&self) -> bool {
        let version = self.schema_version.as_ref().and_then(Value::as_u64);
        version == Some(1)
    }

    /// Returns the media type of a document of schema 1: Distribution stores it without its
    /// signatures.
    pub(super) fn schema1_media_type(&self) -> MediaType {
        match self.signatures {
            Some(_) => MediaType::DOCKER_SCHEMA1_SIGNED,
            None => MediaType::DOCKER_SCHEMA1,
        }
    }

    /// Checks that the schema version is the one that all manifests have; `required` where a
    /// document of another type may do without.
    pub(super) fn check_schema_version(&self, required: bool) -> Result<(), ManifestViolation> {
        match &self.schema_version {
            Some(version) if version.as_u64() == Some(2) => Ok(()),
            Some(version) if version.as_u64() == Some(1) => Err(ManifestViolation::Schema1),
            None if !required => Ok(()),
            found => Err(ManifestViolation::SchemaVersion {
                found: found.as_ref().map(ToString::to_string),
            }),
        }
    }

    /// Returns the type that the document itself says it has.
    pub(super) fn own_media_type(&self) -> Option<&str> {
        self.media_type.as_deref().filter(|text| !text.is_empty())
    }

    /// Checks what the document says of its type against the type it was pushed under.
    pub(super) fn check_media_type(&self, declared: &MediaType) -> Result<(), ManifestViolation> {
        match self.own_media_type() {
            Some(found) if found == declared.as_str() => Ok(()),
            Some(found) => Err(ManifestViolation::MediaTypeMismatch {
                declared: declared.clone(),
                found: found.to_owned(),
            }),
            None if declared.is_docker_manifest() => Err(ManifestViolation::MediaTypeMissing {
                declared: declared.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Returns the type that the document says it has, or has the shape of.
    pub(super) fn told_media_type(&self) -> MediaType {
        let own = self.own_media_type().and_then(|text| text.parse().ok());
        // No browser must take a manifest for a page.
        let own = own.filter(MediaType::is_vendors);
        own.unwrap_or(match &self.manifests {
            Some(_) => MediaType::OCI_INDEX,
            None => MediaType::OCI_MANIFEST,
        })
    }

    /// Checks that no client could take the document for one of the other kind (the confusion of
    /// CVE-2021-41190).
    pub(super) fn check_shape(&self, media_type: &MediaType) -> Result<(), ManifestViolation> {
        match media_type.is_index() {
            true if self.config.is_some() || self.layers.is_some() => {
                Err(ManifestViolation::ExpectedIndexFoundManifest)
            }
            false if self.manifests.is_some() => Err(ManifestViolation::ExpectedManifestFoundIndex),
            _ => Ok(()),
        }
    }

    /// Reads what a manifest of this type is made of.
    pub(super) fn take_kind(
        &mut self,
        media_type: &MediaType,
    ) -> Result<ManifestKind, ManifestViolation> {
        if !media_type.is_manifest() {
            return Ok(ManifestKind::Other {
                parts: self.take_parts()?,
            });
        }
        if media_type.is_index() {
            return Ok(ManifestKind::Index {
                manifests: self.take_manifests()?,
            });
        }
        let config = self.config.take().ok_or(ManifestViolation::ConfigMissing)?;
        Ok(ManifestKind::Image {
            config: read_descriptor("config", config, Reading::Pushed)?,
            layers: match self.layers.take() {
                Some(layers) => read_list("layers", layers)?,
                // Go clients write an empty list as `null`, or not at all.
                None => Vec::new(),
            },
        })
    }

    /// Reads what a stored manifest is made of. One that is not whole, or of both kinds, names
    /// what can be read of it.
    pub(super) fn take_stored_kind(&mut self, media_type: &MediaType) -> ManifestKind {
        let whole = self.check_shape(media_type).is_ok() && self.blobs.is_none();
        let config = self.config.take();
        let config = config.map(|value| read_descriptor("config", value, Reading::Stored).ok());
        match config {
            Some(Some(config)) if whole && media_type.is_manifest() => ManifestKind::Image {
                config,
                layers: readable(self.layers.take()),
            },
            None if whole && media_type.is_index() => ManifestKind::Index {
                manifests: readable(self.manifests.take()),
            },
            config => {
                let lists = [&mut self.layers, &mut self.manifests, &mut self.blobs];
                let listed = lists.into_iter().flat_map(|list| readable(list.take()));
                ManifestKind::Other {
                    parts: config.flatten().into_iter().chain(listed).collect(),
                }
            }
        }
    }

    /// Reads the layers of a document of schema 1, the topmost first as it has them.
    pub(super) fn take_schema1_layers(&mut self) -> Vec<Descriptor> {
        let Some(Value::Array(layers)) = self.fs_layers.take() else {
            return Vec::new();
        };
        let digests = layers.into_iter().filter_map(|layer| match layer {
            Value::Object(fields) => {
                let mut fields = fields::canonical(fields, &["blobSum"]);
                let blob_sum = fields.remove("blobSum").and_then(into_text)?;
                blob_sum.parse::<Digest>().ok()
            }
            _ => None,
        });
        digests
            .map(|digest| Descriptor::new(MediaType::DOCKER_LAYER, digest, 0))
            .collect()
    }

    /// Reads everything that a document of an unknown type names where manifests name their parts.
    fn take_parts(&mut self) -> Result<Vec<Descriptor>, ManifestViolation> {
        let mut parts = Vec::new();
        if let Some(config) = self.config.take() {
            parts.push(read_descriptor("config", config, Reading::Pushed)?);
        }
        for (field, list) in [
            ("layers", self.layers.take()),
            ("manifests", self.manifests.take()),
            ("blobs", self.blobs.take()),
        ] {
            if let Some(list) = list {
                parts.extend(read_list(field, list)?);
            }
        }
        Ok(parts)
    }

    /// An index without a list that does not say that it is one could not be told from an image.
    fn take_manifests(&mut self) -> Result<Vec<Descriptor>, ManifestViolation> {
        match self.manifests.take() {
            Some(manifests) => read_list("manifests", manifests),
            None if self.own_media_type().is_some() => Ok(Vec::new()),
            None => Err(ManifestViolation::ManifestsMissing),
        }
    }

    /// Distribution looks at no subject: what it stored may be anything.
    pub(super) fn take_subject(
        &mut self,
        reading: Reading,
    ) -> Result<Option<Descriptor>, ManifestViolation> {
        let Some(subject) = self.subject.take() else {
            return Ok(None);
        };
        match read_descriptor("subject", subject, reading) {
            Ok(subject) => Ok(Some(subject)),
            Err(_) if reading == Reading::Stored => Ok(None),
            Err(violation) => Err(violation),
        }
    }
}

fn read_list(field: &str, value: Value) -> Result<Vec<Descriptor>, ManifestViolation> {
    let Value::Array(items) = value else {
        return Err(violation(field, "must be a list"));
    };
    let numbered = items.into_iter().enumerate();
    numbered
        .map(|(index, item)| read_descriptor(&format!("{field}[{index}]"), item, Reading::Pushed))
        .collect()
}

/// Reads one descriptor, naming the field at fault where it is one of the required ones.
fn read_descriptor(
    path: &str,
    mut value: Value,
    reading: Reading,
) -> Result<Descriptor, ManifestViolation> {
    let Value::Object(fields) = &mut value else {
        return Err(violation(path, "must be an object"));
    };
    if reading == Reading::Stored {
        *fields = fields::canonical(std::mem::take(fields), &DESCRIPTOR_FIELDS);
    }
    match fields.get("digest") {
        Some(Value::String(text)) => {
            let mentioned = Digest::mentioned(text);
            mentioned.map_err(|error| {
                violation(&format!("{path}.digest"), &format!("{error}: {text:?}"))
            })?;
        }
        Some(found) => {
            return Err(violation(
                &format!("{path}.digest"),
                &format!("must be a text: {found}"),
            ));
        }
        None => return Err(violation(&format!("{path}.digest"), "is missing")),
    }
    match fields.get("size") {
        // The specification makes it a signed number of 64 bits.
        Some(size) if size.as_i64().is_some_and(|size| size >= 0) => {}
        _ if reading == Reading::Stored => {
            fields.insert("size".to_owned(), Value::from(0));
        }
        Some(found) => {
            return Err(violation(
                &format!("{path}.size"),
                &format!("must be a size in bytes: {found}"),
            ));
        }
        None => return Err(violation(&format!("{path}.size"), "is missing")),
    }
    if reading == Reading::Stored {
        fields.retain(|name, value| has_its_type(name, value));
    }
    serde_json::from_value(value).map_err(|error| violation(path, &error.to_string()))
}

/// The descriptors of a stored list that can be read.
fn readable(list: Option<Value>) -> Vec<Descriptor> {
    let Some(Value::Array(items)) = list else {
        return Vec::new();
    };
    let read = |item| read_descriptor("", item, Reading::Stored).ok();
    items.into_iter().filter_map(read).collect()
}

/// Whether what a descriptor may do without is of the type that it should be.
fn has_its_type(name: &str, value: &Value) -> bool {
    match name {
        "urls" => value
            .as_array()
            .is_some_and(|urls| urls.iter().all(Value::is_string)),
        "annotations" => value
            .as_object()
            .is_some_and(|map| map.values().all(Value::is_string)),
        "data" | "artifactType" => value.is_string(),
        "platform" => serde_json::from_value::<crate::Platform>(value.clone()).is_ok(),
        _ => true,
    }
}

fn into_text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn not_json(message: &str) -> ManifestViolation {
    ManifestViolation::NotJson {
        message: message.to_owned(),
    }
}

fn violation(path: &str, message: &str) -> ManifestViolation {
    ManifestViolation::Descriptor {
        path: path.to_owned(),
        message: message.to_owned(),
    }
}
