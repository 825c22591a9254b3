//! The codes of error bodies.

use std::fmt;

use serde::{Serialize, Serializer};

/// An error code of the registry API (OCI distribution-spec, Error Codes, and those that
/// Distribution adds).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// Something unforeseen.
    Unknown,
    /// The operation is not offered, or is switched off.
    Unsupported,
    /// Credentials are missing, wrong, or do not reach far enough.
    Unauthorized,
    /// The client is known and still may not do this.
    Denied,
    /// The service cannot answer now.
    Unavailable,
    /// The client asks too often.
    TooManyRequests,
    /// A digest is malformed, or not that of the content.
    DigestInvalid,
    /// A length is not that of the content.
    SizeInvalid,
    /// A chunk does not continue the upload.
    RangeInvalid,
    /// A repository name is malformed.
    NameInvalid,
    /// A tag is malformed.
    TagInvalid,
    /// The repository does not exist.
    NameUnknown,
    /// The manifest does not exist.
    ManifestUnknown,
    /// The manifest cannot be accepted.
    ManifestInvalid,
    /// The signature of the manifest cannot be verified.
    ManifestUnverified,
    /// The manifest names content that does not exist.
    ManifestBlobUnknown,
    /// The blob does not exist.
    BlobUnknown,
    /// The upload does not exist.
    BlobUploadUnknown,
    /// The upload cannot go on.
    BlobUploadInvalid,
    /// The number of results asked for is malformed.
    PaginationNumberInvalid,
}

impl ErrorCode {
    /// Returns the code as the error body has it.
    pub const fn as_str(self) -> &'static str {
        self.texts().0
    }

    /// Returns the code as logs have it: lower case, words apart.
    pub const fn log_text(self) -> &'static str {
        self.texts().1
    }

    /// Returns the message of the error body.
    pub const fn message(self) -> &'static str {
        self.texts().2
    }

    /// Returns code, log text and message.
    const fn texts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Unknown => ("UNKNOWN", "unknown", "unknown error"),
            Self::Unsupported => (
                "UNSUPPORTED",
                "unsupported",
                "The operation is unsupported.",
            ),
            Self::Unauthorized => ("UNAUTHORIZED", "unauthorized", "authentication required"),
            Self::Denied => (
                "DENIED",
                "denied",
                "requested access to the resource is denied",
            ),
            Self::Unavailable => ("UNAVAILABLE", "unavailable", "service unavailable"),
            Self::TooManyRequests => ("TOOMANYREQUESTS", "toomanyrequests", "too many requests"),
            Self::DigestInvalid => (
                "DIGEST_INVALID",
                "digest invalid",
                "provided digest did not match uploaded content",
            ),
            Self::SizeInvalid => (
                "SIZE_INVALID",
                "size invalid",
                "provided length did not match content length",
            ),
            Self::RangeInvalid => ("RANGE_INVALID", "range invalid", "invalid content range"),
            Self::NameInvalid => ("NAME_INVALID", "name invalid", "invalid repository name"),
            Self::TagInvalid => (
                "TAG_INVALID",
                "tag invalid",
                "manifest tag did not match URI",
            ),
            Self::NameUnknown => (
                "NAME_UNKNOWN",
                "name unknown",
                "repository name not known to registry",
            ),
            Self::ManifestUnknown => ("MANIFEST_UNKNOWN", "manifest unknown", "manifest unknown"),
            Self::ManifestInvalid => ("MANIFEST_INVALID", "manifest invalid", "manifest invalid"),
            Self::ManifestUnverified => (
                "MANIFEST_UNVERIFIED",
                "manifest unverified",
                "manifest failed signature verification",
            ),
            Self::ManifestBlobUnknown => (
                "MANIFEST_BLOB_UNKNOWN",
                "manifest blob unknown",
                "blob unknown to registry",
            ),
            Self::BlobUnknown => ("BLOB_UNKNOWN", "blob unknown", "blob unknown to registry"),
            Self::BlobUploadUnknown => (
                "BLOB_UPLOAD_UNKNOWN",
                "blob upload unknown",
                "blob upload unknown to registry",
            ),
            Self::BlobUploadInvalid => (
                "BLOB_UPLOAD_INVALID",
                "blob upload invalid",
                "blob upload invalid",
            ),
            Self::PaginationNumberInvalid => (
                "PAGINATION_NUMBER_INVALID",
                "pagination number invalid",
                "invalid number of results requested",
            ),
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_text_is_the_code_in_words() {
        for code in ALL {
            assert_eq!(
                code.log_text(),
                code.as_str().to_lowercase().replace('_', " ")
            );
            assert!(!code.message().is_empty());
        }
    }

    #[test]
    fn no_two_codes_are_written_alike() {
        let mut texts: Vec<&str> = ALL.iter().map(|code| code.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), ALL.len());
        assert_eq!(
            serde_json::to_string(&ErrorCode::ManifestUnknown).unwrap(),
            "\"MANIFEST_UNKNOWN\""
        );
    }

    const ALL: [ErrorCode; 20] = [
        ErrorCode::Unknown,
        ErrorCode::Unsupported,
        ErrorCode::Unauthorized,
        ErrorCode::Denied,
        ErrorCode::Unavailable,
        ErrorCode::TooManyRequests,
        ErrorCode::DigestInvalid,
        ErrorCode::SizeInvalid,
        ErrorCode::RangeInvalid,
        ErrorCode::NameInvalid,
        ErrorCode::TagInvalid,
        ErrorCode::NameUnknown,
        ErrorCode::ManifestUnknown,
        ErrorCode::ManifestInvalid,
        ErrorCode::ManifestUnverified,
        ErrorCode::ManifestBlobUnknown,
        ErrorCode::BlobUnknown,
        ErrorCode::BlobUploadUnknown,
        ErrorCode::BlobUploadInvalid,
        ErrorCode::PaginationNumberInvalid,
    ];
}
