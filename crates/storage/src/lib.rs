//! Places for bytes: the [`StorageDriver`] trait and the drivers behind it.
//!
//! This crate knows paths, bytes, ranges and streams. It does not know what a repository is, nor
//! what the bytes mean; that is the domain's business.
//!
//! Reading order: [`driver`] (the seam), [`path`], [`error`], then the drivers [`filesystem`] and
//! [`inmemory`]. `testing` holds the contract that each driver passes.

pub mod config;
pub mod driver;
pub mod error;
pub mod filesystem;
mod generations;
pub mod inmemory;
pub mod path;
mod reader;
mod spare;
#[cfg(feature = "testing")]
pub mod testing;

pub use driver::{
    Change, Entry, EntryKind, FileInfo, FileWriter, Leftover, ListPage, Put, ReadRange,
    StorageDriver, Sync, WriteMode, get_one_by_one, one_by_one,
};
pub use error::Error;
pub use generations::Generations;
pub use path::StoragePath;
pub use reader::{ByteStream, CHUNK, OpenFile, Payload, Reader};
