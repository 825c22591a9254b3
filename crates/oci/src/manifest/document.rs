//! The JSON document of a manifest, before its media type gives it a meaning.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::ManifestViolation;
use crate::descriptor::{Descriptor, null_as_default};
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
    /// Reads the document and checks its schema version.
    pub(super) fn from_json(bytes: &[u8]) -> Result<Self, ManifestViolation> {
        let document: Self =
            serde_json::from_slice(bytes).map_err(|error| ManifestViolation::NotJson {
                message: error.to_string(),
            })?;
        match document
            .schema_version
            .as_ref()
            .map(|version| (version.as_u64(), version))
        {
            Some((Some(2), _)) => Ok(document),
            Some((Some(1), _)) => Err(ManifestViolation::Schema1),
            Some((_, found)) => Err(ManifestViolation::SchemaVersion {
                found: Some(found.to_string()),
            }),
            None => Err(ManifestViolation::SchemaVersion { found: None }),
        }
    }

    /// Checks what the document says of its type against the type it was pushed under.
    pub(super) fn check_media_type(&self, declared: &MediaType) -> Result<(), ManifestViolation> {
        match self.media_type.as_deref().filter(|text| !text.is_empty()) {
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
    pub(super) fn told_media_type(&self) -> Result<MediaType, ManifestViolation> {
        match self.media_type.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => match text.parse::<MediaType>() {
                Ok(media_type) if media_type.is_manifest() => Ok(media_type),
                Ok(media_type) if media_type.is_schema1() => Err(ManifestViolation::Schema1),
                _ => Err(ManifestViolation::UnsupportedMediaType {
                    found: text.to_owned(),
                }),
            },
            None if self.manifests.is_some() => Ok(MediaType::OCI_INDEX),
            None => Ok(MediaType::OCI_MANIFEST),
        }
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

    pub(super) fn take_config(
        &mut self,
        reading: Reading,
    ) -> Result<Descriptor, ManifestViolation> {
        let config = self.config.take().ok_or(ManifestViolation::ConfigMissing)?;
        read_descriptor("config", config, reading)
    }

    /// Go clients write an empty list as `null`, or not at all.
    pub(super) fn take_layers(
        &mut self,
        reading: Reading,
    ) -> Result<Vec<Descriptor>, ManifestViolation> {
        match self.layers.take() {
            Some(layers) => read_list("layers", layers, reading),
            None => Ok(Vec::new()),
        }
    }

    /// An index without a list that does not say that it is one could not be told from an image.
    pub(super) fn take_manifests(
        &mut self,
        reading: Reading,
    ) -> Result<Vec<Descriptor>, ManifestViolation> {
        match self.manifests.take() {
            Some(manifests) => read_list("manifests", manifests, reading),
            None if self.media_type.is_some() => Ok(Vec::new()),
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

fn read_list(
    field: &str,
    value: Value,
    reading: Reading,
) -> Result<Vec<Descriptor>, ManifestViolation> {
    let Value::Array(items) = value else {
        return Err(violation(field, "must be a list"));
    };
    let numbered = items.into_iter().enumerate();
    numbered
        .map(|(index, item)| read_descriptor(&format!("{field}[{index}]"), item, reading))
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
    match fields.get("digest") {
        Some(Value::String(text)) => {
            let parsed = text.parse::<crate::Digest>();
            parsed.map_err(|error| {
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
    serde_json::from_value(value).map_err(|error| violation(path, &error.to_string()))
}

fn violation(path: &str, message: &str) -> ManifestViolation {
    ManifestViolation::Descriptor {
        path: path.to_owned(),
        message: message.to_owned(),
    }
}
