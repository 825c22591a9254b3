//! The words of a registry: names, digests, references, media types, manifests, ranges, scopes and
//! error codes.
//!
//! Everything here is pure: text and bytes go in, typed values come out, and printing a value gives
//! the text back. It is not the place for I/O, status codes or paths.
//!
//! In reading order: [`digest`], [`repository_name`], [`tag`] and [`mod@reference`] name things;
//! [`media_type`], [`accept`], [`descriptor`] and [`manifest`] describe content; [`byte_range`] and
//! [`content_range`] cut it; [`precondition`] guards it; [`scope`], [`challenge`] and [`error_code`] are how a registry says
//! what it asks for and why it refuses.

mod text;

pub mod accept;
pub mod byte_range;
pub mod challenge;
pub mod content_range;
pub mod descriptor;
pub mod digest;
pub mod error_code;
pub mod manifest;
pub mod media_type;
pub mod precondition;
pub mod reference;
pub mod repository_name;
pub mod scope;
pub mod tag;

pub use accept::Accept;
pub use byte_range::{ByteRange, ResolvedRange};
pub use challenge::Challenge;
pub use content_range::ContentRange;
pub use descriptor::{Descriptor, Platform};
pub use digest::{Algorithm, Digest, DigestError};
pub use error_code::ErrorCode;
pub use manifest::{Manifest, ManifestKind, ManifestViolation};
pub use media_type::MediaType;
pub use precondition::Precondition;
pub use reference::Reference;
pub use repository_name::RepositoryName;
pub use scope::{Access, Action, Resource};
pub use tag::Tag;
