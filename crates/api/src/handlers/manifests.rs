//! Manifests: served by tag or digest, stored, deleted.

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use http::{HeaderMap, StatusCode, header};
use wharf_oci::{Accept, Digest, Manifest, MediaType, Reference};
use wharf_registry::{BodyStream, Error as Outcome, Repository};

use crate::{
    conditions::{self, Verdict},
    error::Error,
    handlers::{value, values},
    location::Locations,
    negotiate::{self, Served},
    respond::{self, Answered},
};

/// Serves a manifest by tag or digest (end-3).
pub(crate) async fn get(
    repository: &Repository,
    reference: &Reference,
    headers: &HeaderMap,
) -> Result<Answered, Error> {
    let digest = match reference {
        Reference::Tag(tag) => repository.tags.resolve(tag).await?,
        Reference::Digest(digest) => digest.clone(),
    };
    let manifest = repository.manifests.get(&digest).await?;
    match conditions::evaluate(headers, &digest) {
        Verdict::Proceed => {}
        Verdict::NotModified => return Ok(respond::not_modified(&digest)),
        Verdict::Failed => return Err(Error::PreconditionFailed { actual: digest }),
    }
    let accept = Accept::from_values(values(headers, &header::ACCEPT));
    match negotiate::negotiate(&manifest, &accept, reference)? {
        Served::Stored => Ok(respond::manifest(&manifest)),
        Served::Child(digest) => {
            let child = repository.manifests.get(&digest).await?;
            negotiate::accept_child(&child, &accept, reference)?;
            Ok(respond::manifest(&child))
        }
    }
}

/// Stores a manifest, and points the tag at it when it is pushed by tag (end-7).
pub(crate) async fn put(
    repository: &Repository,
    reference: &Reference,
    headers: &HeaderMap,
    body: BodyStream,
    locations: &Locations,
) -> Result<Answered, Error> {
    let bytes = read_limited(body).await?;
    let mut manifest = parse(headers, bytes)?;
    let tag = match reference {
        Reference::Tag(tag) => Some(tag),
        Reference::Digest(expected) => {
            let actual = Digest::of(expected.algorithm(), manifest.bytes());
            if actual != *expected {
                let expected = expected.clone();
                return Err(Error::ManifestDigestMismatch { expected, actual });
            }
            manifest = manifest.with_digest(actual);
            None
        }
    };
    repository.manifests.put(&manifest, tag).await?;
    let location = locations.manifest(&repository.name, manifest.digest());
    Ok(respond::created(location, manifest.digest()))
}

/// Deletes a tag, or a manifest with every tag that points at it (end-9).
pub(crate) async fn delete(
    repository: &Repository,
    reference: &Reference,
) -> Result<Answered, Error> {
    match reference {
        Reference::Tag(tag) => repository.tags.delete(tag).await?,
        Reference::Digest(digest) => {
            repository.manifests.delete(digest).await?;
        }
    }
    Ok(respond::empty(StatusCode::ACCEPTED))
}

/// Parses a pushed manifest. Without a Content-Type the document speaks for itself.
fn parse(headers: &HeaderMap, bytes: Bytes) -> Result<Manifest, Error> {
    let media_type = match value(headers, &header::CONTENT_TYPE) {
        None | Some("") => {
            let told = Manifest::from_stored(bytes.clone()).map_err(Outcome::ManifestInvalid)?;
            told.media_type().clone()
        }
        Some(text) => {
            MediaType::parse(text).map_err(|_| Error::ContentTypeMalformed(text.to_owned()))?
        }
    };
    Ok(Manifest::parse(media_type, bytes).map_err(Outcome::ManifestInvalid)?)
}

/// Reads a manifest's body, counting: clients send it without a length (OCI-5.7).
async fn read_limited(mut body: BodyStream) -> Result<Bytes, Error> {
    let mut whole = BytesMut::new();
    loop {
        let next = body.try_next().await;
        match next.map_err(|source| Outcome::BodyInterrupted { source })? {
            Some(chunk) if whole.len() + chunk.len() > MANIFEST_LIMIT => {
                return Err(Error::ManifestTooLarge {
                    limit: MANIFEST_LIMIT,
                });
            }
            Some(chunk) => whole.extend_from_slice(&chunk),
            None => return Ok(whole.freeze()),
        }
    }
}

/// The largest manifest that is taken, in bytes (reference, section 4.6; OCI-5.6).
const MANIFEST_LIMIT: usize = 4 * 1024 * 1024;
