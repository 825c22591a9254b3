//! Pulls over HTTP/2: streams of one connection over TLS, with windows that let a blob flow.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::client::target::Target;

/// One connection; each clone may have a stream in flight.
#[derive(Debug, Clone)]
pub(crate) struct Http2 {
    sender: SendRequest<Bytes>,
}

impl Http2 {
    /// Connects; the connector must offer [`PROTOCOL`].
    pub(crate) async fn open(address: SocketAddr, tls: &TlsConnector) -> io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let stream = tls.connect(Target::name()?, socket).await?;
        if stream.get_ref().1.alpn_protocol() != Some(PROTOCOL) {
            return Err(io::Error::other("the server does not speak HTTP/2"));
        }
        let (sender, connection) = Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(stream)
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(async move {
            // How it ends is seen by the streams.
            let _ = connection.await;
        });
        Ok(Self { sender })
    }

    /// Pulls a path and throws the body away; returns how long it was, in bytes.
    pub(crate) async fn pull(&mut self, path: &str) -> io::Result<u64> {
        let request = http::Request::get(format!("https://localhost{path}"))
            .body(())
            .map_err(io::Error::other)?;
        let mut sender = self
            .sender
            .clone()
            .ready()
            .await
            .map_err(io::Error::other)?;
        let (answer, _) = sender
            .send_request(request, true)
            .map_err(io::Error::other)?;
        let answer = answer.await.map_err(io::Error::other)?;
        if answer.status() != http::StatusCode::OK {
            return Err(io::Error::other(format!("answered {}", answer.status())));
        }
        let mut body = answer.into_body();
        let mut length = 0;
        while let Some(data) = body.data().await {
            let data = data.map_err(io::Error::other)?;
            length += data.len() as u64;
            body.flow_control()
                .release_capacity(data.len())
                .map_err(io::Error::other)?;
        }
        Ok(length)
    }
}

/// Its name in TLS.
pub(crate) const PROTOCOL: &[u8] = b"h2";
/// What Go's client, which pulls most images, asks for: 4 MiB for a stream.
const STREAM_WINDOW: u32 = 4 << 20;
/// In bytes; enough for all streams together.
const CONNECTION_WINDOW: u32 = 1 << 30;
