//! Serving: an HTTP service on a bound socket, until it is told to stop.
//!
//! In reading order: [`socket`] binds what `address` reads, `accept` takes what arrives, `crowd`
//! keeps room for it, in the measure that [`descriptors`] gives, [`tls`] is the encryption,
//! `connection` serves one connection, `service` wraps the service that answers, [`activity`]
//! decides when a connection has had its time, `transport` is what its bytes pass through, `sendfile` is how files do.
//! [`request_body`] is for services that wait for uploads, [`unread_body`] for those
//! that do not.

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
use tokio::{sync::watch, time::sleep};

use self::{
    accept::Acceptor, activity::Limits, connection::Connections, crowd::Crowd, socket::Listener,
    tls::Tls,
};

mod accept;
pub(crate) mod activity;
mod address;
mod connection;
mod crowd;
pub(crate) mod descriptors;
mod gathered;
pub(crate) mod request_body;
mod sendfile;
mod service;
pub(crate) mod socket;
#[cfg(test)]
mod tests;
pub(crate) mod tls;
mod transport;
pub(crate) mod unread_body;

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
    /// How many connections there may be at a time. One more makes the one that has been idle for
    /// longest end, or waits while none is idle.
    pub(crate) connections: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clear_text_http2: false,
            drain: DEFAULT_DRAIN,
            limits: Limits::default(),
            connections: usize::MAX,
        }
    }
}

/// What became of the requests that were in flight at the shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Requests that came to their end.
    pub(crate) drained: usize,
    /// Requests that were still going on when the time to drain was over, or was cut short.
    pub(crate) cut_off: usize,
}

/// Serves `service` on `listener` until `shutdown` completes and the requests in flight have ended,
/// or their time is over, or what `shutdown` completes with does so too.
///
/// Every request carries a [`wharf_api::ConnectionInfo`] in its extensions. To drop the future is
/// to end all connections at once.
pub(crate) async fn serve<S, B, H>(
    listener: Listener,
    tls: Option<Tls>,
    service: S,
    options: Options,
    shutdown: impl Future<Output = H>,
) -> Summary
where
    H: Future<Output = ()>,
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
        connections: most,
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
    let mut crowd = Crowd::new(most);
    let mut acceptor = Acceptor::new(listener);
    let mut shutdown = pin!(shutdown);
    let mut at_the_door = None;

    let hurry = loop {
        if let Some((socket, peer)) = at_the_door.take_if(|_| !crowd.is_full()) {
            let activity = connections.activity();
            let connection =
                connections
                    .clone()
                    .serve(socket, peer, service.clone(), Arc::clone(&activity));
            crowd.admit(activity, connection);
        }
        tokio::select! {
            biased;
            hurry = &mut shutdown => break hurry,
            Some(()) = crowd.ended() => {}
            accepted = acceptor.accept(), if at_the_door.is_none() => {
                at_the_door = Some(accepted);
                if crowd.is_full() {
                    crowd.make_room();
                }
            }
            () = sleep(LOOK_FOR_ROOM), if at_the_door.is_some() => crowd.make_room(),
        }
    };

    drop((acceptor, at_the_door));
    closing.send_replace(true);
    let at_shutdown = in_flight.load(Ordering::Relaxed);
    let all_ended = async { while crowd.ended().await.is_some() {} };
    let cut_off = tokio::select! {
        biased;
        () = all_ended => 0,
        () = sleep(drain) => in_flight.load(Ordering::Relaxed),
        () = hurry => in_flight.load(Ordering::Relaxed),
    };
    crowd.disperse().await;
    Summary {
        drained: at_shutdown.saturating_sub(cut_off),
        cut_off,
    }
}

/// The time to drain when nobody says otherwise: less than the ten seconds that `docker stop` waits
/// before it kills.
const DEFAULT_DRAIN: Duration = Duration::from_secs(8);

/// How often to look for connections that have become idle, while somebody waits at the door.
const LOOK_FOR_ROOM: Duration = Duration::from_millis(50);
