//! TLS: the same registry over HTTP/1.1 and over HTTP/2.

use bytes::Bytes;
use http::{Method, Version, header};
use rustls::pki_types::ServerName;
use wharf_oci::Digest;

use crate::http2::{self, Http2};
use crate::image::{Image, noise};
use crate::store::size;
use crate::test_registry::TestRegistry;
use crate::wait;

#[test]
fn http1_over_tls_is_http1() {
    let server = TestRegistry::new().with_tls().start();
    assert!(server.logged("listening on").contains(", tls\""));
    let (client, image) = (server.client(), Image::new(1));
    let digest = client.push_image("a/b", "v1", &image);
    client.expect_image("a/b", "v1", &image);
    let head = client.pull_manifest("a/b", "v1").expect(200).head;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(
        head.contains(&format!("\r\nDocker-Content-Digest: {digest}\r\n")),
        "{head}"
    );
    assert!(
        head.contains("\r\nDocker-Distribution-Api-Version: "),
        "{head}"
    );
    let begun = client.send(crate::request::Request::post("/v2/a/b/blobs/uploads/"));
    let location = begun.header("location").unwrap();
    assert!(location.starts_with("https://localhost/v2/"), "{location}");
}

#[tokio::test]
async fn http2_is_chosen_by_negotiation_and_carries_a_whole_image() {
    let server = TestRegistry::new().with_tls().start();
    let mut client = Http2::connect(&server).await;
    let image = Image::new(2);
    for blob in &image.blobs {
        let begun = client
            .send(Method::POST, "/v2/a/b/blobs/uploads/", b"")
            .await;
        assert_eq!(begun.status(), 202);
        let location = begun.headers()[header::LOCATION].to_str().unwrap();
        let digest = Digest::sha256(blob);
        let target = format!("{location}&digest={digest}");
        let done = client.send(Method::PUT, &target, blob).await;
        assert_eq!(done.status(), 201, "{done:?}");
    }
    let target = "/v2/a/b/manifests/v1";
    let pushed = client.send(Method::PUT, target, &image.manifest).await;
    assert_eq!(pushed.status(), 201, "{pushed:?}");

    let pulled = client.send(Method::GET, target, b"").await;
    assert_eq!(pulled.version(), Version::HTTP_2);
    assert_eq!(pulled.body().as_ref(), image.manifest);
    let version = &pulled.headers()["docker-distribution-api-version"];
    assert_eq!(version, "registry/2.0");
    assert_eq!(
        pulled.headers()["docker-content-digest"],
        image.digest().as_str()
    );

    // Many at once on one connection, each whole.
    let pulls = image.blobs.iter().cycle().take(30).map(|blob| {
        let mut client = client.clone();
        async move {
            let target = format!("/v2/a/b/blobs/{}", Digest::sha256(blob));
            let pulled = client.send(Method::GET, &target, b"").await;
            assert!(pulled.body() == blob);
        }
    });
    futures_util::future::join_all(pulls).await;
    server.client().expect_image("a/b", "v1", &image);
    let log = server.output();
    assert!(
        log.contains("\"GET /v2/a/b/manifests/v1 HTTP/2.0\" 200"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_body_over_http2_that_is_cut_off_is_no_blob() {
    let server = TestRegistry::new().with_tls().start();
    let client = Http2::connect(&server).await;
    let content = Bytes::from(noise(4, 200_000));
    let digest = Digest::sha256(&content);
    for length in [None, Some(content.len() + 1)] {
        let mut upload = server.client().start_upload("a/b");
        let data = server.store().upload("a/b", upload.id());
        let target = upload.completing(&digest).target;
        let (end, body) = http2::broken_body(content.clone());
        let sending = tokio::spawn(client.clone().try_send(Method::PUT, target, length, body));
        wait::until("the bytes to arrive", || {
            (size(&data) == Some(content.len() as u64)).then_some(())
        });
        // All of the content is there; that it is all of it was not said.
        drop(end);
        assert_ne!(sending.await.unwrap(), Some(201));
        assert_eq!(upload.offset(), content.len() as u64);
        server.client().pull_blob("a/b", &digest).expect(404);
    }
    assert_eq!(server.store().blobs(), Vec::<String>::new());
}

#[test]
fn protocols_are_negotiated_as_configured() {
    for (disabled, offered, expected) in [
        (false, &["h2", "http/1.1"][..], Some("h2")),
        (false, &["http/1.1"][..], Some("http/1.1")),
        (true, &["h2", "http/1.1"][..], Some("http/1.1")),
        (false, &[][..], None),
    ] {
        let server = TestRegistry::new()
            .with_tls()
            .with("http.http2.disabled", disabled)
            .start();
        let config = server.registry().authority().unwrap().trusting(offered);
        let name = ServerName::try_from("localhost").unwrap();
        let mut session = rustls::ClientConnection::new(config, name).unwrap();
        let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut stream).unwrap();
        }
        assert_eq!(
            session.alpn_protocol(),
            expected.map(str::as_bytes),
            "{offered:?}"
        );
    }
}
