//! The layer of a step that changed no files. Schema 2 does not name it; schema 1 has one for
//! every step of the history.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use wharf_oci::{Algorithm, Digest};
use wharf_registry::{Chunk, Error as Outcome, Repository};

use crate::error::Error;

/// The digest that 2.x tells.
pub(super) fn digest() -> Digest {
    Digest::of(Algorithm::Sha256, EMPTY_TAR)
}

/// Sees to it that the repository has the layer, as 2.x does: clients before Docker 1.10 pull it
/// like any other.
pub(super) async fn ensure(repository: &Repository) -> Result<(), Error> {
    let digest = digest();
    match repository.blobs.stat(&digest).await {
        Ok(_) => return Ok(()),
        Err(Outcome::BlobUnknown { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let uploads = repository.uploads.clone();
    // Runs on by itself, so that a client that leaves leaves no half an upload behind.
    let stored = tokio::spawn(async move {
        let mut upload = uploads.start().await?;
        let content = stream::iter([Ok(Bytes::from_static(EMPTY_TAR))]);
        let chunk = Chunk {
            start: None,
            length: Some(EMPTY_TAR.len() as u64),
            body: content.boxed(),
        };
        upload.append(chunk).await?;
        upload.commit(&digest).await
    });
    stored.await??;
    Ok(())
}

/// An archive of nothing, as Docker packed it once and for all.
const EMPTY_TAR: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x09, 0x6e, 0x88, 0x00, 0xff, 0x62, 0x18, 0x05, 0xa3, 0x60, 0x14,
    0x8c, 0x58, 0x00, 0x08, 0x00, 0x00, 0xff, 0xff, 0x2e, 0xaf, 0xb5, 0xef, 0x00, 0x04, 0x00, 0x00,
];
