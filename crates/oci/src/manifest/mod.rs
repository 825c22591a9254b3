//! Manifests: the exact bytes, and what they say.

mod document;
mod fields;
mod violation;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

pub use self::violation::ManifestViolation;

use self::document::{Document, Reading};
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::media_type::MediaType;

/// A manifest: the bytes as they were pushed, and what was parsed from them.
///
/// A clone shares both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    digest: Digest,
    bytes: Bytes,
    parsed: Arc<Parsed>,
}

#[derive(Debug, PartialEq, Eq)]
struct Parsed {
    media_type: MediaType,
    kind: ManifestKind,
    subject: Option<Descriptor>,
    artifact_type: Option<String>,
    annotations: BTreeMap<String, String>,
}

/// What a manifest is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a request has one manifest in hand, never a list of them"
)]
pub enum ManifestKind {
    /// An image or another artifact: a configuration and layers.
    Image {
        /// The configuration.
        config: Descriptor,
        /// The layers, lowest first.
        layers: Vec<Descriptor>,
    },
    /// A list of other manifests.
    Index {
        /// The manifests listed.
        manifests: Vec<Descriptor>,
    },
    /// A document of a type that is not known, or one that is not whole: what it names where the
    /// others name their parts.
    Other {
        /// What it names.
        parts: Vec<Descriptor>,
    },
    /// An image in the form that came before schema 2, stored long ago.
    Schema1 {
        /// The layers, topmost first; an empty one is named as often as the image has it.
        layers: Vec<Descriptor>,
    },
}

impl Manifest {
    /// Reads a manifest that is pushed under this media type, and checks that the document is what
    /// the type says. A type that is not known is taken when the document says that it has it,
    /// since that is where it is read from when the manifest is served.
    ///
    /// Its digest is the SHA-256 of the bytes until [`Manifest::with_digest`] says otherwise.
    pub fn parse(media_type: MediaType, bytes: Bytes) -> Result<Self, ManifestViolation> {
        if media_type.is_schema1() {
            return Err(ManifestViolation::Schema1);
        }
        let mut document = Document::from_pushed(&bytes)?;
        if document.is_schema1() {
            return Err(ManifestViolation::Schema1);
        }
        if !media_type.is_manifest()
            && (!media_type.is_vendors() || document.own_media_type().is_none())
        {
            return Err(ManifestViolation::UnsupportedMediaType {
                found: media_type.to_string(),
            });
        }
        document.check_schema_version(media_type.is_manifest())?;
        document.check_media_type(&media_type)?;
        if media_type.is_manifest() {
            document.check_shape(&media_type)?;
        }
        let kind = document.take_kind(&media_type)?;
        let subject = document.take_subject(Reading::Pushed)?;
        Ok(Self::new(media_type, bytes, kind, subject, document))
    }

    /// Reads a manifest that was accepted before, by this registry or another.
    ///
    /// Its media type is what the document says, or what its shape tells where it says nothing.
    /// Whatever Distribution accepts is read: descriptors without a size, subjects that are none,
    /// fields in other letters, documents of schema 1.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub fn from_stored(bytes: Bytes) -> Result<Self, ManifestViolation> {
        let mut document = Document::from_stored(&bytes)?;
        let (media_type, kind) = if document.is_schema1() {
            let layers = document.take_schema1_layers();
            let media_type = document.schema1_media_type();
            (media_type, ManifestKind::Schema1 { layers })
        } else {
            let media_type = document.told_media_type();
            let kind = document.take_stored_kind(&media_type);
            (media_type, kind)
        };
        let subject = document.take_subject(Reading::Stored)?;
        Ok(Self::new(media_type, bytes, kind, subject, document))
    }

    fn new(
        media_type: MediaType,
        bytes: Bytes,
        kind: ManifestKind,
        subject: Option<Descriptor>,
        document: Document,
    ) -> Self {
        Self {
            digest: Digest::sha256(&bytes),
            bytes,
            parsed: Arc::new(Parsed {
                media_type,
                kind,
                subject,
                artifact_type: document.artifact_type.filter(|text| !text.is_empty()),
                annotations: document.annotations,
            }),
        }
    }

    /// Gives the manifest the name it was pushed or asked for under, where that is of another
    /// algorithm.
    ///
    /// Whoever calls this has checked that the digest is that of the bytes.
    #[must_use]
    pub fn with_digest(self, digest: Digest) -> Self {
        Self { digest, ..self }
    }

    /// Returns the media type to serve the manifest under.
    pub fn media_type(&self) -> &MediaType {
        &self.parsed.media_type
    }

    /// Returns the digest of the bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Returns the bytes as they were pushed.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns how many bytes there are.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Describes the manifest: media type, digest and size.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(
            self.parsed.media_type.clone(),
            self.digest.clone(),
            self.size(),
        )
    }

    /// Returns what the manifest is made of.
    pub fn kind(&self) -> &ManifestKind {
        &self.parsed.kind
    }

    /// Returns the manifest that this one is about; it need not exist (OCI distribution-spec,
    /// Pushing Manifests with Subject).
    pub fn subject(&self) -> Option<&Descriptor> {
        self.parsed.subject.as_ref()
    }

    /// Returns the kind of artifact, where the document gives one itself; the media type of the
    /// configuration does not count.
    pub fn artifact_type(&self) -> Option<&str> {
        self.parsed.artifact_type.as_deref()
    }

    /// Returns the annotations of the document.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.parsed.annotations
    }

    /// Returns everything that has to exist for the manifest to be whole: configuration, then
    /// layers, or the manifests listed.
    ///
    /// The subject is not among them.
    pub fn references(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, listed) = match &self.parsed.kind {
            ManifestKind::Image { config, layers } => (Some(config), layers),
            ManifestKind::Index { manifests } => (None, manifests),
            ManifestKind::Other { parts } => (None, parts),
            ManifestKind::Schema1 { layers } => (None, layers),
        };
        config.into_iter().chain(listed)
    }
}
