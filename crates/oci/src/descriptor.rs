//! Descriptors: media type, digest and size.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::digest::Digest;
use crate::media_type::MediaType;

/// What is known of a piece of content without reading it (OCI image-spec, Content Descriptors).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The type of the content; [`MediaType::OCTET_STREAM`] where a document does not give one that
    /// can be read.
    #[serde(
        default = "unknown_media_type",
        deserialize_with = "readable_media_type"
    )]
    pub media_type: MediaType,
    /// The name of the content.
    #[serde(deserialize_with = "mentioned_digest")]
    pub digest: Digest,
    /// The length of the content in bytes.
    pub size: u64,
    /// Other places to fetch the content from.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub urls: Vec<String>,
    /// Remarks about the content.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// The content itself in base64, where it is small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// What an image runs on, where the content is a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The kind of artifact, where the content is a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

impl Descriptor {
    /// Describes content of which only the three required facts are known.
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Self {
            media_type,
            digest,
            size,
            urls: Vec::new(),
            annotations: BTreeMap::new(),
            data: None,
            platform: None,
            artifact_type: None,
        }
    }
}

/// What an image runs on (OCI image-spec, Image Index: `platform`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Platform {
    /// The kind of processor, in Go's words, such as `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// The operating system, in Go's words, such as `linux`.
    #[serde(default)]
    pub os: String,
    /// The version of the operating system.
    #[serde(
        default,
        rename = "os.version",
        skip_serializing_if = "Option::is_none"
    )]
    pub os_version: Option<String>,
    /// What the operating system has to offer.
    #[serde(
        default,
        rename = "os.features",
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub os_features: Vec<String>,
    /// The variant of the processor, such as `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// What the processor has to offer (Docker manifest lists).
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub features: Vec<String>,
}

/// Reads `null` like an absent field, because Go clients write empty lists and maps that way.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn unknown_media_type() -> MediaType {
    MediaType::OCTET_STREAM
}

/// Reads any text: a manifest must be stored whatever types it names (OCI image-spec, Guidelines
/// for Artifact Usage).
fn readable_media_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MediaType, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text
        .and_then(|text| text.parse().ok())
        .unwrap_or(MediaType::OCTET_STREAM))
}

/// A descriptor only mentions content.
fn mentioned_digest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
    let text = String::deserialize(deserializer)?;
    Digest::mentioned(&text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_empty_is_left_out() {
        let descriptor = Descriptor::new(MediaType::OCI_EMPTY, Digest::sha256(b"{}"), 2);
        let value = json!({
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            "size": 2,
        });
        assert_eq!(serde_json::to_value(&descriptor).unwrap(), value);
        assert_eq!(
            serde_json::from_value::<Descriptor>(value).unwrap(),
            descriptor
        );
    }

    #[test]
    fn every_field_goes_there_and_back() {
        let value = json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": Digest::sha256(b"x"),
            "size": 9_000_000_000_u64,
            "urls": ["https://example.com/x"],
            "annotations": {"k": ""},
            "data": "eA==",
            "platform": {
                "architecture": "arm64", "os": "windows", "os.version": "10", "os.features": ["win32k"],
                "variant": "v8", "features": ["sse4"],
            },
            "artifactType": "application/vnd.Example",
        });
        let descriptor: Descriptor = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(
            descriptor.platform.as_ref().unwrap().os_version.as_deref(),
            Some("10")
        );
        assert_eq!(serde_json::to_value(&descriptor).unwrap(), value);
    }

    #[test]
    fn nulls_and_unreadable_media_types_are_forgiven() {
        for media_type in [json!(null), json!(""), json!("none"), json!("a b/c")] {
            let value = json!({
                "mediaType": media_type, "digest": Digest::sha256(b""), "size": 0, "urls": null, "annotations": null,
                "data": null, "platform": {"os.features": null, "features": null}, "artifactType": null, "other": 1,
            });
            let descriptor: Descriptor = serde_json::from_value(value).unwrap();
            let expected = Descriptor {
                platform: Some(Platform::default()),
                ..Descriptor::new(MediaType::OCTET_STREAM, Digest::sha256(b""), 0)
            };
            assert_eq!(descriptor, expected);
        }
        let without = json!({"digest": Digest::sha256(b""), "size": 0});
        assert_eq!(
            serde_json::from_value::<Descriptor>(without)
                .unwrap()
                .media_type,
            MediaType::OCTET_STREAM
        );
    }

    #[test]
    fn digest_and_size_are_needed() {
        for value in [
            json!({"size": 1}),
            json!({"digest": Digest::sha256(b"")}),
            json!({"digest": "sha256:1", "size": 1}),
            json!({"digest": Digest::sha256(b""), "size": -1}),
        ] {
            assert!(serde_json::from_value::<Descriptor>(value).is_err());
        }
    }
}
