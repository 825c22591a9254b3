//! Bodies: what an answer carries, and what a request brings.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream, stream::BoxStream};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use wharf_registry::{BodyStream, Payload, Reader};

use self::file::FileContent;
use crate::{connection::FileSender, request_log::RequestLog};

mod file;

/// An error of any kind, as bodies report it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer. It tells the request's log how much of it went out, and when it ended.
pub struct Body {
    content: Content,
    log: Option<Box<RequestLog>>,
}

enum Content {
    Bytes(Bytes),
    File(FileContent),
    Stream {
        stream: BoxStream<'static, Result<Bytes, BoxError>>,
        left: u64,
    },
}

impl Body {
    /// No bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self::from(Bytes::new())
    }

    /// The bytes of an opened range, streamed in bounded memory.
    #[must_use]
    pub fn reader(reader: Reader) -> Self {
        let left = reader.length;
        let content = match reader.payload {
            Payload::File(file) => Content::File(FileContent::new(file)),
            Payload::Stream(stream) => Content::Stream {
                stream: stream.map(|chunk| chunk.map_err(Into::into)).boxed(),
                left,
            },
        };
        Self { content, log: None }
    }

    /// Lets a connection send what comes from a file by itself.
    pub(crate) fn sent_by(mut self, sender: Option<&Arc<dyn FileSender>>) -> Self {
        if let (Content::File(file), Some(sender)) = (&mut self.content, sender) {
            file.send_by(Arc::clone(sender));
        }
        self
    }

    /// How many bytes are left.
    #[must_use]
    pub fn length(&self) -> u64 {
        match &self.content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File(file) => file.left(),
            Content::Stream { left, .. } => *left,
        }
    }

    /// Lets the log hear of what goes out; it is written when the body is dropped.
    pub(crate) fn logged(mut self, log: Box<RequestLog>) -> Self {
        self.log = Some(log);
        self
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self {
            content: Content::Bytes(bytes),
            log: None,
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let next = match &mut self.content {
            Content::Bytes(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Content::Bytes(bytes) => Some(Ok(std::mem::take(bytes))),
            Content::File(file) => std::task::ready!(file.poll_chunk(context)),
            Content::Stream { stream, left } => {
                let next = std::task::ready!(stream.poll_next_unpin(context));
                if let Some(Ok(chunk)) = &next {
                    *left = left.saturating_sub(chunk.len() as u64);
                }
                next
            }
        };
        if let Some(log) = &mut self.log {
            match &next {
                Some(Ok(chunk)) => log.wrote(chunk.len() as u64),
                Some(Err(error)) => log.broke_off(&**error),
                None => {}
            }
        }
        Poll::Ready(next.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.length() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length())
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Body")
            .field("length", &self.length())
            .finish_non_exhaustive()
    }
}

/// The body of a request as a stream. That a client which stops sending counts as gone is the
/// listener's affair.
pub(crate) fn incoming<B>(body: B) -> BodyStream
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let frames = stream::unfold(Box::pin(body), |mut body| async move {
        loop {
            // Trailers mean nothing here.
            match body.frame().await?.map(Frame::into_data) {
                Ok(Ok(data)) => return Some((Ok(data), body)),
                Ok(Err(_trailers)) => {}
                Err(error) => return Some((Err(error.into()), body)),
            }
        }
    });
    frames.boxed()
}
