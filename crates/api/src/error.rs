//! The one table from outcomes to what a client sees: status, code, message, detail.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};
use wharf_auth::Refusal;
use wharf_oci::{
    Access, Digest, DigestError, ErrorCode, MediaType, Reference, RepositoryName,
    reference::ReferenceError, repository_name::NameError,
};
use wharf_registry::{InvalidUploadId, MissingPart, UploadStatus};

mod not_acceptable;

pub use self::not_acceptable::NotAcceptable;

use crate::{
    respond,
    schema1::{SigningFailed, Unconvertible},
    upload_state::StateError,
};

/// Why a request is not answered as it was meant.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The domain's outcome.
    #[error(transparent)]
    Registry(#[from] wharf_registry::Error),
    /// The caller must show who they are, or may not do this.
    #[error("not allowed")]
    Refused {
        /// What the access controller said.
        #[source]
        refusal: Refusal,
        /// What was asked for.
        access: Vec<Access>,
    },
    /// The repository's name does not follow the grammar.
    #[error("repository name {name:?} is malformed")]
    NameMalformed {
        /// The name as it was sent.
        name: String,
        /// Why it is none.
        source: NameError,
    },
    /// Neither a tag nor a digest.
    #[error("reference {reference:?} is malformed")]
    ReferenceMalformed {
        /// The repository.
        name: RepositoryName,
        /// The reference as it was sent.
        reference: String,
        /// Why it is none.
        source: ReferenceError,
        /// Whether it was to be made: what is only looked for is simply not there.
        creating: bool,
    },
    /// A digest does not follow the grammar, or its algorithm is not known.
    #[error("digest {digest:?} is malformed")]
    DigestMalformed {
        /// The digest as it was sent.
        digest: String,
        /// Why it is none.
        source: DigestError,
    },
    /// The registry takes no content now.
    #[error("the registry is read-only")]
    ReadOnly {
        /// The methods that there are.
        allow: &'static str,
    },
    /// An upload was to be finished without saying its digest.
    #[error("the digest parameter is missing")]
    DigestMissing,
    /// The manifest hashes to another digest than the one in the path.
    #[error("the manifest has the digest {actual}, not {expected}")]
    ManifestDigestMismatch {
        /// The digest in the path.
        expected: Digest,
        /// The digest of the body.
        actual: Digest,
    },
    /// A push names more tags than are set at once.
    #[error("more than {limit} tags are named")]
    TooManyTags {
        /// How many may be named.
        limit: usize,
    },
    /// The manifest is larger than what is taken.
    #[error("the manifest is larger than {limit} bytes")]
    ManifestTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The Content-Type cannot be read.
    #[error("the Content-Type {0:?} is malformed")]
    ContentTypeMalformed(String),
    /// The client accepts no media type that the manifest could be served as.
    #[error("the manifest is of type {stored}, which the request does not accept")]
    NotAcceptable {
        /// The tag or digest that was asked for.
        reference: Reference,
        /// What is stored.
        stored: MediaType,
        /// Which of Distribution's answers this is.
        kind: NotAcceptable,
    },
    /// The image has no form in schema 1, which is the only one that the client can read.
    #[error(transparent)]
    Unconvertible(#[from] Unconvertible),
    /// There is such a form, and it could not be signed.
    #[error(transparent)]
    Unsigned(#[from] SigningFailed),
    /// A path for uploads without one.
    #[error("no upload is named")]
    UploadMissing,
    /// The id cannot be one of ours.
    #[error("the upload is not known")]
    UploadIdMalformed {
        /// The id as it was sent.
        source: InvalidUploadId,
    },
    /// The upload's state does not fit.
    #[error("the state of the upload does not fit")]
    UploadState(#[from] StateError),
    /// The chunk does not continue the upload, which is as it was.
    #[error("the chunk does not continue the upload of {} bytes", status.offset)]
    UploadOutOfOrder {
        /// How far the upload really is.
        status: UploadStatus,
        /// Where it goes on.
        location: HeaderValue,
    },
    /// The Content-Range cannot be read.
    #[error("the Content-Range {0:?} is malformed")]
    ContentRangeMalformed(String),
    /// Content-Range and Content-Length contradict each other.
    #[error("the Content-Range has {range} bytes, the Content-Length is {length}")]
    LengthsDiffer {
        /// The range's length in bytes.
        range: u64,
        /// The body's length in bytes.
        length: u64,
    },
    /// The Range cannot be read.
    #[error("the Range {0:?} is malformed")]
    RangeMalformed(String),
    /// A condition of the request does not hold.
    #[error("the content is {actual}, which the request's condition excludes")]
    PreconditionFailed {
        /// What is there.
        actual: Digest,
    },
    /// The page's size cannot be read, or is too large.
    #[error("the number of results {0:?} is not one that is given")]
    PageSize(String),
    /// Something in this process broke.
    #[error("the request's handler stopped")]
    Stopped(#[from] tokio::task::JoinError),
}

/// What the client sees of an error.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) errors: Vec<ErrorEntry>,
    pub(crate) headers: HeaderMap,
}

/// One error of a body.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ErrorEntry {
    pub(crate) code: ErrorCode,
    pub(crate) message: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<Detail>,
}

/// What an error says beyond its code.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Detail {
    /// Any JSON.
    Value(Value),
    /// The access that was missing, in records whose fields keep Distribution's order.
    Access(Vec<Access>),
}

impl Error {
    /// What the client sees.
    pub(crate) fn answer(&self) -> Answer {
        match self {
            Self::Registry(error) => registry(error),
            Self::Refused { refusal, access } => refused(refusal, access),
            Self::NameMalformed { name, source } => {
                let detail = json!(format!("repository name {name:?}: {source}"));
                one(StatusCode::BAD_REQUEST, ErrorCode::NameInvalid, detail)
            }
            Self::ReferenceMalformed {
                source: ReferenceError::Digest(source),
                reference,
                ..
            } => digest_invalid(reference, source),
            Self::ReferenceMalformed {
                source: ReferenceError::Tag(source),
                creating: true,
                ..
            } => {
                let detail = json!(source.to_string());
                one(StatusCode::BAD_REQUEST, ErrorCode::TagInvalid, detail)
            }
            Self::ReferenceMalformed { reference, .. } => {
                let detail = json!(format!("unknown tag={reference}"));
                one(StatusCode::NOT_FOUND, ErrorCode::ManifestUnknown, detail)
            }
            Self::DigestMalformed { digest, source } => digest_invalid(digest, source),
            Self::ReadOnly { allow } => {
                let detail =
                    json!("the registry is read-only: storage.maintenance.readonly is switched on");
                let status = StatusCode::METHOD_NOT_ALLOWED;
                let mut answer = one(status, ErrorCode::Unsupported, detail);
                let allow = HeaderValue::from_static(allow);
                answer.headers.insert(header::ALLOW, allow);
                answer
            }
            Self::DigestMissing => {
                let detail = json!("digest missing");
                one(StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid, detail)
            }
            Self::ManifestDigestMismatch { expected, actual } => {
                let detail = json!(format!(
                    "the manifest has the digest {actual}, not {expected}"
                ));
                one(StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid, detail)
            }
            Self::TooManyTags { .. } => {
                let detail = json!(self.to_string());
                one(StatusCode::URI_TOO_LONG, ErrorCode::Unsupported, detail)
            }
            Self::ManifestTooLarge { limit } => {
                let detail = json!(format!("the manifest is larger than {limit} bytes"));
                one(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    ErrorCode::ManifestInvalid,
                    detail,
                )
            }
            Self::ContentTypeMalformed(_) => {
                let detail = json!(self.to_string());
                one(StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid, detail)
            }
            Self::NotAcceptable { stored, kind, .. } => kind.answer(stored),
            Self::Unconvertible(reason) => {
                let detail = json!(reason.to_string());
                one(StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid, detail)
            }
            Self::UploadMissing | Self::UploadIdMalformed { .. } => {
                let detail = json!("blob upload unknown");
                one(StatusCode::NOT_FOUND, ErrorCode::BlobUploadUnknown, detail)
            }
            Self::UploadState(source) => {
                let detail = json!(source.to_string());
                one(StatusCode::NOT_FOUND, ErrorCode::BlobUploadInvalid, detail)
            }
            Self::UploadOutOfOrder { status, location } => {
                let detail = json!(received(status.offset));
                let code = StatusCode::RANGE_NOT_SATISFIABLE;
                let mut answer = one(code, ErrorCode::RangeInvalid, detail);
                // What the client needs to go on (OCI-4.21).
                respond::upload_headers(&mut answer.headers, location.clone(), status);
                answer
            }
            Self::ContentRangeMalformed(_) | Self::RangeMalformed(_) => {
                let detail = json!(self.to_string());
                let status = StatusCode::RANGE_NOT_SATISFIABLE;
                one(status, ErrorCode::RangeInvalid, detail)
            }
            Self::LengthsDiffer { .. } => {
                let detail = json!(self.to_string());
                one(StatusCode::BAD_REQUEST, ErrorCode::SizeInvalid, detail)
            }
            Self::PreconditionFailed { actual } => {
                precondition_failed(json!(format!("the content is {actual}")))
            }
            Self::PageSize(text) => {
                let n = text
                    .parse::<i64>()
                    .map_or_else(|_| json!(text), |n| json!(n));
                let code = ErrorCode::PaginationNumberInvalid;
                one(StatusCode::BAD_REQUEST, code, json!({ "n": n }))
            }
            Self::Unsigned(_) | Self::Stopped(_) => {
                internal(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Unknown)
            }
        }
    }
}

fn registry(error: &wharf_registry::Error) -> Answer {
    use wharf_registry::Error as Outcome;
    match error {
        Outcome::RepositoryUnknown { name } => {
            let detail = json!({ "name": name });
            one(StatusCode::NOT_FOUND, ErrorCode::NameUnknown, detail)
        }
        Outcome::BlobUnknown { digest, .. } => {
            one(StatusCode::NOT_FOUND, ErrorCode::BlobUnknown, json!(digest))
        }
        Outcome::ManifestUnknown { name, reference } => {
            let detail = match reference {
                Reference::Tag(tag) => format!("unknown tag={tag}"),
                Reference::Digest(digest) => {
                    format!("unknown manifest name={name} revision={digest}")
                }
            };
            let status = StatusCode::NOT_FOUND;
            one(status, ErrorCode::ManifestUnknown, json!(detail))
        }
        Outcome::ManifestGone {
            name,
            digest,
            instead,
        } => {
            let detail = format!("unknown manifest name={name} revision={digest}: {instead}");
            let status = StatusCode::NOT_FOUND;
            one(status, ErrorCode::ManifestUnknown, json!(detail))
        }
        Outcome::ManifestInvalid(violation) => {
            let detail = json!(violation.to_string());
            one(StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid, detail)
        }
        Outcome::ManifestPartsUnknown(parts) => Answer {
            status: StatusCode::BAD_REQUEST,
            errors: parts.iter().map(missing_part).collect(),
            headers: HeaderMap::new(),
        },
        Outcome::PreconditionFailed { .. } => precondition_failed(json!(error.to_string())),
        Outcome::DigestMismatch { expected, actual } => {
            let detail = json!(format!(
                "invalid digest for referenced layer: {expected}, content does not match digest \
                 (it has {actual})"
            ));
            one(StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid, detail)
        }
        Outcome::UploadUnknown { .. } => {
            let detail = json!("blob upload unknown");
            one(StatusCode::NOT_FOUND, ErrorCode::BlobUploadUnknown, detail)
        }
        Outcome::UploadBusy { .. } => {
            let detail = json!("another request is writing to this upload");
            one(StatusCode::CONFLICT, ErrorCode::BlobUploadInvalid, detail)
        }
        Outcome::OffsetMismatch { offset, .. } => {
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            let detail = json!(received(*offset));
            one(status, ErrorCode::RangeInvalid, detail)
        }
        Outcome::LengthMismatch { .. } | Outcome::BodyInterrupted { .. } => {
            let detail = json!(error.to_string());
            one(StatusCode::BAD_REQUEST, ErrorCode::SizeInvalid, detail)
        }
        Outcome::RangeOutside { size } => {
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            let mut answer = one(status, ErrorCode::RangeInvalid, json!(error.to_string()));
            if let Ok(value) = HeaderValue::from_str(&format!("bytes */{size}")) {
                answer.headers.insert(header::CONTENT_RANGE, value);
            }
            answer
        }
        Outcome::DeletionDisabled => {
            let detail = json!(
                "deleting is switched off: set storage.delete.enabled to true, \
                 or REGISTRY_STORAGE_DELETE_ENABLED=true"
            );
            let status = StatusCode::METHOD_NOT_ALLOWED;
            one(status, ErrorCode::Unsupported, detail)
        }
        Outcome::Storage(wharf_registry::StorageError::Full { .. }) => {
            let detail = json!("the store has no space left: free some, and push again");
            let status = StatusCode::INSUFFICIENT_STORAGE;
            one(status, ErrorCode::Unavailable, detail)
        }
        Outcome::Storage(wharf_registry::StorageError::ReadOnly { .. }) => {
            let detail = json!(
                "the store's file system is mounted read-only: it can be pulled from, and takes \
                 pushes and deletions again when it is mounted for writing"
            );
            let status = StatusCode::SERVICE_UNAVAILABLE;
            one(status, ErrorCode::Unavailable, detail)
        }
        Outcome::Storage(_) | Outcome::Damaged { .. } | Outcome::AlreadyCollecting => {
            internal(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Unknown)
        }
    }
}

/// OCI has no code for this, and a code of our own would be none (OCI-9.2).
fn precondition_failed(detail: Value) -> Answer {
    let mut answer = one(StatusCode::PRECONDITION_FAILED, ErrorCode::Denied, detail);
    answer.errors[0].message = "the condition of the request does not hold";
    answer
}

fn received(offset: u64) -> String {
    format!("the upload has {offset} bytes, go on from there")
}

fn missing_part(part: &MissingPart) -> ErrorEntry {
    match part {
        MissingPart::Blob(digest) | MissingPart::Manifest(digest) => {
            entry(ErrorCode::ManifestBlobUnknown, Some(json!(digest)))
        }
        MissingPart::UrlNotAllowed { .. } => {
            entry(ErrorCode::ManifestInvalid, Some(json!(part.to_string())))
        }
    }
}

fn refused(refusal: &Refusal, access: &[Access]) -> Answer {
    match refusal {
        Refusal::Challenge { challenge, .. } => {
            let status = StatusCode::UNAUTHORIZED;
            let mut answer = one(status, ErrorCode::Unauthorized, Value::Null);
            if !access.is_empty() {
                answer.errors[0].detail = Some(Detail::Access(access.to_vec()));
            }
            if let Ok(value) = HeaderValue::from_bytes(challenge.to_string().as_bytes()) {
                answer.headers.insert(header::WWW_AUTHENTICATE, value);
            }
            answer
        }
        Refusal::Unavailable(_) => internal(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Unknown),
    }
}

fn digest_invalid(digest: &str, source: &DigestError) -> Answer {
    let detail = json!(format!("{source}: {digest:?}"));
    one(StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid, detail)
}

/// A failure of ours: the log has the cause, the client the fixed words.
fn internal(status: StatusCode, code: ErrorCode) -> Answer {
    Answer {
        status,
        errors: vec![entry(code, None)],
        headers: HeaderMap::new(),
    }
}

fn one(status: StatusCode, code: ErrorCode, detail: Value) -> Answer {
    Answer {
        status,
        errors: vec![entry(code, Some(detail))],
        headers: HeaderMap::new(),
    }
}

fn entry(code: ErrorCode, detail: Option<Value>) -> ErrorEntry {
    ErrorEntry {
        code,
        message: code.message(),
        detail: detail.map(Detail::Value),
    }
}

#[cfg(test)]
mod tests;
