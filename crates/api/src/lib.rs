//! The registry over HTTP: every request is parsed, authorized, handled and rendered.
//!
//! This crate knows methods, headers, status codes and JSON bodies. It does not know where things
//! are in the store, which driver holds them, or what a configuration file looks like.
//!
//! Reading order: [`service`] (the four steps), `endpoint` (what is asked for), `access` (what it
//! needs), `handlers`, `respond`, [`error`] (the one table of outcomes).

mod access;
pub mod body;
mod chain;
mod conditions;
pub mod config;
pub mod connection;
mod endpoint;
pub mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod handlers;
mod location;
mod negotiate;
mod request_log;
mod respond;
pub mod schema1;
pub mod service;
mod upload_state;

pub use body::Body;
pub use chain::Chain;
pub use config::{Config, Mode};
pub use connection::{ConnectionInfo, FileSender};
pub use service::Api;
