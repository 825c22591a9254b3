//! A client that speaks HTTP/2 over TLS.

use std::io;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use http::{Method, Request, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, sync::oneshot};
use tokio_rustls::TlsConnector;

use crate::image::MEDIA_TYPE;
use crate::server::Server;

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A connection of HTTP/2, which carries many requests at once.
#[derive(Clone)]
pub(crate) struct Http2 {
    sender: SendRequest<Body>,
}

impl Http2 {
    /// Connects, and expects that the server chooses HTTP/2.
    pub(crate) async fn connect(server: &Server) -> Self {
        let authority = server.registry().authority().unwrap();
        let connector = TlsConnector::from(authority.trusting(&["h2", "http/1.1"]));
        let stream = TcpStream::connect(server.address()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = connector.connect(name, stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (sender, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        Self { sender }
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        target: &str,
        body: &[u8],
    ) -> Response<Bytes> {
        let body = Full::from(body.to_vec()).map_err(|never| match never {});
        let request = request(method, target, body.boxed_unsync());
        let answer = self.sender.send_request(request).await.unwrap();
        let (head, body) = answer.into_parts();
        Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }

    /// Sends a request that may fail; tells the status, if there is an answer.
    pub(crate) async fn try_send(
        mut self,
        method: Method,
        target: String,
        length: Option<usize>,
        body: Body,
    ) -> Option<u16> {
        let mut request = request(method, &target, body);
        if let Some(length) = length {
            let headers = request.headers_mut();
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        let answer = self.sender.send_request(request).await;
        answer.ok().map(|answer| answer.status().as_u16())
    }
}

/// A body that is cut off after its content, once the returned value is dropped.
pub(crate) fn broken_body(content: Bytes) -> (oneshot::Sender<()>, Body) {
    let (end, ended) = oneshot::channel::<()>();
    let frame = stream::iter([Ok(Frame::data(content))]);
    let cut = ended.map(|_| Err(io::ErrorKind::BrokenPipe.into()));
    let body = StreamBody::new(frame.chain(stream::once(cut)));
    (end, body.boxed_unsync())
}

fn request(method: Method, target: &str, body: Body) -> Request<Body> {
    let uri = match target.strip_prefix('/') {
        None => target.to_owned(),
        Some(path) => format!("https://localhost/{path}"),
    };
    Request::builder()
        .method(method)
        .uri(uri)
        .header(header::ACCEPT, MEDIA_TYPE)
        .header(header::CONTENT_TYPE, MEDIA_TYPE)
        .body(body)
        .unwrap()
}
