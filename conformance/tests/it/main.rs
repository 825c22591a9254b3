//! The OCI distribution specification, clause by clause, over a socket.
//!
//! Each test names the clauses that it shows in the line above it. `clauses` is the list of all of them, and fails where one has neither a test
//! nor a reason.

#![expect(
    clippy::unwrap_used,
    reason = "what a test cannot read is a failure of the test"
)]

mod blob_chunks;
mod blob_push;
mod clauses;
mod deletion;
mod documents;
mod endpoints;
mod extensions;
mod fallback_tags;
mod manifest_push;
mod mounts;
mod names;
mod old_suite;
mod pull;
mod referrers;
mod refusals;
mod subjects;
mod suite_blobs;
mod suite_data_sets;
mod tag_lists;
mod tag_parameters;
