//! The seam at the domain: a registry opens repositories, a repository is four services.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use wharf_oci::{Descriptor, Digest, Manifest, Precondition, RepositoryName, Tag};
use wharf_storage::{ReadRange, Reader};

use crate::{Error, UploadId};

/// Opens repositories and lists those there are.
#[async_trait]
pub trait Registry: fmt::Debug + Send + Sync + 'static {
    /// Opens a repository; whether anything is in it shows when it is used.
    fn repository(&self, name: &RepositoryName) -> Repository;

    /// Lists a page of the repositories that hold at least one manifest, in the order of
    /// [`RepositoryName`]: component by component, so that `a/b` comes before `a-b`.
    ///
    /// # Errors
    /// When the store fails; a page is never silently short.
    async fn catalog(&self, request: ListRequest) -> Result<Listing<RepositoryName>, Error>;

    /// Finds repositories that have a blob, the likeliest first: a bounded number of them, after a
    /// bounded search. Whoever may read one of them may mount the blob from it.
    ///
    /// # Errors
    /// When the store fails.
    async fn holders(&self, digest: &Digest) -> Result<Vec<RepositoryName>, Error>;
}

/// An opened repository: its name and its services.
#[derive(Debug, Clone)]
pub struct Repository {
    /// The repository's name.
    pub name: RepositoryName,
    /// Content by digest.
    pub blobs: Arc<dyn BlobService>,
    /// Pushes of blobs in progress.
    pub uploads: Arc<dyn UploadService>,
    /// Manifests by digest.
    pub manifests: Arc<dyn ManifestService>,
    /// Names of manifests.
    pub tags: Arc<dyn TagService>,
}

/// Content by digest, as far as it was pushed to or mounted into this repository.
#[async_trait]
pub trait BlobService: fmt::Debug + Send + Sync {
    /// Looks a blob up.
    ///
    /// # Errors
    /// [`Error::BlobUnknown`].
    async fn stat(&self, digest: &Digest) -> Result<Descriptor, Error>;

    /// Opens a range of a blob.
    ///
    /// # Errors
    /// [`Error::BlobUnknown`]; [`Error::RangeOutside`].
    async fn open(&self, digest: &Digest, range: ReadRange) -> Result<Blob, Error>;

    /// Takes a blob out of the repository; its bytes stay until they are collected.
    ///
    /// # Errors
    /// [`Error::BlobUnknown`]; [`Error::DeletionDisabled`].
    async fn delete(&self, digest: &Digest) -> Result<(), Error>;
}

/// A blob, opened.
#[derive(Debug)]
pub struct Blob {
    /// The whole blob's media type, digest and size.
    pub descriptor: Descriptor,
    /// The range that was asked for.
    pub reader: Reader,
}

/// Pushes of blobs in progress.
#[async_trait]
pub trait UploadService: fmt::Debug + Send + Sync {
    /// Begins an upload.
    ///
    /// # Errors
    /// When the store fails.
    async fn start(&self) -> Result<Box<dyn UploadSession>, Error>;

    /// Looks an upload up.
    ///
    /// # Errors
    /// [`Error::UploadUnknown`].
    async fn status(&self, id: &UploadId) -> Result<UploadStatus, Error>;

    /// Continues an upload, after a restart too. Sessions of one upload exclude each other.
    ///
    /// # Errors
    /// [`Error::UploadUnknown`]; [`Error::UploadBusy`] when another request does not let go of it.
    async fn resume(&self, id: &UploadId) -> Result<Box<dyn UploadSession>, Error>;

    /// Drops an upload and what was received of it.
    ///
    /// # Errors
    /// [`Error::UploadUnknown`].
    async fn cancel(&self, id: &UploadId) -> Result<(), Error>;

    /// Links a blob that another repository has into this one. The caller has made sure that
    /// whoever asks may read `source`.
    ///
    /// # Errors
    /// [`Error::BlobUnknown`] when the source does not have it.
    async fn mount(&self, source: &RepositoryName, digest: &Digest) -> Result<Descriptor, Error>;
}

/// One request's hold on an upload. Dropping it keeps what was received.
#[async_trait]
pub trait UploadSession: fmt::Debug + Send {
    /// How far the upload is.
    fn status(&self) -> UploadStatus;

    /// Appends a chunk: hashed and written in one pass, in bounded memory. After an error, what
    /// was received before it is kept.
    ///
    /// # Errors
    /// [`Error::OffsetMismatch`], before anything is read; [`Error::LengthMismatch`];
    /// [`Error::BodyInterrupted`].
    async fn append(&mut self, chunk: Chunk) -> Result<(), Error>;

    /// Lets go of the upload and keeps the state of its hash, so that any process can continue. One
    /// that ran out of space is dropped instead, and gives back what it took.
    ///
    /// # Errors
    /// When the store fails.
    async fn suspend(self: Box<Self>) -> Result<UploadStatus, Error>;

    /// Finishes the upload: the content becomes a blob of this repository, durably.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`]: nothing is left of the upload then.
    async fn commit(self: Box<Self>, expected: &Digest) -> Result<Descriptor, Error>;
}

/// How far an upload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadStatus {
    /// The upload.
    pub id: UploadId,
    /// How many bytes were received.
    pub offset: u64,
    /// When it began: RFC 3339, UTC, as it is stored.
    pub started_at: String,
}

/// A part of an upload, as it arrives.
pub struct Chunk {
    /// Where it begins, when the client said so.
    pub start: Option<u64>,
    /// How many bytes it has, when the client said so.
    pub length: Option<u64>,
    /// Its bytes.
    pub body: BodyStream,
}

/// The bytes of a request; an error means that the client went away.
pub type BodyStream = BoxStream<'static, Result<Bytes, Box<dyn std::error::Error + Send + Sync>>>;

/// Manifests by digest.
#[async_trait]
pub trait ManifestService: fmt::Debug + Send + Sync {
    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`]; [`Error::Damaged`].
    async fn get(&self, digest: &Digest) -> Result<Manifest, Error>;

    /// Stores a manifest, and points tags at it if any are given. When this returns, the manifest
    /// is durable and the repository has every part of it.
    ///
    /// The condition is on what each of the tags points at now; without tags, on whether the
    /// manifest is there.
    ///
    /// # Errors
    /// [`Error::ManifestPartsUnknown`], naming each part; [`Error::PreconditionFailed`].
    async fn put(
        &self,
        manifest: &Manifest,
        tags: &[Tag],
        condition: &Precondition,
    ) -> Result<(), Error>;

    /// Deletes a manifest and every tag that points at it, and returns those tags.
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`]; [`Error::DeletionDisabled`]; [`Error::PreconditionFailed`].
    async fn delete(&self, digest: &Digest, condition: &Precondition) -> Result<Vec<Tag>, Error>;

    /// Lists a page of the manifests whose subject this is, in the order of their digests. Neither
    /// the subject nor the repository need exist.
    ///
    /// # Errors
    /// When the store fails.
    async fn referrers(
        &self,
        subject: &Digest,
        request: ReferrersRequest,
    ) -> Result<Listing<Descriptor>, Error>;
}

/// Names of manifests.
#[async_trait]
pub trait TagService: fmt::Debug + Send + Sync {
    /// Finds the manifest a tag points at.
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`].
    async fn resolve(&self, tag: &Tag) -> Result<Digest, Error>;

    /// Lists a page of tags, sorted bytewise.
    ///
    /// # Errors
    /// [`Error::RepositoryUnknown`] when the repository has neither tags nor manifests.
    async fn list(&self, request: ListRequest) -> Result<Listing<Tag>, Error>;

    /// Deletes a tag; the manifest it pointed at stays.
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`]; [`Error::DeletionDisabled`]; [`Error::PreconditionFailed`].
    async fn delete(&self, tag: &Tag, condition: &Precondition) -> Result<(), Error>;
}

/// Which page of a list of referrers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferrersRequest {
    /// Only what sorts after this digest, which need not be in the list.
    pub after: Option<Digest>,
    /// At most so many. A page whose annotations are large may have fewer, but at least one.
    pub limit: usize,
    /// Only artifacts of this type.
    pub artifact_type: Option<String>,
}

/// Which page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    /// Only what sorts after this text, which need not be in the list.
    pub after: Option<String>,
    /// At most so many; `None` for all.
    pub limit: Option<usize>,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// What is on the page.
    pub items: Vec<T>,
    /// Whether more follows.
    pub more: bool,
}

impl fmt::Debug for Chunk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Chunk")
            .field("start", &self.start)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}
