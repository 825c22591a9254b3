//! The whole server: the real binary with a configuration of its own, asked over sockets and
//! looked at from outside.
//!
//! [`test_registry`] and [`server`] start it, [`client`] and [`verbs`] ask it, [`store`] looks at
//! what it stored. Everything else is tests.

#![cfg(test)]

mod answer;
mod authority;
mod client;
mod http2;
mod image;
mod process;
mod request;
mod server;
mod store;
mod test_registry;
mod verbs;
mod wait;

mod concurrency;
mod configuration;
mod encryption;
mod garbage_collection;
mod health;
mod hostile_clients;
mod htpasswd;
mod interrupted_uploads;
mod logs;
mod malformed_requests;
mod modes;
mod push_and_pull;
mod refusals;
mod restarts;
mod shell;
mod shutdown;
mod store_by_hand;
mod verify;
