//! The listener over real sockets.

use futures_util::stream;
use http::{HeaderValue, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody, combinators::BoxBody};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    sync::{Notify, oneshot},
    task::JoinHandle,
};
use wharf_api::ConnectionInfo;

use super::{
    socket::{LocalAddress, Network},
    transport::Transport,
    *,
};

mod encrypted;

/// A server in this process, on a socket of its own.
struct TestServer {
    address: String,
    signals: Signals,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Summary>,
}

/// What the server and its test tell each other.
#[derive(Clone, Default)]
struct Signals {
    begun: Arc<Notify>,
    finish: Arc<Notify>,
    hurry: Arc<Notify>,
    ended: Arc<Notify>,
}

impl TestServer {
    async fn start(tls: Option<Tls>, options: Options) -> Self {
        let listener = Listener::bind(Network::Tcp, "127.0.0.1:0").await.unwrap();
        Self::start_on(listener, tls, options)
    }

    async fn with_limits(limits: Limits) -> Self {
        let options = Options {
            limits,
            ..Options::default()
        };
        Self::start(None, options).await
    }

    fn start_on(listener: Listener, tls: Option<Tls>, options: Options) -> Self {
        let address = listener.local_address().to_string();
        let (stop, stopped) = oneshot::channel();
        let signals = Signals::default();
        let shutdown = requested(stopped, Arc::clone(&signals.hurry));
        let for_service = signals.clone();
        let service = service_fn(move |request| answer(request, for_service.clone()));
        let serving = tokio::spawn(serve(listener, tls, service, options, shutdown));
        Self {
            address,
            signals,
            stop,
            serving,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    async fn stop(self) -> Summary {
        self.stop.send(()).unwrap();
        self.serving.await.unwrap()
    }
}

/// Waits until the server shall stop, and then until it shall hurry.
async fn requested(stop: oneshot::Receiver<()>, hurry: Arc<Notify>) -> impl Future<Output = ()> {
    stop.await.unwrap_or_default();
    async move { hurry.notified().await }
}

/// Answers by path; `/begin` waits until the test tells it to finish, `/endless` never ends by
/// itself.
async fn answer(
    request: Request<Incoming>,
    signals: Signals,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let text = |text: String| Full::new(Bytes::from(text)).boxed();
    let body = match request.uri().path() {
        "/connection" => {
            let info = request.extensions().get::<ConnectionInfo>().unwrap();
            text(format!("{:?} {}", info.peer, info.tls))
        }
        "/panic" => panic!("no such luck"),
        "/begin" => {
            signals.begun.notify_one();
            signals.finish.notified().await;
            text("finished".into())
        }
        "/endless" => {
            let ended = Ended(signals.ended);
            let chunks = stream::repeat_with(move || {
                let _held = &ended;
                Ok(Frame::data(Bytes::from_static(&[0; 65536])))
            });
            BodyExt::boxed(StreamBody::new(chunks))
        }
        "/large" => text(LARGE.repeat(1_000_000)),
        _ => text("hello".into()),
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(
        "docker-content-digest",
        HeaderValue::from_static("sha256:0"),
    );
    Ok(response)
}

/// Tells the test that a body is gone.
struct Ended(Arc<Notify>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Sends bytes and reads until the server closes.
async fn exchange(mut stream: impl Transport, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    String::from_utf8_lossy(&response).into_owned()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")
}

fn get_and_close(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
}

/// What a large answer is made of: not a whole part of any frame, record or buffer.
const LARGE: &str = "abc";

/// A limit that a test can wait for.
const SHORT: Duration = Duration::from_millis(40);

const NOTHING: Summary = Summary {
    drained: 0,
    cut_off: 0,
};

#[tokio::test]
async fn http1_has_title_case_headers_keeps_alive_and_takes_pipelines() {
    let server = TestServer::start(None, Options::default()).await;
    let client = server.connect().await;
    let peer = client.local_addr().unwrap();
    let requests = get("/") + &get_and_close("/connection");
    let response = exchange(client, &requests).await;
    let digests = response.matches("\r\nDocker-Content-Digest: sha256:0\r\n");
    assert_eq!(digests.count(), 2, "{response}");
    assert_eq!(response.matches("\r\nDate: ").count(), 2);
    assert!(response.contains("\r\n\r\nhelloHTTP/1.1 200 OK\r\n"));
    assert!(response.ends_with(&format!("Some({peer}) false")));
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_connection_goes_on() {
    let server = TestServer::start(None, Options::default()).await;
    let requests = get("/panic") + &get_and_close("/");
    let response = exchange(server.connect().await, &requests).await;
    assert!(response.starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
    let body = r#"{"errors":[{"code":"UNKNOWN","message":"unknown error"}]}"#;
    assert!(response.contains(&format!("\r\n\r\n{body}\nHTTP/1.1 200 OK")));
    assert!(response.ends_with("hello"));
}

#[tokio::test]
async fn a_service_that_panics_before_its_future_is_a_500_too() {
    let listener = Listener::bind(Network::Tcp, "127.0.0.1:0").await.unwrap();
    let address = listener.local_address().to_string();
    let service = service_fn(|request: Request<Incoming>| {
        assert!(request.uri().path() == "/", "not here");
        async { Ok(Response::new(Empty::<Bytes>::new())) }
    });
    let never = std::future::pending::<std::future::Pending<()>>();
    tokio::spawn(serve(listener, None, service, Options::default(), never));
    let client = TcpStream::connect(address).await.unwrap();
    let response = exchange(client, &get_and_close("/elsewhere")).await;
    assert!(response.starts_with("HTTP/1.1 500 "), "{response}");
}

#[tokio::test]
async fn a_refused_upload_gets_its_answer() {
    const SIZE: usize = 30_000_000;
    let server = TestServer::start(None, Options::default()).await;
    let (mut receive, mut send) = server.connect().await.into_split();
    let upload = tokio::spawn(async move {
        let head = format!("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {SIZE}\r\n\r\n");
        send.write_all(head.as_bytes()).await.unwrap();
        // Whether the server takes all of it is its own affair.
        let _ = send.write_all(&vec![0; SIZE]).await;
    });
    let mut response = String::new();
    receive.read_to_string(&mut response).await.unwrap();
    assert!(response.ends_with("hello"), "{response}");
    upload.await.unwrap();
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = TestServer::start(None, Options::default()).await;
    let large = "x".repeat(1024 * 1024);
    let request = format!("GET / HTTP/1.1\r\nHost: test\r\nX-Large: {large}\r\n\r\n");
    let response = exchange(server.connect().await, &request).await;
    assert!(response.starts_with("HTTP/1.1 431 "), "{response}");
}

#[tokio::test]
async fn a_slow_head_ends_its_connection_and_an_idle_connection_may_stay() {
    let server = TestServer::with_limits(Limits {
        head: SHORT,
        ..Limits::default()
    })
    .await;
    let idle = server.connect().await;
    let slow = exchange(server.connect().await, "GET / HTTP/1.1\r\nHo").await;
    assert_eq!(slow, "");
    let response = exchange(idle, &get_and_close("/")).await;
    assert!(response.ends_with("hello"), "{response}");
}

#[tokio::test]
async fn idle_connections_end() {
    let options = Options {
        clear_text_http2: true,
        limits: Limits {
            idle: SHORT,
            ..Limits::default()
        },
        ..Options::default()
    };
    let server = TestServer::start(None, options).await;
    assert_eq!(exchange(server.connect().await, "").await, "");
    let response = exchange(server.connect().await, &get("/")).await;
    assert!(response.ends_with("hello"), "{response}");
    exchange(server.connect().await, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
}

#[tokio::test]
async fn a_client_that_stops_to_read_loses_its_connection() {
    let server = TestServer::with_limits(Limits {
        stall: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = server.connect().await;
    client.write_all(get("/endless").as_bytes()).await.unwrap();
    server.signals.ended.notified().await;
    assert_eq!(server.stop().await, NOTHING);
}

#[tokio::test]
async fn a_shutdown_lets_requests_in_flight_end_and_closes_the_rest() {
    let server = TestServer::start(None, Options::default()).await;
    let idle = server.connect().await;
    let mut client = server.connect().await;
    client.write_all(get("/begin").as_bytes()).await.unwrap();
    server.signals.begun.notified().await;

    let TestServer {
        address,
        signals,
        stop,
        serving,
    } = server;
    stop.send(()).unwrap();
    assert_eq!(exchange(idle, "").await, "");
    TcpStream::connect(address).await.unwrap_err();
    assert!(!serving.is_finished());
    signals.finish.notify_one();
    let response = exchange(client, "").await;
    assert!(response.ends_with("finished"), "{response}");
    let summary = Summary {
        drained: 1,
        cut_off: 0,
    };
    assert_eq!(serving.await.unwrap(), summary);
}

#[tokio::test]
async fn a_shutdown_cuts_off_what_does_not_end() {
    let options = Options {
        drain: SHORT,
        ..Options::default()
    };
    let server = TestServer::start(None, options).await;
    let mut client = server.connect().await;
    client.write_all(get("/begin").as_bytes()).await.unwrap();
    server.signals.begun.notified().await;
    let summary = Summary {
        drained: 0,
        cut_off: 1,
    };
    assert_eq!(server.stop().await, summary);
    assert_eq!(exchange(client, "").await, "");
}

#[tokio::test]
async fn a_shutdown_can_be_cut_short() {
    let server = TestServer::start(None, Options::default()).await;
    let mut client = server.connect().await;
    client.write_all(get("/begin").as_bytes()).await.unwrap();
    server.signals.begun.notified().await;
    server.signals.hurry.notify_one();
    let summary = Summary {
        drained: 0,
        cut_off: 1,
    };
    assert_eq!(server.stop().await, summary);
    assert_eq!(exchange(client, "").await, "");
}

#[tokio::test]
async fn who_comes_to_a_full_house_gets_in_and_who_is_at_work_stays() {
    let options = Options {
        connections: 3,
        ..Options::default()
    };
    let server = TestServer::start(None, options).await;
    let mut at_work = server.connect().await;
    at_work.write_all(get("/begin").as_bytes()).await.unwrap();
    server.signals.begun.notified().await;
    let idle: Vec<_> = [server.connect().await, server.connect().await].into();
    let response = exchange(server.connect().await, &get_and_close("/")).await;
    assert!(response.ends_with("hello"), "{response}");

    server.signals.finish.notify_one();
    let response = exchange(at_work, &get_and_close("/")).await;
    assert!(response.contains("finished"), "{response}");
    assert!(response.ends_with("hello"), "{response}");
    drop(idle);
}

#[tokio::test]
async fn a_unix_socket_serves_peers_without_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.sock");
    let listener = Listener::bind(Network::Unix, path.to_str().unwrap())
        .await
        .unwrap();
    assert_eq!(listener.local_address(), LocalAddress::Unix(path.clone()));
    let server = TestServer::start_on(listener, None, Options::default());
    let client = UnixStream::connect(&path).await.unwrap();
    let response = exchange(client, &get_and_close("/connection")).await;
    assert!(response.ends_with("None false"), "{response}");
    assert_eq!(server.stop().await, NOTHING);
    assert!(!path.exists());
}

#[tokio::test]
async fn clear_text_http2_is_served_when_it_is_on() {
    let options = Options {
        clear_text_http2: true,
        ..Options::default()
    };
    let server = TestServer::start(None, options).await;
    let response = get_over_http2(server.connect().await, "/").await;
    assert_eq!(response.status(), StatusCode::OK);
    let response = exchange(server.connect().await, &get_and_close("/")).await;
    assert!(response.ends_with("hello"), "{response}");

    let without = TestServer::start(None, Options::default()).await;
    let refused = exchange(without.connect().await, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(!refused.contains("200"), "{refused}");
}

#[tokio::test]
async fn a_panic_over_http2_is_a_500_and_other_requests_go_on() {
    let options = Options {
        clear_text_http2: true,
        ..Options::default()
    };
    let server = TestServer::start(None, options).await;
    let response = get_over_http2(server.connect().await, "/panic").await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(server.stop().await, NOTHING);
}

#[tokio::test]
async fn a_shutdown_over_http2_lets_requests_in_flight_end() {
    let options = Options {
        clear_text_http2: true,
        ..Options::default()
    };
    let server = TestServer::start(None, options).await;
    let request = tokio::spawn(get_over_http2(server.connect().await, "/begin"));
    server.signals.begun.notified().await;
    let signals = server.signals.clone();
    server.stop.send(()).unwrap();
    signals.finish.notify_one();
    let response = request.await.unwrap();
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "finished"
    );
    assert_eq!(server.serving.await.unwrap().cut_off, 0);
}

/// Sends one request on a new connection of HTTP/2.
async fn get_over_http2(
    stream: impl Transport + 'static,
    path: &'static str,
) -> Response<Incoming> {
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = Request::get(format!("http://test{path}"))
        .body(Empty::<Bytes>::new())
        .unwrap();
    sender.send_request(request).await.unwrap()
}
