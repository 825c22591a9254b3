//! The service of one connection: the service that answers, with what the listener adds to it.

use std::{
    any::Any,
    convert::Infallible,
    error::Error as StdError,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{FutureExt, future::CatchUnwind};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Either, Full};
use hyper::{body::Incoming, service::Service};
use pin_project_lite::pin_project;
use wharf_api::ConnectionInfo;

use super::activity::{Activity, InFlight};
use crate::telemetry::panics;

/// Tells each request where it comes from, notes it as being in flight, and answers for a handler
/// that panics.
#[derive(Debug, Clone)]
pub(super) struct ConnectionService<S> {
    service: S,
    info: ConnectionInfo,
    activity: Arc<Activity>,
}

impl<S> ConnectionService<S> {
    /// Wraps `service` for one connection.
    pub(super) fn new(service: S, info: ConnectionInfo, activity: Arc<Activity>) -> Self {
        Self {
            service,
            info,
            activity,
        }
    }
}

impl<S, B> Service<Request<Incoming>> for ConnectionService<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<ResponseBody<B>>;
    type Error = Infallible;
    type Future = Answer<S::Future>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let in_flight = self.activity.request(request.version() == Version::HTTP_2);
        let method = request.method().clone();
        let uri = request.uri().clone();
        let mut info = self.info.clone();
        if request.version() == Version::HTTP_2 {
            // Its frames are made in memory.
            info.files = None;
        }
        request.extensions_mut().insert(info);
        let future = catch_unwind(AssertUnwindSafe(|| self.service.call(request)))
            .map(|future| AssertUnwindSafe(future).catch_unwind())
            .map_err(|panic| report(&method, &uri, &*panic))
            .ok();
        Answer {
            future,
            request: Some((in_flight, method, uri)),
        }
    }
}

pin_project! {
    /// A request that is being handled.
    pub(super) struct Answer<F> {
        #[pin]
        future: Option<CatchUnwind<AssertUnwindSafe<F>>>,
        request: Option<(InFlight, Method, Uri)>,
    }
}

impl<F, B> Future for Answer<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
{
    type Output = Result<Response<ResponseBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = match this.future.as_pin_mut() {
            Some(future) => Some(ready!(future.poll(context))),
            None => None,
        };
        let Some((mut in_flight, method, uri)) = this.request.take() else {
            return Poll::Pending;
        };
        let response = match outcome {
            Some(Ok(Ok(response))) => response.map(Either::Left),
            Some(Ok(Err(never))) => match never {},
            Some(Err(panic)) => {
                report(&method, &uri, &*panic);
                unknown_error().map(Either::Right)
            }
            None => unknown_error().map(Either::Right),
        };
        in_flight.await_client(true);
        Poll::Ready(Ok(response.map(|body| ResponseBody { body, in_flight })))
    }
}

pin_project! {
    /// The body of a response; while it lives, its request is in flight.
    pub(super) struct ResponseBody<B> {
        #[pin]
        body: Either<B, Full<Bytes>>,
        in_flight: InFlight,
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn StdError + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.project();
        let frame = this.body.poll_frame(context);
        this.in_flight.await_client(frame.is_ready());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ResponseBody")
            .finish_non_exhaustive()
    }
}

/// Logs what a handler died of.
fn report(method: &Method, uri: &Uri, panic: &(dyn Any + Send)) {
    tracing::error!(
        http.request.method = %method,
        http.request.uri = %uri,
        reason = panics::reason(panic),
        "request handler panicked",
    );
}

/// The answer for a handler that panicked.
fn unknown_error() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(UNKNOWN_ERROR)));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// The body that tells clients no more than that it is not their fault.
const UNKNOWN_ERROR: &[u8] =
    b"{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"unknown error\"}]}\n";
