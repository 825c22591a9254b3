//! What is left of a request's body when its answer is there: it is read away, so that the client
//! can go on over the same connection, or the client is told that it cannot.
//!
//! A client that is refused for its missing credentials sends its body all the same, and then tries
//! again. Over HTTP/1.1 the body stands between the two requests.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::{sync::oneshot, time::timeout};

/// A body that comes back when whoever reads it lets go of it before its end.
#[derive(Debug)]
pub(crate) struct LentBody<B> {
    body: Option<B>,
    is_begun: bool,
    back: Option<oneshot::Sender<Unread<B>>>,
}

/// A body that was not read to its end.
#[derive(Debug)]
struct Unread<B> {
    body: B,
    is_begun: bool,
}

/// Where a lent body comes back to.
#[derive(Debug)]
pub(crate) struct Lender<B> {
    back: oneshot::Receiver<Unread<B>>,
    /// Whether the client waits for a sign before it sends its body.
    waits: bool,
}

impl<B: Body<Data = Bytes> + Unpin> LentBody<B> {
    /// Lends the body of a request with these headers.
    pub(crate) fn new(body: B, headers: &HeaderMap) -> (Self, Lender<B>) {
        let (sender, back) = oneshot::channel();
        let expect = headers.get(header::EXPECT);
        let lent = Self {
            body: Some(body),
            is_begun: false,
            back: Some(sender),
        };
        let waits = expect.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(CONTINUE));
        (lent, Lender { back, waits })
    }
}

impl<B: Body<Data = Bytes> + Unpin> Lender<B> {
    /// Reads away what is left of the body, and says in the headers of the answer that the
    /// connection ends if that is too much.
    pub(crate) async fn settle(mut self, answer: &mut HeaderMap) {
        // Whoever still holds the body reads it.
        let Ok(Unread { body, is_begun }) = self.back.try_recv() else {
            return;
        };
        // To read is to ask for the body that the client holds back.
        let is_held_back = self.waits && !is_begun;
        if is_held_back || !read_away(body).await {
            answer.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for LentBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.is_begun = true;
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.body.as_ref();
        body.map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B> Drop for LentBody<B> {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take()) {
            let is_begun = self.is_begun;
            // Nobody waits for it when the connection is gone.
            let _ = back.send(Unread { body, is_begun });
        }
    }
}

/// Reads a body to its end, if that is near; tells whether it was.
async fn read_away<B: Body<Data = Bytes> + Unpin>(mut body: B) -> bool {
    if body.is_end_stream() {
        return true;
    }
    if body.size_hint().lower() > MOST {
        return false;
    }
    let to_the_end = async {
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return false;
            };
            read += frame.data_ref().map_or(0, |data| data.len() as u64);
            if read > MOST {
                return false;
            }
        }
        true
    };
    timeout(PATIENCE, to_the_end).await.unwrap_or(false)
}

const CONTINUE: &[u8] = b"100-continue";
/// How many bytes are read away, as Go does it.
const MOST: u64 = 256 * 1024;
/// How long the rest of a body may take.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::{Full, StreamBody};

    use super::*;

    type Parts = StreamBody<stream::BoxStream<'static, Result<Frame<Bytes>, std::io::Error>>>;

    /// A body of so many parts of 64 KiB.
    fn parts(count: usize) -> Parts {
        let part = || Ok(Frame::data(Bytes::from(vec![0; 64 * 1024])));
        StreamBody::new(Box::pin(stream::iter((0..count).map(move |_| part()))))
    }

    async fn connection(lender: Lender<impl Body<Data = Bytes> + Unpin>) -> Option<HeaderValue> {
        let mut answer = HeaderMap::new();
        lender.settle(&mut answer).await;
        answer.remove(header::CONNECTION)
    }

    #[tokio::test]
    async fn a_short_rest_is_read_away_and_a_long_one_ends_the_connection() {
        for (count, begun, expected) in [(0, 0, None), (4, 0, None), (9, 5, None)] {
            let (mut lent, lender) = LentBody::new(parts(count), &HeaderMap::new());
            for _ in 0..begun {
                lent.frame().await.unwrap().unwrap();
            }
            drop(lent);
            assert_eq!(connection(lender).await, expected, "{count} parts");
        }
        let (lent, lender) = LentBody::new(parts(5), &HeaderMap::new());
        drop(lent);
        assert_eq!(connection(lender).await.unwrap(), "close");
        let large = Full::new(Bytes::from(vec![0; 300 * 1024]));
        let (lent, lender) = LentBody::new(large, &HeaderMap::new());
        drop(lent);
        assert_eq!(connection(lender).await.unwrap(), "close");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_no_rest_is_not_waited_for() {
        let silent: Parts = StreamBody::new(Box::pin(stream::pending()));
        let (lent, lender) = LentBody::new(silent, &HeaderMap::new());
        drop(lent);
        assert_eq!(connection(lender).await.unwrap(), "close");
    }

    #[tokio::test]
    async fn a_body_that_is_held_back_is_not_asked_for() {
        let mut headers = HeaderMap::new();
        headers.insert(header::EXPECT, HeaderValue::from_static("100-continue"));
        let (lent, lender) = LentBody::new(parts(1), &headers);
        drop(lent);
        assert_eq!(connection(lender).await.unwrap(), "close");
        let (mut lent, lender) = LentBody::new(parts(2), &headers);
        lent.frame().await.unwrap().unwrap();
        drop(lent);
        assert_eq!(connection(lender).await, None);
    }
}
