//! Manifests: the exact bytes, and what they say.

mod document;
mod violation;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;

pub use self::violation::ManifestViolation;

use self::document::{Document, Reading};
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::media_type::MediaType;

/// A manifest: the bytes as they were pushed, and what was parsed from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    media_type: MediaType,
    digest: Digest,
    bytes: Bytes,
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
}

impl Manifest {
    /// Reads a manifest that is pushed under this media type, and checks that the document is what
    /// the type says.
    ///
    /// Its digest is the SHA-256 of the bytes until [`Manifest::with_digest`] says otherwise.
    pub fn parse(media_type: MediaType, bytes: Bytes) -> Result<Self, ManifestViolation> {
        if media_type.is_schema1() {
            return Err(ManifestViolation::Schema1);
        }
        if !media_type.is_manifest() {
            return Err(ManifestViolation::UnsupportedMediaType {
                found: media_type.to_string(),
            });
        }
        let document = Document::from_json(&bytes)?;
        document.check_media_type(&media_type)?;
        Self::assemble(media_type, bytes, document, Reading::Pushed)
    }

    /// Reads a manifest that was accepted before, by this registry or another.
    ///
    /// Its media type is what the document says, or what its shape tells where it says nothing.
    /// What Distribution accepts is read: descriptors without a size, subjects that are none.
    pub fn from_stored(bytes: Bytes) -> Result<Self, ManifestViolation> {
        let document = Document::from_json(&bytes)?;
        let media_type = document.told_media_type()?;
        Self::assemble(media_type, bytes, document, Reading::Stored)
    }

    fn assemble(
        media_type: MediaType,
        bytes: Bytes,
        mut document: Document,
        reading: Reading,
    ) -> Result<Self, ManifestViolation> {
        document.check_shape(&media_type)?;
        let kind = if media_type.is_index() {
            ManifestKind::Index {
                manifests: document.take_manifests(reading)?,
            }
        } else {
            ManifestKind::Image {
                config: document.take_config(reading)?,
                layers: document.take_layers(reading)?,
            }
        };
        Ok(Self {
            media_type,
            digest: Digest::sha256(&bytes),
            bytes,
            kind,
            subject: document.take_subject(reading)?,
            artifact_type: document.artifact_type.filter(|text| !text.is_empty()),
            annotations: document.annotations,
        })
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
        &self.media_type
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
        Descriptor::new(self.media_type.clone(), self.digest.clone(), self.size())
    }

    /// Returns what the manifest is made of.
    pub fn kind(&self) -> &ManifestKind {
        &self.kind
    }

    /// Returns the manifest that this one is about; it need not exist (OCI distribution-spec,
    /// Pushing Manifests with Subject).
    pub fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }

    /// Returns the kind of artifact, where the document gives one itself; the media type of the
    /// configuration does not count.
    pub fn artifact_type(&self) -> Option<&str> {
        self.artifact_type.as_deref()
    }

    /// Returns the annotations of the document.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// Returns everything that has to exist for the manifest to be whole: configuration, then
    /// layers, or the manifests listed.
    ///
    /// The subject is not among them.
    pub fn references(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, listed) = match &self.kind {
            ManifestKind::Image { config, layers } => (Some(config), layers),
            ManifestKind::Index { manifests } => (None, manifests),
        };
        config.into_iter().chain(listed)
    }
}
