//! The listener over real sockets.

use std::path::Path;

use futures_util::stream;
use http::{HeaderValue, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody, combinators::BoxBody};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    sync::{Notify, oneshot},
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use wharf_api::ConnectionInfo;

use super::{
    socket::{LocalAddress, Network},
    tls::{TlsOptions, TlsVersion, client_auth::ClientAuth},
    transport::Transport,
    *,
};

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
        let shutdown = async { stopped.await.unwrap_or_default() };
        let signals = Signals::default();
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
    let never = std::future::pending();
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
async fn tls_offers_http2_unless_it_is_off() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("server");
    for http2 in [true, false] {
        let options = TlsOptions {
            http2,
            ..authority.server_options(folder.path())
        };
        let (tls, warnings) = Tls::load(options).unwrap();
        assert!(warnings.is_empty());
        let server = TestServer::start(Some(tls), Options::default()).await;
        let client = authority.connect(&server, None).await.unwrap();
        if http2 {
            let peer = client.get_ref().0.local_addr().unwrap();
            assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            let response = get_over_http2(client, "/connection").await;
            assert_eq!(response.version(), Version::HTTP_2);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, format!("Some({peer}) true"));
        } else {
            assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
            let response = exchange(client, &get_and_close("/")).await;
            assert!(
                response.contains("\r\nDocker-Content-Digest: "),
                "{response}"
            );
        }
    }
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

#[tokio::test]
async fn a_stalled_handshake_holds_up_nobody_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("server");
    let (tls, _) = Tls::load(authority.server_options(folder.path())).unwrap();
    let options = Options {
        limits: Limits {
            handshake: SHORT * 10,
            ..Limits::default()
        },
        ..Options::default()
    };
    let server = TestServer::start(Some(tls), options).await;
    let stalled = server.connect().await;
    let client = authority.connect(&server, None).await.unwrap();
    assert_eq!(get_over_http2(client, "/").await.status(), StatusCode::OK);
    assert_eq!(exchange(stalled, "").await, "");
}

#[tokio::test]
async fn plain_http_on_a_tls_port_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, _) = Tls::load(Authority::new("server").server_options(folder.path())).unwrap();
    let server = TestServer::start(Some(tls), Options::default()).await;
    let response = exchange(server.connect().await, &get("/v2/")).await;
    assert_eq!(
        response,
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
    );
}

#[tokio::test]
async fn client_certificates_are_treated_as_configured() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("server");
    let trusted = Authority::new("trusted");
    let other = Authority::new("other");
    let client_ca = folder.path().join("ca.pem");
    std::fs::write(&client_ca, trusted.issuer_pem()).unwrap();
    for (client_auth, none, stranger) in [
        (ClientAuth::Request, true, true),
        (ClientAuth::RequireAny, false, true),
        (ClientAuth::VerifyIfGiven, true, false),
        (ClientAuth::RequireAndVerify, false, false),
    ] {
        let options = TlsOptions {
            client_cas: vec![client_ca.clone()],
            client_auth,
            http2: false,
            ..authority.server_options(folder.path())
        };
        let (tls, _) = Tls::load(options).unwrap();
        let server = TestServer::start(Some(tls), Options::default()).await;
        for (identity, expected) in [
            (None, none),
            (Some(&other), stranger),
            (Some(&trusted), true),
        ] {
            // In TLS 1.3 the client is done first: a refusal comes with the first read.
            let mut served = false;
            if let Ok(mut client) = authority.connect(&server, identity).await {
                let mut response = String::new();
                served = client
                    .write_all(get_and_close("/").as_bytes())
                    .await
                    .is_ok()
                    && client.read_to_string(&mut response).await.is_ok()
                    && response.ends_with("hello");
            }
            let name = identity.map(|identity| identity.name);
            assert_eq!(served, expected, "{client_auth:?} {name:?}");
        }
    }
}

#[tokio::test]
async fn tls_files_of_no_use_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("server");
    let missing = folder.path().join("missing.pem");
    let options = TlsOptions {
        client_cas: vec![missing.clone()],
        ..authority.server_options(folder.path())
    };
    let error = Tls::load(options).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot read \"{}\": No such file or directory (os error 2)",
            missing.display()
        )
    );
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

/// An authority with one certificate that serves both sides.
struct Authority {
    name: &'static str,
    issuer: rcgen::Certificate,
    certificate: rcgen::Certificate,
    key: rcgen::KeyPair,
}

impl Authority {
    fn new(name: &'static str) -> Self {
        let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let issuer_key = rcgen::KeyPair::generate().unwrap();
        let issuer = params.self_signed(&issuer_key).unwrap();
        let issuing = rcgen::Issuer::new(params, issuer_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["localhost".into()])
            .unwrap()
            .signed_by(&key, &issuing)
            .unwrap();
        Self {
            name,
            issuer,
            certificate,
            key,
        }
    }

    fn issuer_pem(&self) -> String {
        self.issuer.pem()
    }

    fn server_options(&self, folder: &Path) -> TlsOptions {
        let certificate = folder.join("tls.crt");
        let key = folder.join("tls.key");
        std::fs::write(&certificate, self.certificate.pem()).unwrap();
        std::fs::write(&key, self.key.serialize_pem()).unwrap();
        TlsOptions {
            certificate,
            key,
            client_cas: Vec::new(),
            client_auth: ClientAuth::default(),
            minimum: TlsVersion::Tls12,
            cipher_suites: Vec::new(),
            http2: true,
        }
    }

    /// Connects as a client that trusts this authority, with the certificate of `identity`.
    async fn connect(
        &self,
        server: &TestServer,
        identity: Option<&Self>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let chain = vec![CertificateDer::from(identity.certificate.der().to_vec())];
                let key = PrivateKeyDer::from_pem_slice(identity.key.serialize_pem().as_bytes());
                builder.with_client_auth_cert(chain, key.unwrap()).unwrap()
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsConnector::from(Arc::new(config))
            .connect(
                ServerName::try_from("localhost").unwrap(),
                server.connect().await,
            )
            .await
    }
}
