//! The protocol: requests and their answers, in process and without sockets, over the domain on
//! the in-memory driver.

#![cfg(test)]

mod answer;
mod ask;
mod authorization;
mod base;
mod blob_ranges;
mod blobs;
mod catalog;
mod conditions;
mod consistency;
mod deletion;
mod document;
mod error_bodies;
mod failures;
mod gatekeeper;
mod journeys;
mod locations;
mod manifest_pull;
mod manifest_push;
mod manifest_refusals;
mod manifest_tags;
mod mounts;
mod referrers;
mod routing;
mod schema1;
mod tags;
mod test_registry;
mod upload_faults;
mod upload_order;
mod uploads;
