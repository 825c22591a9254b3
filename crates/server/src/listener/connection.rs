//! One connection, from the accepted socket to its end.

use std::{
    convert::Infallible,
    error::Error as StdError,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use hyper::{body::Incoming, service::Service};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::AsyncWriteExt,
    sync::watch,
    time::{Instant, interval_at, timeout},
};
use wharf_api::ConnectionInfo;

use super::{
    accept::Socket,
    activity::{Activity, GRACE, Limits, Overdue, Watch},
    gathered::Gathered,
    sendfile::Files,
    service::ConnectionService,
    tls::Tls,
    transport::{Transport, Watched},
};

/// What all connections of a listener share.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    shared: Arc<Shared>,
    closed: watch::Receiver<bool>,
}

/// The part that never changes.
#[derive(Debug)]
struct Shared {
    tls: Option<Tls>,
    http: Protocols,
    clear_text_http2: bool,
    limits: Limits,
    in_flight: Arc<AtomicUsize>,
}

impl Connections {
    /// Prepares to serve connections until `closed` turns true; `in_flight` counts their requests.
    pub(super) fn new(
        tls: Option<Tls>,
        clear_text_http2: bool,
        limits: Limits,
        in_flight: Arc<AtomicUsize>,
        closed: watch::Receiver<bool>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                tls,
                http: Protocols::new(),
                clear_text_http2,
                limits,
                in_flight,
            }),
            closed,
        }
    }

    /// Starts to note what a connection is doing.
    pub(super) fn activity(&self) -> Arc<Activity> {
        Activity::new(Arc::clone(&self.shared.in_flight))
    }

    /// Serves one connection to its end, and notes in `activity` what it is doing.
    pub(super) async fn serve<S, B>(
        mut self,
        socket: Socket,
        peer: Option<SocketAddr>,
        service: S,
        activity: Arc<Activity>,
    ) where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let Shared {
            tls,
            http,
            clear_text_http2,
            limits,
            in_flight: _,
        } = &*self.shared;
        let files = Files::default();
        let (transport, builder) = match tls {
            None if *clear_text_http2 => (socket.sending(files.clone()), &http.either),
            None => (socket.sending(files.clone()), &http.http1),
            Some(tls) => {
                let handshake = timeout(limits.handshake, encrypt(socket, tls));
                let secured = tokio::select! {
                    secured = handshake => secured.unwrap_or(Err(io::ErrorKind::TimedOut.into())),
                    _ = self.closed.wait_for(|closed| *closed) => return,
                };
                match secured {
                    Ok(Secured {
                        transport,
                        http2: true,
                    }) => (transport, &http.http2),
                    Ok(Secured {
                        transport,
                        http2: false,
                    }) => (transport, &http.http1),
                    Err(error) => {
                        tracing::debug!(%error, ?peer, "TLS handshake failed");
                        return;
                    }
                }
            }
        };

        let info = ConnectionInfo {
            peer,
            tls: tls.is_some(),
            files: tls.is_none().then(|| Arc::new(files) as _),
        };
        let service = ConnectionService::new(service, info, Arc::clone(&activity));
        let io = TokioIo::new(Watched::new(transport, Arc::clone(&activity)));
        let mut connection = pin!(builder.serve_connection(io, service));
        let mut watch = Watch::new(activity, limits.clone());
        let mut period = limits.period();
        let mut look = interval_at(Instant::now() + period, period);
        loop {
            let must_close = tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error = &*error, ?peer, "connection ended");
                    }
                    return;
                }
                _ = self.closed.wait_for(|closed| *closed), if !watch.is_closing() => true,
                _ = look.tick() => match watch.check() {
                    None => false,
                    Some(Overdue::Idle) if !watch.is_closing() => true,
                    Some(overdue) => {
                        tracing::debug!(?overdue, ?peer, "connection ended");
                        return;
                    }
                },
            };
            if must_close {
                watch.close();
                connection.as_mut().graceful_shutdown();
                period = period.min(GRACE / 4);
                look = interval_at(Instant::now() + period, period);
            }
        }
    }
}

/// The protocols, each with its limits.
#[derive(Debug)]
struct Protocols {
    http1: Builder<TokioExecutor>,
    http2: Builder<TokioExecutor>,
    either: Builder<TokioExecutor>,
}

impl Protocols {
    /// Sets the limits of both protocols.
    fn new() -> Self {
        let mut either = Builder::new(TokioExecutor::new());
        either
            .http1()
            .timer(TokioTimer::new())
            // It would count from the end of the last response, and so end idle connections; ours
            // counts from the first byte.
            .header_read_timeout(None)
            // Users look for `Docker-Content-Digest` with grep and awk.
            .title_case_headers(true)
            .max_buf_size(MAX_HEAD);
        either
            .http2()
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(MAX_STREAMS)
            .max_send_buf_size(SEND_BUFFER)
            .max_header_list_size(MAX_HEAD as u32)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        Self {
            http1: either.clone().http1_only(),
            http2: either.clone().http2_only(),
            either,
        }
    }
}

/// A connection after its handshake.
struct Secured {
    transport: Box<dyn Transport>,
    http2: bool,
}

/// Does the TLS handshake.
///
/// Whoever speaks plain HTTP here is told so, as by Distribution: it is the first thing that goes
/// wrong when TLS is switched on.
async fn encrypt(socket: Socket, tls: &Tls) -> io::Result<Secured> {
    if let Socket::Tcp(stream) = &socket {
        let mut start = [0; 4];
        let read = stream.peek(&mut start).await?;
        if PLAIN_STARTS.contains(&&start[..read]) {
            let mut stream = Watched::new(socket.into_transport(), Activity::new(Arc::default()));
            stream.write_all(PLAIN_ANSWER).await?;
            stream.shutdown().await?;
            return Err(io::Error::other("the client speaks plain HTTP"));
        }
    }
    let mut stream = tls.acceptor().accept(socket.into_transport()).await?;
    let session = stream.get_mut().1;
    let http2 = session.alpn_protocol() == Some(b"h2");
    let transport: Box<dyn Transport> = if http2 {
        Box::new(Gathered::new(stream))
    } else {
        session.set_buffer_limit(Some(ENCRYPTED_AT_ONCE));
        Box::new(stream)
    };
    Ok(Secured { transport, http2 })
}

/// The largest head of a request, or up to twice that, by how it arrives: some clients send tokens
/// of many kilobytes. Over HTTP/1.1 also what is read ahead of a body, or waits for the client.
const MAX_HEAD: usize = 256 * 1024;

/// What is encrypted before it is written, in bytes, where a body comes in pieces of this size.
const ENCRYPTED_AT_ONCE: usize = 128 * 1024;

/// What a client may send of one upload before we have taken it, over HTTP/2.
const STREAM_WINDOW: u32 = 1024 * 1024;

/// What a client may send of all its uploads before we have taken it, over HTTP/2.
const CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;

/// What may wait for a client in one download, over HTTP/2.
const SEND_BUFFER: usize = 256 * 1024;

/// Requests at a time on one connection of HTTP/2; with [`SEND_BUFFER`] it bounds what a client
/// that stops to read can cost.
const MAX_STREAMS: u32 = 128;

/// How often a client over HTTP/2 has to show that it is there.
const PING_INTERVAL: Duration = Duration::from_secs(60);

/// How long it may take for that.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How a request starts that is not encrypted.
const PLAIN_STARTS: [&[u8]; 7] = [
    b"GET ", b"HEAD", b"POST", b"PUT ", b"PATC", b"DELE", b"OPTI",
];

/// The answer to it, word for word that of Go, which error messages elsewhere quote.
const PLAIN_ANSWER: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
