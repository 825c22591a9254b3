//! The body of a request, from a client that may stop sending it.

use std::{
    error::Error as StdError,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};

pin_project! {
    /// Fails when `B` brings nothing for too long, so that a silent client cannot hold an upload
    /// for ever.
    ///
    /// Only the time that somebody waits for the body counts, not the time that its bytes take to
    /// be stored.
    pub(crate) struct PatientBody<B> {
        #[pin]
        body: B,
        patience: Duration,
        deadline: Option<Pin<Box<Sleep>>>,
        waiting: bool,
    }
}

impl<B> PatientBody<B> {
    /// Waits for each part of `body` as long as `patience`.
    pub(crate) fn new(body: B, patience: Duration) -> Self {
        Self {
            body,
            patience,
            deadline: None,
            waiting: false,
        }
    }
}

impl<B> fmt::Debug for PatientBody<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PatientBody")
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

impl<B> Body for PatientBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.project();
        if let Poll::Ready(frame) = this.body.poll_frame(context) {
            *this.waiting = false;
            return Poll::Ready(
                frame.map(|frame| frame.map_err(|error| BodyError::Broken(error.into()))),
            );
        }
        let patience = *this.patience;
        let deadline = this
            .deadline
            .get_or_insert_with(|| Box::pin(sleep(patience)));
        if !*this.waiting {
            *this.waiting = true;
            deadline.as_mut().reset(Instant::now() + patience);
        }
        ready!(deadline.as_mut().poll(context));
        Poll::Ready(Some(Err(BodyError::Stalled { patience })))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Why the body of a request did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// The client keeps the connection and sends nothing.
    #[error("the client sent nothing for {} seconds", .patience.as_secs())]
    Stalled {
        /// How long we waited.
        patience: Duration,
    },
    /// The connection broke, or what came is no body.
    #[error("the body of the request broke off")]
    Broken(#[source] Box<dyn StdError + Send + Sync>),
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::{BodyExt, Full, StreamBody};
    use tokio::time::advance;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(300);

    #[tokio::test]
    async fn a_body_that_comes_is_handed_on() {
        let body = PatientBody::new(Full::new(Bytes::from_static(b"layer")), PATIENCE);
        assert_eq!(body.size_hint().exact(), Some(5));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "layer");
    }

    #[tokio::test(start_paused = true)]
    async fn each_part_has_its_own_time_and_a_silent_client_is_given_up() {
        let parts = Box::pin(stream::unfold(0, |count| async move {
            sleep(if count < 3 {
                PATIENCE / 2
            } else {
                PATIENCE * 2
            })
            .await;
            Some((
                Ok::<_, BodyError>(Frame::data(Bytes::from_static(b"part"))),
                count + 1,
            ))
        }));
        let mut body = PatientBody::new(StreamBody::new(parts), PATIENCE);
        for _ in 0..3 {
            body.frame().await.unwrap().unwrap();
            advance(PATIENCE * 3).await;
        }
        let error = body.frame().await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the client sent nothing for 300 seconds");
    }
}
