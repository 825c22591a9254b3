//! What the conformance tests stand on: a client that sends what other people's clients send, and content to push.
//!
//! It knows the OCI distribution specification and nothing of the registry's insides: the server is the built binary with a store of its
//! own. The tests name the clause that they show, `OCI-<section>.<number>`; the table of all clauses is `tests/it/clauses.rs`.
//!
//! In reading order: `request` and `answer` (HTTP/1.1, down to the framing), `server` (a registry that was started), `repository` (the verbs of the
//! specification), `digest` (both algorithms), `content` (bytes and descriptors), `manifest` (documents of every shape), `data_set` (what the
//! official suite pushes), `errors` (the form of a refusal).
//!
//! `WHARF_E2E_REGISTRY` names another `registry` binary to test than the one that cargo builds.

#![expect(
    clippy::unwrap_used,
    reason = "whatever goes wrong here is the end of the test that asked for it"
)]

pub mod answer;
pub mod content;
pub mod data_set;
pub mod digest;
pub mod errors;
pub mod manifest;
pub mod repository;
pub mod request;
pub mod server;
