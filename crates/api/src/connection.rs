//! What the listener tells of a connection.

use std::net::{IpAddr, SocketAddr};

/// What the listener knows of a connection: put into the extensions of every request.
#[derive(Debug, Clone)]
pub struct ConnectionInfo {
    /// The peer's address; `None` for unix sockets.
    pub peer: Option<SocketAddr>,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

impl ConnectionInfo {
    /// The peer's IP address, if it has one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.peer.map(|peer| peer.ip())
    }
}
