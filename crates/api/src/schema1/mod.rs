//! Legacy schema 1: images as clients know them that are older than schema 2 (Docker before 1.10).
//!
//! Distribution 2.x converts an image for them whenever they ask for it by tag, and signs what
//! comes of it. The result is stored nowhere. It is made here down to the same bytes, so that its
//! digest is the one that 2.x would tell.
//!
//! Reading order: `Converter`, `payload` (the document), `image_config` (what it is made from),
//! `pretty_jws` (the signature around it), `key`, then how Go writes JSON and times.

use bytes::Bytes;
use futures_util::TryStreamExt;
use wharf_oci::{Descriptor, Digest, Manifest, ManifestKind, MediaType, Reference};
use wharf_registry::{Error as Outcome, ReadRange, Repository};

use crate::{
    config::{Config, Mode},
    error::Error,
};

mod empty_layer;
mod go_json;
mod go_time;
mod image_config;
mod key;
mod payload;
mod pretty_jws;

#[cfg(test)]
mod tests;

pub use self::key::{KeyError, SigningFailed, SigningKey};
pub use self::payload::Unconvertible;

/// Gives images the form of schema 1, where that is switched on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Converter<'a> {
    key: &'a SigningKey,
    mode: Mode,
}

/// A manifest of schema 1 with a signature.
#[derive(Debug)]
pub(crate) struct SignedManifest {
    /// The digest of what is signed, which is what the manifest goes by. The signature is another
    /// one each time.
    pub(crate) digest: Digest,
    /// What is signed, and the signature.
    pub(crate) bytes: Bytes,
}

impl<'a> Converter<'a> {
    /// The converter, if the configuration asks for one.
    pub(crate) fn of(config: &'a Config) -> Option<Self> {
        let key = config.schema1.as_ref()?;
        let mode = config.mode;
        Some(Self { key, mode })
    }

    /// Converts an image. What is of schema 1 already is only signed.
    pub(crate) async fn convert(
        self,
        repository: &Repository,
        reference: &Reference,
        manifest: &Manifest,
    ) -> Result<SignedManifest, Error> {
        let payload = match manifest.kind() {
            ManifestKind::Image { config, layers } => {
                let config = read_config(repository, config).await?;
                let tag = match reference {
                    Reference::Tag(tag) => tag.as_str(),
                    Reference::Digest(_) => "",
                };
                let payload = payload::convert(&repository.name, tag, &config, layers)?;
                if payload.has_empty_layers && self.mode == Mode::ReadWrite {
                    empty_layer::ensure(repository).await?;
                }
                Bytes::from(payload.document)
            }
            ManifestKind::Schema1 { .. }
            | ManifestKind::Index { .. }
            | ManifestKind::Other { .. } => manifest.bytes().clone(),
        };
        let time = jiff::Timestamp::now();
        Ok(SignedManifest {
            digest: Digest::sha256(&payload),
            bytes: pretty_jws::sign(&payload, self.key, time)?,
        })
    }
}

impl SignedManifest {
    pub(crate) const MEDIA_TYPE: MediaType = MediaType::DOCKER_SCHEMA1_SIGNED;
}

/// Reads an image's config, which unlike a layer has to be in memory.
async fn read_config(repository: &Repository, config: &Descriptor) -> Result<Vec<u8>, Error> {
    let opened = repository.blobs.open(&config.digest, ReadRange::Whole);
    let reader = match opened.await {
        Ok(blob) => blob.reader,
        Err(Outcome::BlobUnknown { digest, .. }) => {
            return Err(Unconvertible::ConfigUnknown { digest }.into());
        }
        Err(error) => return Err(error.into()),
    };
    if reader.size > CONFIG_LIMIT {
        let size = reader.size;
        return Err(Unconvertible::ConfigTooLarge { size }.into());
    }
    let chunks = reader
        .into_stream()
        .try_fold(Vec::new(), |mut whole, chunk| {
            whole.extend_from_slice(&chunk);
            std::future::ready(Ok(whole))
        });
    Ok(chunks.await.map_err(Outcome::Storage)?)
}

/// The largest config that is read, in bytes: as much as 2.x reads.
const CONFIG_LIMIT: u64 = 4 * 1024 * 1024;
