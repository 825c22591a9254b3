//! Media types, and what the registry has to know about a few of them.

use std::borrow::Cow;
use std::str::FromStr;

use crate::text::text_form;

/// A media type without parameters, such as `application/vnd.oci.image.manifest.v1+json`.
///
/// [`MediaType::parse`] reads a header, where letter case does not count, and lower-cases it.
/// `FromStr` and the JSON form read a document and keep the case, because documents are compared
/// exactly. The types named here are told without allocating.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaType(Cow<'static, str>);

macro_rules! known_media_types {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        impl MediaType {
            $($(#[$doc])* pub const $name: Self = Self(Cow::Borrowed($text));)+
        }

        const KNOWN: &[&str] = &[$($text),+];
    };
}

known_media_types! {
    /// Docker image manifest, schema 2.
    DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker manifest list.
    DOCKER_MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// OCI image manifest.
    OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image index.
    OCI_INDEX = "application/vnd.oci.image.index.v1+json";
    /// Docker image manifest, schema 1, no longer accepted.
    DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json";
    /// Signed Docker image manifest, schema 1, no longer accepted.
    DOCKER_SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    /// Docker image configuration.
    DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json";
    /// Docker plugin configuration.
    DOCKER_PLUGIN_CONFIG = "application/vnd.docker.plugin.v1+json";
    /// Docker layer.
    DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// Docker layer that is fetched from its own URLs.
    DOCKER_FOREIGN_LAYER = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    /// OCI image configuration.
    OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
    /// OCI layer, not compressed.
    OCI_LAYER = "application/vnd.oci.image.layer.v1.tar";
    /// OCI layer, gzip.
    OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// OCI layer, zstd.
    OCI_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// OCI layer that is normally not pushed, not compressed.
    OCI_NON_DISTRIBUTABLE_LAYER = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    /// OCI layer that is normally not pushed, gzip.
    OCI_NON_DISTRIBUTABLE_LAYER_GZIP = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
    /// OCI layer that is normally not pushed, zstd.
    OCI_NON_DISTRIBUTABLE_LAYER_ZSTD = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd";
    /// OCI empty descriptor: the content is `{}`.
    OCI_EMPTY = "application/vnd.oci.empty.v1+json";
    /// JSON.
    JSON = "application/json";
    /// Bytes of which nothing is known.
    OCTET_STREAM = "application/octet-stream";
}

impl MediaType {
    /// The media types of the manifests that can be pushed and pulled.
    pub const MANIFESTS: [Self; 4] = [
        Self::DOCKER_MANIFEST,
        Self::DOCKER_MANIFEST_LIST,
        Self::OCI_MANIFEST,
        Self::OCI_INDEX,
    ];

    /// Reads the value of a `Content-Type` header or one item of an `Accept` header, dropping
    /// parameters and letter case.
    pub fn parse(header: &str) -> Result<Self, MediaTypeError> {
        let (media_type, _parameters) = header.split_once(';').unwrap_or((header, ""));
        media_type.trim_ascii().to_ascii_lowercase().parse()
    }

    /// Returns the media type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether this is one of the four manifest types.
    pub fn is_manifest(&self) -> bool {
        Self::MANIFESTS.contains(self)
    }

    /// Tells whether this is a manifest that lists other manifests.
    pub fn is_index(&self) -> bool {
        [Self::DOCKER_MANIFEST_LIST, Self::OCI_INDEX].contains(self)
    }

    /// Tells whether this is one of Docker's two manifest types, which have to repeat their type in
    /// the document.
    pub fn is_docker_manifest(&self) -> bool {
        [Self::DOCKER_MANIFEST, Self::DOCKER_MANIFEST_LIST].contains(self)
    }

    /// Tells whether this is a layer that may name places to fetch it from (reference, section
    /// 4.6).
    pub fn may_have_urls(&self) -> bool {
        self.is_non_distributable_layer() || [Self::OCI_LAYER, Self::OCI_LAYER_GZIP].contains(self)
    }

    /// Tells whether this is a type of a vendor's own (RFC 6838, section 3.2), which a document
    /// can have that is kept here without being understood.
    pub fn is_vendors(&self) -> bool {
        self.0.starts_with("application/vnd.")
    }

    /// Tells whether this is a schema 1 manifest.
    pub fn is_schema1(&self) -> bool {
        [Self::DOCKER_SCHEMA1, Self::DOCKER_SCHEMA1_SIGNED].contains(self)
    }

    /// Tells whether this is a layer that clients normally do not push (OCI image-spec,
    /// Non-Distributable Layers).
    pub fn is_non_distributable_layer(&self) -> bool {
        [
            Self::DOCKER_FOREIGN_LAYER,
            Self::OCI_NON_DISTRIBUTABLE_LAYER,
            Self::OCI_NON_DISTRIBUTABLE_LAYER_GZIP,
            Self::OCI_NON_DISTRIBUTABLE_LAYER_ZSTD,
        ]
        .contains(self)
    }
}

impl FromStr for MediaType {
    type Err = MediaTypeError;

    fn from_str(text: &str) -> Result<Self, MediaTypeError> {
        if let Some(known) = KNOWN.iter().find(|known| **known == text) {
            return Ok(Self(Cow::Borrowed(known)));
        }
        match text.split_once('/') {
            Some((kind, subtype)) if is_restricted_name(kind) && is_restricted_name(subtype) => {
                Ok(Self(Cow::Owned(text.to_owned())))
            }
            _ => Err(MediaTypeError {
                found: text.to_owned(),
            }),
        }
    }
}

text_form!(MediaType);

/// Why a text is not a media type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("media type must be of the form type/subtype: {found:?}")]
pub struct MediaTypeError {
    /// The text at fault.
    pub found: String,
}

/// Tells whether one half of a media type keeps to RFC 6838, section 4.2.
pub(crate) fn is_restricted_name(text: &str) -> bool {
    text.len() <= 127
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_header_loses_parameters_spaces_and_case() {
        for (header, expected) in [
            ("application/json", MediaType::JSON),
            ("  Application/JSON ; charset=utf-8", MediaType::JSON),
            (
                "APPLICATION/vnd.oci.image.index.V1+json;q=0.5",
                MediaType::OCI_INDEX,
            ),
        ] {
            assert_eq!(MediaType::parse(header), Ok(expected), "{header}");
        }
    }

    #[test]
    fn what_is_not_type_and_subtype_is_refused() {
        let long = format!("a/{}", "b".repeat(128));
        for header in [
            "",
            ";",
            "json",
            "/json",
            "application/",
            "a/b/c",
            "*/*",
            "a b/c",
            "a/b c",
            "a/b,c/d",
            "é/a",
            "-a/b",
            &long,
        ] {
            assert!(MediaType::parse(header).is_err(), "{header}");
        }
    }

    #[test]
    fn a_document_keeps_the_case() {
        let media_type: MediaType = serde_json::from_str("\"application/vnd.Example\"").unwrap();
        assert_eq!(media_type.as_str(), "application/vnd.Example");
    }

    #[test]
    fn each_group_has_its_members() {
        for media_type in KNOWN.iter().map(|text| text.parse::<MediaType>().unwrap()) {
            let text = media_type.as_str();
            let is_image = text.contains("manifest.v2") || text.contains("image.manifest");
            let is_index = text.contains("list.v2") || text.contains("image.index");
            assert_eq!(media_type.is_manifest(), is_image || is_index, "{text}");
            assert_eq!(media_type.is_index(), is_index, "{text}");
            assert_eq!(
                media_type.is_docker_manifest(),
                (is_image || is_index) && text.contains("docker"),
                "{text}"
            );
            assert_eq!(
                media_type.is_schema1(),
                text.contains("manifest.v1+") && text.contains("docker"),
                "{text}"
            );
            assert_eq!(
                media_type.is_non_distributable_layer(),
                text.contains("foreign") || text.contains("nondistributable"),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_parses_prints_as_it_was(text in "[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,30}/[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,30}") {
            prop_assert_eq!(text.parse::<MediaType>().unwrap().to_string(), text.as_str());
            let parsed = MediaType::parse(&text).unwrap();
            prop_assert_eq!(MediaType::parse(parsed.as_str()), Ok(parsed));
        }

        #[test]
        fn any_text_gets_an_answer(text in ".{0,60}") {
            let _ = MediaType::parse(&text);
        }
    }
}
