//! Serving: an HTTP service on a bound socket, until it is told to stop.
//!
//! In reading order: [`socket`] binds what `address` reads, `accept` takes what arrives, [`tls`] is
//! the encryption, `connection` serves one connection, `service` wraps the service that answers,
//! [`activity`] decides when a connection has had its time, `transport` is what its bytes pass
//! through. [`request_body`] is for services that wait for uploads.

use std::{
    convert::Infallible,
    error::Error as StdError,
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use hyper::{body::Incoming, service::Service};
use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
    time::timeout,
};

use self::{
    accept::Acceptor, activity::Limits, connection::Connections, socket::Listener, tls::Tls,
};

mod accept;
pub(crate) mod activity;
mod address;
mod connection;
pub(crate) mod request_body;
mod service;
pub(crate) mod socket;
#[cfg(test)]
mod tests;
pub(crate) mod tls;
mod transport;

/// How to serve.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Whether a connection without TLS may speak HTTP/2 from its first byte. With TLS, the
    /// negotiation decides.
    pub(crate) clear_text_http2: bool,
    /// How long requests in flight may go on after the shutdown.
    pub(crate) drain: Duration,
    /// How long a connection may keep us waiting.
    pub(crate) limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clear_text_http2: false,
            drain: DEFAULT_DRAIN,
            limits: Limits::default(),
        }
    }
}

/// What became of the requests that were in flight at the shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Requests that came to their end.
    pub(crate) drained: usize,
    /// Requests that were still going on when the time to drain was over.
    pub(crate) cut_off: usize,
}

/// Serves `service` on `listener` until `shutdown` completes and the requests in flight have ended,
/// or their time is over.
///
/// Every request carries a [`wharf_api::ConnectionInfo`] in its extensions. To drop the future is
/// to end all connections at once.
pub(crate) async fn serve<S, B>(
    listener: Listener,
    tls: Option<Tls>,
    service: S,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> Summary
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let Options {
        clear_text_http2,
        drain,
        limits,
    } = options;
    let in_flight = Arc::new(AtomicUsize::new(0));
    let (closing, closed) = watch::channel(false);
    let connections = Connections::new(
        tls,
        clear_text_http2,
        limits,
        Arc::clone(&in_flight),
        closed,
    );
    let mut running = JoinSet::new();
    let mut acceptor = Acceptor::new(listener);
    let mut shutdown = pin!(shutdown);

    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = running.join_next() => report(ended),
            (socket, peer) = acceptor.accept() => {
                running.spawn(connections.clone().serve(socket, peer, service.clone()));
            }
        }
    }

    drop(acceptor);
    closing.send_replace(true);
    let at_shutdown = in_flight.load(Ordering::Relaxed);
    let all_ended = async {
        while let Some(ended) = running.join_next().await {
            report(ended);
        }
    };
    let cut_off = match timeout(drain, all_ended).await {
        Ok(()) => 0,
        Err(_) => in_flight.load(Ordering::Relaxed),
    };
    running.shutdown().await;
    Summary {
        drained: at_shutdown.saturating_sub(cut_off),
        cut_off,
    }
}

/// Logs the end of a connection that nobody else could log.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(
            error = &error as &dyn StdError,
            "connection ended by a panic"
        );
    }
}

/// The time to drain when nobody says otherwise: less than the ten seconds that `docker stop` waits
/// before it kills.
const DEFAULT_DRAIN: Duration = Duration::from_secs(8);
