//! The domain: what a repository is, how the store is laid out, and the rules of a push.
//!
//! This crate knows repositories, blobs, uploads, manifests and tags. It does not know status
//! codes, headers or URLs, and it names no driver: it works on any
//! [`StorageDriver`](wharf_storage::StorageDriver).
//!
//! Reading order: [`repository`] (the seam), `layout` (the store, drawn), then the services in
//! `blobs`, `uploads`, `manifests`, `referrers`, `tags`, `catalog`, the [`trash`], and the jobs [`garbage_collect`] and
//! [`purge_uploads`] and [`verify`], whose [`progress`] others may draw.

mod blobs;
mod catalog;
mod compact;
#[cfg(test)]
mod crashes;
mod error;
pub mod garbage_collect;
mod holders;
mod layout;
mod links;
mod local;
mod manifests;
pub mod progress;
pub mod purge_uploads;
mod referrers;
pub mod repository;
mod tags;
#[cfg(test)]
mod testing;
pub mod trash;
mod uploads;
pub mod verify;

pub use error::{Error, Instead, MissingPart};
pub use local::{LocalRegistry, Rules};
pub use manifests::rules::{ManifestRules, PlatformRule, RequiredPlatforms, UrlRules};
pub use repository::{
    Blob, BlobService, BodyStream, Chunk, ListRequest, Listing, ManifestService, ReferrersRequest,
    Registry, Repository, TagService, UploadService, UploadSession, UploadStatus,
};
pub use uploads::id::{InvalidUploadId, UploadId};
pub use wharf_storage::{Error as StorageError, OpenFile, Payload, ReadRange, Reader};
