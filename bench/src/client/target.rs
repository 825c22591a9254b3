//! Where requests go: an address, a certificate to trust, a password, and the meter of the process behind it.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use crate::client::connection::Connection;
use crate::client::request::{Body, Request};
use crate::process::Meter;

/// A server under load.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<TlsConnector>,
    /// The value of the `Authorization` header.
    pub(crate) authorization: Option<String>,
    pub(crate) meter: Meter,
}

impl Target {
    /// A request to this server.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[&str],
        body: Body,
    ) -> Request {
        let mut lines: Vec<String> = headers.iter().map(|line| (*line).to_owned()).collect();
        lines.extend(
            self.authorization
                .iter()
                .map(|value| format!("Authorization: {value}")),
        );
        Request::new(method, path, &lines, body)
    }

    /// A request without a body.
    pub(crate) fn get(&self, path: &str) -> Request {
        self.request("GET", path, &[], Body::Empty)
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> io::Result<Connection> {
        Connection::open(self).await
    }

    /// The name that the certificate is for.
    pub(crate) fn name() -> io::Result<ServerName<'static>> {
        ServerName::try_from("localhost").map_err(io::Error::other)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Target")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
