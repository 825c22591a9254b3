//! What can go wrong in the domain, named by outcome.

use wharf_oci::{Digest, ManifestViolation, Reference, RepositoryName, Tag};

use crate::UploadId;

/// An operation on a repository that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing was ever pushed to the repository, or all of it was deleted.
    #[error("repository \"{name}\" is not known")]
    RepositoryUnknown {
        /// The repository that was asked for.
        name: RepositoryName,
    },
    /// The blob is not in this repository, wherever else it may be.
    #[error("blob {digest} is not in repository \"{name}\"")]
    BlobUnknown {
        /// The repository that was asked.
        name: RepositoryName,
        /// The blob that was asked for.
        digest: Digest,
    },
    /// No such tag, or no such manifest, in this repository.
    #[error("manifest {reference} is not in repository \"{name}\"")]
    ManifestUnknown {
        /// The repository that was asked.
        name: RepositoryName,
        /// The tag or digest that was asked for.
        reference: Reference,
    },
    /// No such manifest in this repository, but something that tells why it was asked for.
    #[error("manifest {digest} is not in repository \"{name}\", {instead}")]
    ManifestGone {
        /// The repository that was asked.
        name: RepositoryName,
        /// The digest that was asked for.
        digest: Digest,
        /// What is there.
        instead: Instead,
    },
    /// The manifest is not one that can be stored.
    #[error("the manifest is invalid")]
    ManifestInvalid(#[from] ManifestViolation),
    /// The manifest names what is not in this repository.
    #[error("the manifest names {} part(s) that the repository does not have", .0.len())]
    ManifestPartsUnknown(Vec<MissingPart>),
    /// What is there is not what the request expects to be there.
    #[error("{reference} {}, which the request's condition excludes", found(.current.as_ref()))]
    PreconditionFailed {
        /// The tag or digest that was to be changed.
        reference: Reference,
        /// The digest of what is there, if anything is.
        current: Option<Digest>,
    },
    /// Content hashes to another digest than the one it was sent for.
    #[error("content has the digest {actual}, not {expected}")]
    DigestMismatch {
        /// The digest that was given.
        expected: Digest,
        /// The digest of the content.
        actual: Digest,
    },
    /// No such upload: never begun, finished, cancelled or purged.
    #[error("upload {id} is not known")]
    UploadUnknown {
        /// The upload that was asked for.
        id: UploadId,
    },
    /// Another request is writing to the upload.
    #[error("upload {id} is being written by another request")]
    UploadBusy {
        /// The upload that was asked for.
        id: UploadId,
    },
    /// A chunk does not begin where the upload ends.
    #[error("the chunk begins at byte {start}, but the upload has {offset} bytes")]
    OffsetMismatch {
        /// Where the chunk begins.
        start: u64,
        /// How many bytes the upload has.
        offset: u64,
    },
    /// A chunk has more or fewer bytes than was announced.
    #[error("the chunk was announced with {announced} bytes and has {actual}")]
    LengthMismatch {
        /// The length that was announced.
        announced: u64,
        /// The length that came, or how much of it had come when it was too much.
        actual: u64,
    },
    /// The client went away, or stopped sending, in the middle of a body.
    #[error("the request's body was cut off")]
    BodyInterrupted {
        /// What the connection said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A range begins past the end of the content.
    #[error("the range lies outside the blob's {size} bytes")]
    RangeOutside {
        /// The whole size in bytes.
        size: u64,
    },
    /// Somebody else collects garbage in the same store.
    #[error("garbage is being collected already, by another process or by the server")]
    AlreadyCollecting,
    /// Deleting is switched off in the configuration.
    #[error("deleting is switched off")]
    DeletionDisabled,
    /// What is stored is not what it should be.
    #[error("stored content is damaged: {what}")]
    Damaged {
        /// What is damaged, and how it shows.
        what: String,
    },
    /// The store failed.
    #[error("the store failed")]
    Storage(#[source] wharf_storage::Error),
}

impl Error {
    /// Whether the store takes no changes, and can still be read: it is full, or read-only.
    pub(crate) fn is_unwritable(&self) -> bool {
        use wharf_storage::Error::{Full, ReadOnly};
        matches!(self, Self::Storage(Full { .. } | ReadOnly { .. }))
    }
}

/// What is there in the place of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Instead {
    /// A blob.
    #[error("which has it as a blob, to be asked for as such")]
    Blob,
    /// A tag that has moved on.
    #[error("tag {tag} pointed at it once and points at {current} now")]
    Tag {
        /// The tag.
        tag: Tag,
        /// The manifest that it points at.
        current: Digest,
    },
}

/// A part of a manifest that keeps it from being accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MissingPart {
    /// The config, a layer or another blob is not in the repository.
    #[error("blob {0} is unknown to the repository")]
    Blob(Digest),
    /// A child of an index is not in the repository.
    #[error("manifest {0} is unknown to the repository")]
    Manifest(Digest),
    /// A layer names a place to fetch it from that the configuration does not allow.
    #[error("layer {digest} has the URL {url:?}, which validation.manifests.urls does not allow")]
    UrlNotAllowed {
        /// The layer.
        digest: Digest,
        /// The URL it names.
        url: String,
    },
}

fn found(current: Option<&Digest>) -> String {
    match current {
        Some(digest) => format!("is {digest}"),
        None => "does not exist".to_owned(),
    }
}

impl MissingPart {
    /// The digest of the part.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        match self {
            Self::Blob(digest) | Self::Manifest(digest) | Self::UrlNotAllowed { digest, .. } => {
                digest
            }
        }
    }
}
