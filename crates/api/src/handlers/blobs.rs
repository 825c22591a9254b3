//! Blobs: served whole or in part, deleted.

use http::{HeaderMap, StatusCode, header};
use wharf_oci::{ByteRange, Digest};
use wharf_registry::{Error as Outcome, ReadRange, Repository};

use crate::{
    conditions::{self, Verdict},
    error::Error,
    handlers::value,
    respond::{self, Answered},
};

/// Serves a blob, or the range that is asked for (end-2).
pub(crate) async fn get(
    repository: &Repository,
    digest: &Digest,
    headers: &HeaderMap,
) -> Result<Answered, Error> {
    match conditions::evaluate(headers, digest) {
        Verdict::Proceed => {}
        Verdict::NotModified => {
            repository.blobs.stat(digest).await?;
            return Ok(respond::blob_not_modified(digest));
        }
        Verdict::Failed => {
            repository.blobs.stat(digest).await?;
            let actual = digest.clone();
            return Err(Error::PreconditionFailed { actual });
        }
    }
    let range = match asked_range(headers, digest) {
        Ok(range) => range,
        Err(error) => {
            // What is not there has no ranges, malformed or not.
            repository.blobs.stat(digest).await?;
            return Err(error);
        }
    };
    match repository.blobs.open(digest, read_range(range)).await {
        // Clients that send a Range with every request mean the whole of an empty blob.
        Err(Outcome::RangeOutside { size: 0 }) => {
            let blob = repository.blobs.open(digest, ReadRange::Whole).await?;
            Ok(respond::blob(blob, false))
        }
        opened => Ok(respond::blob(opened?, range.is_some())),
    }
}

/// Takes a blob out of the repository (end-10).
pub(crate) async fn delete(repository: &Repository, digest: &Digest) -> Result<Answered, Error> {
    repository.blobs.delete(digest).await?;
    Ok(respond::empty(StatusCode::ACCEPTED))
}

/// The range that is asked for and has to be honoured.
fn asked_range(headers: &HeaderMap, digest: &Digest) -> Result<Option<ByteRange>, Error> {
    match value(headers, &header::RANGE) {
        Some(range) if conditions::range_applies(headers, digest) => {
            ByteRange::parse(range).map_err(|_| Error::RangeMalformed(range.to_owned()))
        }
        _ => Ok(None),
    }
}

fn read_range(range: Option<ByteRange>) -> ReadRange {
    match range {
        None => ReadRange::Whole,
        // To the end of what there is, which must be at least one byte (RFC 9110, 14.1.2).
        Some(ByteRange::From { first }) => ReadRange::FromTo {
            first,
            last: u64::MAX,
        },
        Some(ByteRange::FromTo { first, last }) => ReadRange::FromTo { first, last },
        Some(ByteRange::Last { length }) => ReadRange::Last(length),
    }
}
