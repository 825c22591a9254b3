//! Manifests: served by tag or digest, stored, deleted.

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use http::{HeaderMap, StatusCode, header};
use wharf_oci::{
    Accept, Digest, Manifest, MediaType, Reference, RepositoryName, Tag, reference::ReferenceError,
};
use wharf_registry::{BodyStream, Error as Outcome, Repository};

use crate::{
    conditions::{self, Verdict},
    error::Error,
    handlers::{Query, value, values},
    location::Locations,
    negotiate::{Form, Negotiation, Served},
    respond::{self, Answered},
    schema1::Converter,
};

/// Serves a manifest by tag or digest (end-3), to old clients in the form of schema 1 if there is a
/// converter.
pub(crate) async fn get(
    repository: &Repository,
    reference: &Reference,
    headers: &HeaderMap,
    converter: Option<Converter<'_>>,
) -> Result<Answered, Error> {
    let digest = match reference {
        Reference::Tag(tag) => repository.tags.resolve(tag).await?,
        Reference::Digest(digest) => digest.clone(),
    };
    let manifest = repository.manifests.get(&digest).await?;
    let verdict = conditions::evaluate(headers, &digest);
    if verdict == Verdict::NotModified {
        return Ok(respond::not_modified(&digest));
    }
    let accept = Accept::from_values(values(headers, &header::ACCEPT));
    let negotiation = Negotiation {
        reference,
        accept: &accept,
        converter,
    };
    let (manifest, form) = match negotiation.serve(&manifest)? {
        Served::Found(form) => (manifest, form),
        Served::Child(digest) => {
            let child = repository.manifests.get(&digest).await?;
            let form = negotiation.serve_child(&child)?;
            (child, form)
        }
    };
    match form {
        Form::Stored if verdict == Verdict::Failed => {
            Err(Error::PreconditionFailed { actual: digest })
        }
        Form::Stored => Ok(respond::manifest(&manifest)),
        Form::Schema1(converter) => {
            let signed = converter.convert(repository, reference, &manifest).await?;
            let actual = signed.digest.clone();
            // 2.x compares with the stored digest alone, which its clients never see: the entity
            // tag that they were given is the other one.
            match conditions::evaluate(headers, &actual) {
                Verdict::NotModified => Ok(respond::not_modified(&actual)),
                Verdict::Failed if verdict == Verdict::Failed => {
                    Err(Error::PreconditionFailed { actual })
                }
                Verdict::Failed | Verdict::Proceed => Ok(respond::signed_manifest(signed)),
            }
        }
    }
}

/// Stores a manifest, and points tags at it: the one that it is pushed by (end-7a), and those that
/// the query names (end-7b).
pub(crate) async fn put(
    repository: &Repository,
    reference: &Reference,
    query: &Query,
    headers: &HeaderMap,
    body: BodyStream,
    locations: &Locations,
) -> Result<Answered, Error> {
    let asked = asked_tags(&repository.name, query)?;
    let bytes = read_limited(body).await?;
    let mut manifest = parse(headers, bytes)?;
    let mut tags = asked.clone();
    match reference {
        Reference::Tag(tag) if tags.contains(tag) => {}
        Reference::Tag(tag) => tags.insert(0, tag.clone()),
        Reference::Digest(expected) => {
            let actual = Digest::of(expected.algorithm(), manifest.bytes());
            if actual != *expected {
                let expected = expected.clone();
                return Err(Error::ManifestDigestMismatch { expected, actual });
            }
            manifest = manifest.with_digest(actual);
        }
    }
    let condition = conditions::of(headers);
    let put = repository.manifests.put(&manifest, &tags, &condition);
    put.await?;
    let location = locations.manifest(&repository.name, manifest.digest());
    let mut response = respond::created(location, manifest.digest());
    respond::publication(&mut response, &manifest, &asked);
    Ok(response)
}

/// The tags that a push names in its query, each once.
///
/// # Errors
/// When one is malformed, or there are more than [`MOST_TAGS`]; nothing is stored then.
fn asked_tags(name: &RepositoryName, query: &Query) -> Result<Vec<Tag>, Error> {
    let mut tags = Vec::new();
    for text in query.all("tag") {
        let tag = text.parse().map_err(|source| Error::ReferenceMalformed {
            name: name.clone(),
            reference: text.to_owned(),
            source: ReferenceError::Tag(source),
            creating: true,
        })?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    if tags.len() > MOST_TAGS {
        return Err(Error::TooManyTags { limit: MOST_TAGS });
    }
    Ok(tags)
}

/// Deletes a tag, or a manifest with every tag that points at it (end-9).
pub(crate) async fn delete(
    repository: &Repository,
    reference: &Reference,
    headers: &HeaderMap,
) -> Result<Answered, Error> {
    let condition = conditions::of(headers);
    match reference {
        Reference::Tag(tag) => repository.tags.delete(tag, &condition).await?,
        Reference::Digest(digest) => {
            repository.manifests.delete(digest, &condition).await?;
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

/// How many tags one push may name (OCI-5.14 wants ten at least).
const MOST_TAGS: usize = 100;
/// The largest manifest that is taken, in bytes (reference, section 4.6; OCI-5.6).
const MANIFEST_LIMIT: usize = 4 * 1024 * 1024;
