//! What can be wrong with a manifest.

use crate::media_type::MediaType;

/// Why a document is not accepted as a manifest; the text is meant for whoever pushed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestViolation {
    /// The document cannot be read as JSON of the right shape.
    #[error("manifest is not the JSON document it should be: {message}")]
    NotJson {
        /// What the parser says.
        message: String,
    },
    /// The document or its type is that of a schema 1 manifest.
    #[error(
        "manifests of schema version 1 are no longer accepted, push a schema 2 or OCI manifest"
    )]
    Schema1,
    /// A field is written in other letters than those it is known by.
    #[error("{}field {found:?} must be written {expected:?}", at(.path))]
    FieldName {
        /// Where the field is; empty for the document itself.
        path: String,
        /// The field as it is written.
        found: String,
        /// How it should be.
        expected: String,
    },
    /// The schema version is not 2.
    #[error("schemaVersion must be 2, found {}", found.as_deref().unwrap_or("none"))]
    SchemaVersion {
        /// The value of the field, where there is one.
        found: Option<String>,
    },
    /// The media type is none of those that a manifest can have.
    #[error(
        "unsupported manifest media type {found:?}, expected a Docker schema 2 or OCI manifest, list or index"
    )]
    UnsupportedMediaType {
        /// The media type given.
        found: String,
    },
    /// The document says that it is of another type than the request.
    #[error(
        "mediaType in the manifest should be '{declared}' like the content type, not {found:?}"
    )]
    MediaTypeMismatch {
        /// The media type of the request.
        declared: MediaType,
        /// The media type in the document.
        found: String,
    },
    /// The document does not say its type, as Docker's types have to.
    #[error("mediaType is missing in the manifest, should be '{declared}'")]
    MediaTypeMissing {
        /// The media type of the request.
        declared: MediaType,
    },
    /// The document has the type of an image and lists manifests.
    #[error("expected manifest but found index: the document has 'manifests'")]
    ExpectedManifestFoundIndex,
    /// The document has the type of a list and the fields of an image.
    #[error("expected index but found manifest: the document has 'config' or 'layers'")]
    ExpectedIndexFoundManifest,
    /// An image has no configuration.
    #[error("config is missing in the manifest")]
    ConfigMissing,
    /// An index has no list of manifests.
    #[error("manifests is missing in the index, an index of nothing has an empty list")]
    ManifestsMissing,
    /// A descriptor in the document cannot be used.
    #[error("{path}: {message}")]
    Descriptor {
        /// Where it stands, such as `layers[2].digest`.
        path: String,
        /// What is wrong with it.
        message: String,
    },
}

fn at(path: &str) -> String {
    if path.is_empty() {
        return String::new();
    }
    format!("{path}: ")
}
