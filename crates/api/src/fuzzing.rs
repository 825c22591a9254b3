//! Doors to the parsers that no other crate can name, for the targets in `fuzz` and nobody else.
//!
//! Each door takes and gives only what a request or an answer has, so that the parsers behind it
//! stay free to change.

use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use wharf_oci::{Digest, RepositoryName};
use wharf_registry::{UploadId, UploadStatus};

use crate::{
    conditions::{self, Verdict},
    config::{Config, Mode},
    endpoint::{Endpoint, Unrouted},
    handlers::{Query, uploads},
    location::{self, Locations},
    upload_state::UploadStates,
};

pub use crate::upload_state::StateError;

/// What a method and a path come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Routed {
    /// A handler is asked.
    Endpoint {
        /// The path that the parts of the endpoint give, without the prefix.
        path: String,
        /// The repository that is asked.
        repository: Option<RepositoryName>,
    },
    /// The client is sent to another path.
    Moved {
        /// That path, encoded.
        path: String,
    },
    /// Nothing is there, or nothing that knows the method, or a part is malformed.
    Refused,
}

/// Parses method and path; `prefix` is what stands before `/v2/`.
#[must_use]
pub fn route(method: &Method, uri: &Uri, prefix: &str, mode: Mode) -> Routed {
    match Endpoint::parse(method, uri, prefix, mode) {
        Ok(endpoint) => Routed::Endpoint {
            path: path(&endpoint),
            repository: endpoint.repository().cloned(),
        },
        Err(Unrouted::Moved { path }) => Routed::Moved { path },
        Err(
            Unrouted::NotFound
            | Unrouted::MethodNotAllowed { .. }
            | Unrouted::Options { .. }
            | Unrouted::Invalid(_),
        ) => Routed::Refused,
    }
}

fn path(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Base => "/v2/".to_owned(),
        Endpoint::Catalog => "/v2/_catalog".to_owned(),
        Endpoint::ListTags { name } => format!("/v2/{name}/tags/list"),
        Endpoint::GetManifest { name, reference }
        | Endpoint::PutManifest { name, reference }
        | Endpoint::DeleteManifest { name, reference } => {
            format!("/v2/{name}/manifests/{reference}")
        }
        Endpoint::GetBlob { name, digest } | Endpoint::DeleteBlob { name, digest } => {
            format!("/v2/{name}/blobs/{digest}")
        }
        Endpoint::Referrers { name, digest } => format!("/v2/{name}/referrers/{digest}"),
        Endpoint::StartUpload { name } => format!("/v2/{name}/blobs/uploads/"),
        Endpoint::UploadStatus { name, id }
        | Endpoint::AppendUpload { name, id }
        | Endpoint::CompleteUpload { name, id }
        | Endpoint::CancelUpload { name, id } => format!("/v2/{name}/blobs/uploads/{id}"),
    }
}

/// The value of a parameter of a query.
#[must_use]
pub fn parameter(query: Option<&str>, key: &str) -> Option<String> {
    Query::parse(query).get(key).map(ToOwned::to_owned)
}

/// The `Link` to the page behind `last`.
#[must_use]
pub fn next_page(uri: &Uri, last: &str, n: usize) -> Option<HeaderValue> {
    location::next_page(uri, last, n)
}

/// The `Location` of an upload, as the client of this request sees the registry.
#[must_use]
pub fn upload_location(
    uri: &Uri,
    headers: &HeaderMap,
    name: &RepositoryName,
    id: &UploadId,
    state: &str,
) -> HeaderValue {
    Locations::of(&Config::default(), uri, headers, false).upload(name, id, state)
}

/// The status that the conditions of a GET come to, where this content is there.
#[must_use]
pub fn conditional(headers: &HeaderMap, digest: &Digest) -> StatusCode {
    match conditions::evaluate(headers, digest) {
        Verdict::Proceed => StatusCode::OK,
        Verdict::NotModified => StatusCode::NOT_MODIFIED,
        Verdict::Failed => StatusCode::PRECONDITION_FAILED,
    }
}

/// Where a chunk begins and how long it is, as far as its headers tell; `None` when they are
/// refused.
#[must_use]
pub fn chunk(headers: &HeaderMap) -> Option<(Option<u64>, Option<u64>)> {
    let chunk = uploads::chunk(headers, futures_util::stream::empty().boxed()).ok()?;
    Some((chunk.start, chunk.length))
}

/// The token for an upload.
#[must_use]
pub fn sign(secret: &str, name: &RepositoryName, status: &UploadStatus) -> String {
    UploadStates::new(Some(secret)).sign(name, status)
}

/// The offset that a token was made for.
///
/// # Errors
/// When the token is another's, or forged.
pub fn check(
    secret: &str,
    token: &str,
    name: &RepositoryName,
    id: &UploadId,
) -> Result<Option<u64>, StateError> {
    UploadStates::new(Some(secret)).check(Some(token), name, id)
}
