//! Who may do what: access controllers, and the challenges they answer with.
//!
//! A controller is given the `Authorization` header of a request and the access the request needs,
//! and answers with a [`Grant`] or a [`Refusal`]. It never sees the request itself, and it does not
//! decide what a refusal looks like on the wire.
//!
//! In reading order: [`access`] is the seam, [`htpasswd`] the controller over a password file,
//! [`config`] its section of the configuration, and [`error`] what can go wrong.

pub mod access;
pub mod config;
pub mod error;
pub mod htpasswd;

mod basic;

pub use access::{AccessController, Anonymous, ChallengeReason, Grant, Refusal};
pub use config::HtpasswdConfig;
pub use error::Error;
pub use htpasswd::Htpasswd;
