//! What the listener tells of a connection.

use std::{fmt, io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use wharf_registry::OpenFile;

/// What the listener knows of a connection: put into the extensions of every request.
#[derive(Debug, Clone)]
pub struct ConnectionInfo {
    /// The peer's address; `None` for unix sockets.
    pub peer: Option<SocketAddr>,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// How ranges of files are sent without a copy, if the connection can.
    pub files: Option<Arc<dyn FileSender>>,
}

/// A connection that sends ranges of files by itself.
pub trait FileSender: fmt::Debug + Send + Sync {
    /// Returns bytes that stand for a range of a file: the connection does not read them when they
    /// are written to it, but sends the range. For whoever reads them they are its content.
    ///
    /// # Errors
    /// When the system refuses; the range is to be read then.
    fn frame(&self, part: &OpenFile) -> io::Result<Bytes>;
}
