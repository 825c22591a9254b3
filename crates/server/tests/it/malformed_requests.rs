//! Bytes that are no request, hardly a request, or more than one.

use crate::client::Connection;
use crate::image::{Image, noise};
use crate::request::Request;
use crate::server::Server;
use crate::test_registry::TestRegistry;

/// Sends bytes and reads until the server closes.
fn exchange(server: &Server, bytes: &[u8]) -> String {
    let mut connection = server.client().connect();
    connection.write(bytes);
    String::from_utf8_lossy(&connection.read_to_end()).into_owned()
}

#[test]
fn garbage_is_answered_with_400_or_a_closed_connection() {
    let server = TestRegistry::new().start();
    let tls_hello = [0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0x00];
    for bytes in [
        &b"\0\0\0\0\r\n\r\n"[..],
        &tls_hello,
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /v2/ HTTP/9.9\r\n\r\n",
        b"GET /v2/ with spaces HTTP/1.1\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nNo colon\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nBad name: x\r\n\r\n",
        b"GET /v2/\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
    ] {
        let answer = exchange(&server, bytes);
        let shown = String::from_utf8_lossy(bytes);
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 400 ");
        assert!(refused, "{shown:?}: {answer}");
    }
    // And noise of every kind.
    for seed in 0..20 {
        let mut bytes = noise(seed, 2_000);
        bytes.extend(b"\r\n\r\n");
        let answer = exchange(&server, &bytes);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
            "{answer}"
        );
    }
    server.client().get("/v2/").expect(200);
    let log = server.log();
    assert!(!log.contains("level=error"), "{log}");
}

#[test]
fn a_request_with_two_ideas_of_its_length_smuggles_nothing() {
    let server = TestRegistry::new().start();
    let smuggled = "GET /v2/_catalog HTTP/1.1\r\nHost: a\r\n\r\n";
    for lengths in [
        format!(
            "Content-Length: {}\r\nTransfer-Encoding: chunked\r\n",
            smuggled.len() + 5
        ),
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n".to_owned(),
        "Content-Length: 5\r\nContent-Length: 6\r\n".to_owned(),
        "Transfer-Encoding: chunked, identity\r\n".to_owned(),
    ] {
        let request = format!(
            "PUT /v2/a/manifests/b HTTP/1.1\r\nHost: a\r\n{lengths}Connection: close\r\n\r\n0\r\n\r\n{smuggled}"
        );
        let answer = exchange(&server, request.as_bytes());
        assert!(
            answer.matches("HTTP/1.1 ").count() <= 1,
            "{lengths:?}: {answer}"
        );
        assert!(!answer.contains("repositories"), "{lengths:?}: {answer}");
    }
    assert!(!server.output().contains("_catalog"));
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let server = TestRegistry::new().start();
    let answer = exchange(&server, b"GET /v2/ HTTP/1.0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\nContent-Length: 2\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n{}"), "{answer}");

    let begun = exchange(&server, b"POST /v2/a/b/blobs/uploads/ HTTP/1.0\r\n\r\n");
    assert!(begun.starts_with("HTTP/1.0 202 "), "{begun}");
    assert!(
        begun.contains("\r\nLocation: /v2/a/b/blobs/uploads/"),
        "{begun}"
    );
}

#[test]
fn a_target_may_be_a_whole_url() {
    let server = TestRegistry::new().start();
    let request =
        "GET http://registry.example/v2/ HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n";
    let answer = exchange(&server, request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("{}"), "{answer}");
}

#[test]
fn requests_in_a_row_are_answered_in_their_order() {
    let server = TestRegistry::new().start();
    let (client, image) = (server.client(), Image::new(1));
    let digest = client.push_image("a/b", "v1", &image);
    let content = noise(2, 100_000);
    let upload = client.start_upload("a/b");
    let requests = [
        (Request::get("/v2/"), 200),
        (Request::head("/v2/a/b/manifests/v1"), 200),
        (Request::patch(&upload.location).body(&content), 202),
        (Request::get(format!("/v2/a/b/manifests/{digest}")), 200),
        (Request::put("/v2/a/b/manifests/v2").body(b"{"), 400),
        (Request::get("/v2/nothing"), 404),
        (
            Request::post("/v2/a/b/blobs/uploads/").chunked(b"unread"),
            202,
        ),
        (Request::get("/v2/a/b/tags/list"), 200),
    ];
    let mut connection = client.connect();
    let bytes: Vec<u8> = requests
        .iter()
        .flat_map(|(request, _)| request.to_bytes())
        .collect();
    connection.write(&bytes);
    for (request, status) in &requests {
        let answer = connection.answer_to(request.method);
        assert_eq!(answer.status, *status, "{request:?}: {}", answer.head);
    }
    connection.send(&Request::get("/v2/")).expect(200);
}

#[test]
fn whoever_asks_before_sending_is_told_to_go_on_or_not_to() {
    let server = TestRegistry::new()
        .with_htpasswd(&[("alice", "secret")])
        .start();
    let alice = server.client().as_user("alice", "secret");
    let upload = alice.start_upload("a/b");
    let ask = |connection: &mut Connection, request: Request| {
        let request = request.header("Expect", "100-continue");
        connection.write(&request.announcing(7));
        connection.answer_to("PATCH")
    };
    let mut connection = alice.connect();
    let request = Request::patch(&upload.location);
    assert_eq!(ask(&mut connection, alice.authorized(request)).status, 100);
    connection.write(b"content");
    connection.answer_to("PATCH").expect(202);

    let mut connection = server.client().connect();
    ask(&mut connection, Request::patch(&upload.location)).expect(401);
}
