//! A client that costs as little as can be: the servers are measured, not this.
//!
//! In reading order: `request` (what is sent), `head` (what an answer begins with), `connection` (HTTP/1.1 over a socket or over
//! TLS), `http2` (pulls over streams of one connection), `target` (where and as whom).

pub(crate) mod connection;
pub(crate) mod head;
pub(crate) mod http2;
pub(crate) mod request;
pub(crate) mod target;
