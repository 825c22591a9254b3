//! What the end-to-end tests stand on: the servers they start, the clients they drive, and the images they make.
//!
//! It is not a client library and not part of the product. Nothing here speaks for the clients: docker, skopeo, buildah, podman and curl are
//! the real programs. The clients of its own exist where a real one would measure itself instead of the server ([`client`]), or would not send what
//! is to be sent ([`raw`]).
//!
//! In reading order: `needs` (what a test cannot do without), `run` (one command), `daemon` (a process in the background), `program` and `config`
//! (which server, told what), `registry` (a server that answers), `engine` and `docker` (a Docker Engine of our own and its client), `curl`,
//! `client`, `raw` (a client for requests that no client sends), `image` and `layout` (something to push), `trace` (what the server asks of the kernel), `volume` (a disk that is soon full),
//! `digest`, `certificate`, `wait`.
//!
//! `WHARF_E2E_REGISTRY` names another `registry` binary to test than the one that cargo builds. `WHARF_E2E_FULL=1` runs the memory test at its
//! full size: 16 GiB written and read back. Under `CI=true` a test whose programs are missing fails; otherwise it says so and is left out.

#![expect(
    clippy::unwrap_used,
    reason = "whatever goes wrong here is the end of the test that asked for it"
)]

pub mod certificate;
pub mod client;
pub mod config;
pub mod curl;
mod daemon;
pub mod digest;
pub mod docker;
pub mod engine;
pub mod image;
pub mod layout;
pub mod needs;
pub mod program;
pub mod raw;
pub mod registry;
pub mod run;
pub mod trace;
pub mod volume;
pub mod wait;
