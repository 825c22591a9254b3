//! The registry as its users have it: the real binary, the real clients, one machine.

#![expect(
    clippy::unwrap_used,
    reason = "what a test stands on is there, or the test fails"
)]

mod beside;
mod buildah;
mod collect;
mod compose;
mod container;
mod delete;
mod differential;
mod docker;
mod durability;
mod full_disk;
mod memory;
mod podman;
mod referrers;
mod schema1;
mod secured;
mod skopeo;
mod turns;
mod user;
