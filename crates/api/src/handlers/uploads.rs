//! Uploads: begun, continued, finished, looked at, cancelled; blobs mounted.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use wharf_oci::{Algorithm, ContentRange, Digest, RepositoryName};
use wharf_registry::{
    BodyStream, Chunk, Error as Outcome, Repository, UploadId, UploadSession, UploadStatus,
};

use crate::{
    error::Error,
    handlers::{Query, value},
    location::Locations,
    respond::{self, Answered},
    upload_state::UploadStates,
};

/// What the handlers of uploads work with.
#[derive(Debug, Clone)]
pub(crate) struct Uploads {
    pub(crate) repository: Repository,
    pub(crate) states: UploadStates,
    pub(crate) locations: Locations,
}

/// A blob that is to be mounted, and may be: whoever asks has the right to read it.
#[derive(Debug, Clone)]
pub(crate) struct Mount {
    pub(crate) source: RepositoryName,
    pub(crate) digest: Digest,
}

impl Uploads {
    /// Mounts a blob if it can, else begins an upload (end-11, end-4a).
    pub(crate) async fn start(&self, mount: Option<Mount>) -> Result<Answered, Error> {
        if let Some(Mount { source, digest }) = mount {
            match self.repository.uploads.mount(&source, &digest).await {
                Ok(descriptor) => return Ok(self.created(&descriptor.digest)),
                Err(Outcome::BlobUnknown { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let session = self.repository.uploads.start().await?;
        let status = session.suspend().await?;
        Ok(self.accepted(&status))
    }

    /// Takes a whole blob in one request (end-4b).
    pub(crate) async fn take(&self, digest: &str, chunk: Chunk) -> Result<Answered, Error> {
        let digest = parse_digest(digest)?;
        let session = self.repository.uploads.start().await?;
        let id = session.status().id;
        let finished = self.finish(session, chunk, &digest).await;
        if !matches!(finished, Ok(_) | Err(Error::UploadOutOfOrder { .. })) {
            // Nobody was told of this upload, so nobody will continue it. That it may be gone
            // already is no news, and the first error is the one to tell.
            let _ = self.repository.uploads.cancel(&id).await;
        }
        finished
    }

    /// Tells how far an upload is (end-13).
    pub(crate) async fn status(&self, id: &UploadId) -> Result<Answered, Error> {
        let status = self.repository.uploads.status(id).await?;
        Ok(self.continued(StatusCode::NO_CONTENT, &status))
    }

    /// Appends a chunk (end-5).
    pub(crate) async fn append(
        &self,
        id: &UploadId,
        query: &Query,
        chunk: Chunk,
    ) -> Result<Answered, Error> {
        let mut session = self.resume(id, query).await?;
        let appended = session.append(chunk).await;
        let status = session.suspend().await?;
        match appended {
            Ok(()) => Ok(self.accepted(&status)),
            Err(Outcome::OffsetMismatch { .. }) => Err(self.out_of_order(status)),
            Err(error) => Err(error.into()),
        }
    }

    /// Appends the last chunk, if there is one, and finishes the upload (end-6).
    pub(crate) async fn complete(
        &self,
        id: &UploadId,
        query: &Query,
        chunk: Chunk,
    ) -> Result<Answered, Error> {
        let digest = parse_digest(query.get("digest").ok_or(Error::DigestMissing)?)?;
        let session = self.resume(id, query).await?;
        self.finish(session, chunk, &digest).await
    }

    /// Drops an upload (end-14).
    pub(crate) async fn cancel(&self, id: &UploadId) -> Result<Answered, Error> {
        let status = self.repository.uploads.status(id).await?;
        self.repository.uploads.cancel(id).await?;
        let mut response = self.continued(StatusCode::NO_CONTENT, &status);
        for gone in [header::LOCATION, header::RANGE] {
            response.headers_mut().remove(gone);
        }
        Ok(response)
    }

    async fn finish(
        &self,
        mut session: Box<dyn UploadSession>,
        chunk: Chunk,
        digest: &Digest,
    ) -> Result<Answered, Error> {
        match session.append(chunk).await {
            Ok(()) => {}
            Err(Outcome::OffsetMismatch { .. }) => {
                return Err(self.out_of_order(session.suspend().await?));
            }
            Err(error) => {
                // What came is kept, for a client that goes on where it was cut off.
                session.suspend().await?;
                return Err(error.into());
            }
        }
        let descriptor = session.commit(digest).await?;
        Ok(self.created(&descriptor.digest))
    }

    /// Takes hold of an upload.
    ///
    /// # Errors
    /// [`Error::UploadOutOfOrder`] when the request was made for an older state of it.
    async fn resume(&self, id: &UploadId, query: &Query) -> Result<Box<dyn UploadSession>, Error> {
        let name = &self.repository.name;
        let expected = self.states.check(query.get("_state"), name, id)?;
        let session = self.repository.uploads.resume(id).await?;
        let status = session.status();
        if expected.is_some_and(|expected| expected != status.offset) {
            return Err(self.out_of_order(session.suspend().await?));
        }
        Ok(session)
    }

    fn created(&self, digest: &Digest) -> Answered {
        respond::created(self.locations.blob(&self.repository.name, digest), digest)
    }

    fn accepted(&self, status: &UploadStatus) -> Answered {
        self.continued(StatusCode::ACCEPTED, status)
    }

    fn continued(&self, code: StatusCode, status: &UploadStatus) -> Answered {
        let mut response = respond::empty(code);
        respond::upload_headers(response.headers_mut(), self.location(status), status);
        if code == StatusCode::NO_CONTENT {
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        response
    }

    fn out_of_order(&self, status: UploadStatus) -> Error {
        let location = self.location(&status);
        Error::UploadOutOfOrder { status, location }
    }

    fn location(&self, status: &UploadStatus) -> HeaderValue {
        let name = &self.repository.name;
        let state = self.states.sign(name, status);
        self.locations.upload(name, &status.id, &state)
    }
}

/// The part of a blob that a request brings.
///
/// # Errors
/// When Content-Range cannot be read, or contradicts Content-Length.
pub(crate) fn chunk(headers: &HeaderMap, body: BodyStream) -> Result<Chunk, Error> {
    let length = value(headers, &header::CONTENT_LENGTH).and_then(|text| text.parse().ok());
    let Some(range) = headers.get(header::CONTENT_RANGE) else {
        return Ok(Chunk {
            start: None,
            length,
            body,
        });
    };
    let text = String::from_utf8_lossy(range.as_bytes());
    let range: ContentRange = text
        .parse()
        .map_err(|_| Error::ContentRangeMalformed(text.into_owned()))?;
    match length {
        Some(length) if length != range.length() => Err(Error::LengthsDiffer {
            range: range.length(),
            length,
        }),
        _ => Ok(Chunk {
            start: Some(range.first()),
            length: Some(range.length()),
            body,
        }),
    }
}

/// The digest of the blob that a POST brings whole, if it brings one: not where it asks for a
/// mount, nor where it has no body, since some clients name the digest and push the bytes later.
pub(crate) fn whole_blob<'a>(query: &'a Query, headers: &HeaderMap) -> Option<&'a str> {
    let digest = query.get("digest")?;
    let empty = value(headers, &header::CONTENT_LENGTH) == Some("0");
    let later = empty
        && digest
            .parse::<Digest>()
            .is_ok_and(|digest| digest != Digest::of(digest.algorithm(), b""));
    (query.get("mount").is_none() && !later).then_some(digest)
}

/// Checks what a request says that the upload is to be hashed with (end-4c). Every upload can end
/// with every digest, so there is nothing to remember of it.
///
/// # Errors
/// When the algorithm is not known.
pub(crate) fn check_algorithm(query: &Query) -> Result<(), Error> {
    match query.get("digest-algorithm").map(str::parse::<Algorithm>) {
        None | Some(Ok(_)) => Ok(()),
        Some(Err(source)) => Err(Error::DigestMalformed {
            digest: query.get("digest-algorithm").unwrap_or_default().to_owned(),
            source,
        }),
    }
}

fn parse_digest(digest: &str) -> Result<Digest, Error> {
    digest.parse().map_err(|source| Error::DigestMalformed {
        digest: digest.to_owned(),
        source,
    })
}
