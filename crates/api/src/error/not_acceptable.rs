//! What clients see that can read nothing of what there is.

use http::StatusCode;
use serde_json::json;
use wharf_oci::{ErrorCode, MediaType};

use super::{Answer, one};

/// Distribution's answers to clients that do not know what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAcceptable {
    /// An OCI image manifest.
    Oci,
    /// An OCI index.
    OciIndex,
    /// A list without an image for clients that know no lists.
    NoDefaultPlatform,
    /// A list whose image is of schema 2.
    Schema2,
    /// An image of schema 2, and a client that knows only schema 1.
    Schema1,
    /// A list whose image is of schema 2, and such a client.
    Schema1InList,
}

impl NotAcceptable {
    /// What the client sees, when this is stored.
    pub(super) fn answer(self, stored: &MediaType) -> Answer {
        let list = MediaType::DOCKER_MANIFEST_LIST;
        let detail = match self {
            Self::Oci | Self::OciIndex | Self::NoDefaultPlatform | Self::Schema2 => {
                format!("the manifest is of type {stored}; name it in the Accept header")
            }
            Self::Schema1 => format!(
                "the manifest is of type {stored}; name it in the Accept header, or {CONVERSION}"
            ),
            Self::Schema1InList => format!(
                "the manifest is of type {stored} in a list of type {list}; name both in the Accept \
                 header, or {CONVERSION}"
            ),
        };
        let (status, code, message) = match self {
            Self::Oci => (
                StatusCode::NOT_FOUND,
                ErrorCode::ManifestUnknown,
                "OCI manifest found, but accept header does not support OCI manifests",
            ),
            Self::OciIndex => (
                StatusCode::NOT_FOUND,
                ErrorCode::ManifestUnknown,
                "OCI index found, but accept header does not support OCI indexes",
            ),
            Self::NoDefaultPlatform => (
                StatusCode::NOT_FOUND,
                ErrorCode::ManifestUnknown,
                ErrorCode::ManifestUnknown.message(),
            ),
            Self::Schema2 => (
                StatusCode::BAD_REQUEST,
                ErrorCode::ManifestInvalid,
                "Schema 2 manifest not supported by client",
            ),
            Self::Schema1 | Self::Schema1InList => (
                StatusCode::NOT_FOUND,
                ErrorCode::ManifestUnknown,
                "schema 2 manifest found, but accept header supports only schema 1 manifests",
            ),
        };
        let mut answer = one(status, code, json!(detail));
        answer.errors[0].message = message;
        answer
    }
}

/// What an operator can do for clients that know only schema 1.
const CONVERSION: &str = "have it converted: set compatibility.schema1.enabled to true, \
                          or REGISTRY_COMPATIBILITY_SCHEMA1_ENABLED=true";
