//! A request, put together piece by piece and asked without a socket.

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use wharf_api::{Api, Body, ConnectionInfo, body::BoxError};

use crate::answer::Answer;

/// A request on its way to a registry.
#[must_use]
pub(crate) struct Ask<'a> {
    api: &'a Api,
    request: Request<AskBody>,
}

/// The body of a request, however it was given.
type AskBody = UnsyncBoxBody<Bytes, BoxError>;

impl<'a> Ask<'a> {
    /// A request without a body, as a client sends it to `http://registry.test`.
    pub(crate) fn new(api: &'a Api, method: Method, path: &str) -> Self {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, HOST);
        let request = request.body(whole(Bytes::new())).unwrap();
        Self { api, request }
    }

    /// Adds a line to the head.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        let name = HeaderName::from_static(name);
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        self.request.headers_mut().append(name, value);
        self
    }

    /// Says which media types the client takes; each becomes a line of its own.
    pub(crate) fn accept(self, media_types: &[&str]) -> Self {
        let lines = media_types.iter();
        lines.fold(self, |ask, line| ask.header("accept", line))
    }

    /// Takes a line out of the head.
    pub(crate) fn without(mut self, name: &'static str) -> Self {
        self.request.headers_mut().remove(name);
        self
    }

    /// Gives the whole body, and its length in the head.
    pub(crate) fn body(self, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let length = content.len();
        self.with_body(whole(content)).announcing(length)
    }

    /// Gives the body in pieces and does not tell its length, as `docker push` does.
    pub(crate) fn streamed<T>(self, pieces: impl IntoIterator<Item = T>) -> Self
    where
        T: Into<Bytes>,
    {
        let pieces: Vec<Bytes> = pieces.into_iter().map(Into::into).collect();
        self.arriving(stream::iter(pieces.into_iter().map(Ok)))
    }

    /// Gives these bytes, and then the connection breaks.
    pub(crate) fn cut_off_after(self, received: &'static str) -> Self {
        let broken = Err("connection reset".into());
        self.arriving(stream::iter([Ok(Bytes::from(received)), broken]))
    }

    /// Gives the body as it arrives.
    pub(crate) fn arriving(
        self,
        pieces: impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static,
    ) -> Self {
        let frames = pieces.map(|piece| piece.map(Frame::data));
        self.with_body(StreamBody::new(frames).boxed_unsync())
    }

    /// Tells a length in the head, whatever the body has.
    pub(crate) fn announcing(mut self, length: usize) -> Self {
        let headers = self.request.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        self
    }

    /// Lets the request come over an encrypted connection.
    pub(crate) fn over_tls(mut self) -> Self {
        let info = ConnectionInfo {
            peer: None,
            tls: true,
            files: None,
        };
        self.request.extensions_mut().insert(info);
        self
    }

    /// Asks, and looks at what holds for every answer.
    pub(crate) async fn send(self) -> Answer {
        let (method, path) = (
            self.request.method().clone(),
            self.request.uri().path().to_owned(),
        );
        let answer = Answer::read(self.begin().await).await;
        answer.check(&method, &path);
        answer
    }

    /// Asks, and leaves everything else to the caller.
    pub(crate) async fn begin(self) -> http::Response<Body> {
        self.api.handle(self.request).await
    }

    fn with_body(mut self, body: AskBody) -> Self {
        *self.request.body_mut() = body;
        self
    }
}

fn whole(content: Bytes) -> AskBody {
    let body = Full::new(content).map_err(|never| match never {});
    body.boxed_unsync()
}

/// How clients call the registry.
pub(crate) const HOST: &str = "registry.test";
