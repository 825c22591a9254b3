//! Clients that are slow, many, or send too much: the others do not notice.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use wharf_oci::Digest;

use crate::client::Connection;
use crate::image::{Image, MEDIA_TYPE, noise};
use crate::request::{Request, chunk};
use crate::test_registry::TestRegistry;
use crate::wait;

#[test]
fn idle_connections_and_slow_heads_hold_up_nobody() {
    let server = TestRegistry::new().start();
    let client = server.client();
    let idle: Vec<Connection> = (0..200).map(|_| client.connect()).collect();
    let mut slow: Vec<Connection> = (0..100)
        .map(|index| {
            let mut connection = client.connect();
            let head = Request::get(format!("/v2/slow/{index}/tags/list")).to_bytes();
            connection.write(&head[..10 + index % 20]);
            connection
        })
        .collect();
    let uploads: Vec<Connection> = (0..50)
        .map(|_| {
            let upload = client.start_upload("slow/upload");
            let mut connection = client.connect();
            connection.write(&Request::patch(&upload.location).announcing(1_000_000));
            connection.write(b"a little");
            connection
        })
        .collect();

    let image = Image::new(1);
    client.push_image("a/b", "v1", &image);
    client.expect_image("a/b", "v1", &image);

    // Whoever takes a step now and then is served in the end.
    for (index, connection) in slow.iter_mut().enumerate() {
        let head = Request::get(format!("/v2/slow/{index}/tags/list")).to_bytes();
        connection.write(&head[10 + index % 20..]);
        connection.answer_to("GET").expect(404);
    }
    drop((idle, uploads));
    client.expect_image("a/b", "v1", &image);
}

#[test]
fn handshakes_that_do_not_go_on_hold_up_nobody() {
    let server = TestRegistry::new().with_tls().start();
    let stalled: Vec<TcpStream> = (0..100)
        .map(|index| {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            let hello = [0x16, 0x03, 0x01, 0x01, 0x00, 0x01];
            stream.write_all(&hello[..index % 7]).unwrap();
            stream
        })
        .collect();
    let image = Image::new(2);
    server.client().push_image("a/b", "v1", &image);
    server.client().expect_image("a/b", "v1", &image);
    drop(stalled);
}

#[test]
fn readers_that_stop_in_the_middle_hold_up_nobody() {
    let server = TestRegistry::new().start();
    let client = server.client();
    let content = noise(3, 12_000_000);
    let digest = client.push_blob("a/b", &content);
    let target = format!("/v2/a/b/blobs/{digest}");
    let stopped: Vec<Connection> = (0..40)
        .map(|_| {
            let mut connection = client.connect();
            connection.write(&Request::get(&target).to_bytes());
            connection.read(100);
            connection
        })
        .collect();
    assert!(client.pull_blob("a/b", &digest).expect(200).body == content);
    drop(stopped);
    // Each of them is in the log once its connection is gone, with what it got.
    wait::until("the downloads in the log", || {
        let log = server.output();
        (log.matches(&target).count() >= 41).then_some(())
    });
}

#[test]
fn a_head_without_end_is_refused() {
    let server = TestRegistry::new().start();
    let mut connection = server.client().connect();
    connection.write(b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n");
    let line = format!("X-Padding: {}\r\n", "x".repeat(8_000));
    wait::until_at_once("the connection to be closed", || {
        connection.try_write(line.as_bytes()).err()
    });
    server.client().get("/v2/").expect(200);

    // A head of moderate excess is told why.
    let padding = "x".repeat(600_000);
    let large = Request::get("/v2/").header("X-Padding", padding);
    let mut connection = server.client().connect();
    let _ = connection.try_write(&large.to_bytes());
    let answer = connection.read_to_end();
    assert!(
        answer.starts_with(b"HTTP/1.1 431 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );

    // Credentials of many kilobytes are not excess.
    let token = format!("Bearer {}", "x".repeat(60_000));
    let request = Request::get("/v2/").header("Authorization", token);
    server.client().send(request).expect(200);
}

#[test]
fn a_manifest_that_is_too_large_gets_its_answer() {
    let server = TestRegistry::new().start();
    let client = server.client();
    let large = vec![b' '; 4 * 1024 * 1024 + 1];
    for without_length in [false, true] {
        let request = Request::put("/v2/a/b/manifests/v1").header("Content-Type", MEDIA_TYPE);
        let request = if without_length {
            request.chunked(&large)
        } else {
            request.body(&large)
        };
        let mut connection = client.connect();
        connection.write(&request.to_bytes());
        let answer = connection.answer_to("PUT").expect(413);
        assert_eq!(answer.code(), "MANIFEST_INVALID");
    }
    assert_eq!(server.store().files(), Vec::<String>::new());
}

#[test]
fn a_manifest_without_end_is_cut_off() {
    let server = TestRegistry::new().start();
    let client = server.client();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(wait::PATIENCE)).unwrap();
    let head = Request::put("/v2/a/b/manifests/v1")
        .header("Content-Type", MEDIA_TYPE)
        .header("Transfer-Encoding", "chunked");
    let mut writer = stream.try_clone().unwrap();
    // What Content-Length says of a body without a length is not said.
    let head = String::from_utf8(head.to_bytes()).unwrap();
    let head = head.replace("Content-Length: 0\r\n", "");
    let sending = thread::spawn(move || {
        writer.write_all(head.as_bytes()).unwrap();
        let part = chunk(&[b' '; 65_536]);
        wait::until_at_once("the connection to be closed", || {
            writer.write_all(&part).err()
        });
    });
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(
        answer.starts_with(b"HTTP/1.1 413 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    sending.join().unwrap();
    client.get("/v2/").expect(200);
}

#[test]
fn a_refused_layer_is_not_read_to_its_end() {
    let server = TestRegistry::new()
        .with_htpasswd(&[("alice", "secret")])
        .start();
    let target = format!("/v2/a/b/blobs/uploads/?digest={}", Digest::sha256(b""));
    let head = Request::post(target).announcing(usize::MAX / 4);
    let mut connection = server.client().connect();
    connection.write(&head);
    let part = vec![0; 1 << 20];
    let _ = (0..4).all(|_| connection.try_write(&part).is_ok());
    connection.answer_to("POST").expect(401);
    assert_eq!(server.store().files(), Vec::<String>::new());
}

#[test]
fn idle_connections_do_not_take_the_files_that_the_store_needs() {
    let server = TestRegistry::new().start_with_files(64, 128);
    let client = server.client();
    let idle: Vec<Connection> = (0..160).map(|_| client.connect()).collect();
    let image = Image::new(6);
    client.push_image("a/b", "v1", &image);
    client.expect_image("a/b", "v1", &image);
    let line = server.logged("no room for more connections");
    assert!(line.contains("level=warning"), "{line}");
    // Counted from the 128 that the server may allow itself.
    assert!(line.contains("connections.limit=48"), "{line}");
    let log = server.log();
    assert_eq!(log.matches("no room for more connections").count(), 1);
    assert!(!log.contains("cannot accept connections"), "{log}");
    drop(idle);
}

#[test]
fn running_out_of_files_is_an_error_and_passes() {
    let server = TestRegistry::new().start();
    let (client, image) = (server.client(), Image::new(5));
    client.push_image("a/b", "v1", &image);
    let mut kept = client.connect();
    kept.send(&Request::get("/v2/")).expect(200);
    server.limit_files(64);
    let crowd: Vec<Connection> = (0..100).map(|_| client.connect()).collect();
    let line = server.logged("cannot accept connections, trying again");
    assert!(line.contains("level=warning"), "{line}");
    // What cannot be opened is not what is not there.
    let pull = Request::get("/v2/a/b/manifests/v1").header("Accept", MEDIA_TYPE);
    let answer = wait::until("the last files to be taken", || {
        let answer = kept.send(&pull);
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(answer.expect(500).code(), "UNKNOWN");
    let blob = Digest::sha256(&image.blobs[0]);
    for (target, whole) in [
        (format!("/v2/a/b/blobs/{blob}"), "SEED"),
        ("/v2/a/b/tags/list".to_owned(), "[\"v1\"]"),
        ("/v2/_catalog".to_owned(), "[\"a/b\"]"),
    ] {
        let answer = kept.send(&Request::get(&target));
        let right = match answer.status {
            200 => answer.text().contains(whole),
            status => status == 500,
        };
        assert!(right, "{target}: {}{}", answer.head, answer.text());
    }
    drop(crowd);
    client.expect_image("a/b", "v1", &image);
    kept.send(&pull).expect(200);
}
