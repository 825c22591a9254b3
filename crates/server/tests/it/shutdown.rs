//! Being asked to stop: requests in flight come to their end, within bounds.

use rustix::process::Signal;
use wharf_oci::Digest;

use crate::client::Connection;
use crate::image::noise;
use crate::request::Request;
use crate::server::Server;
use crate::store::size;
use crate::test_registry::TestRegistry;
use crate::verbs::Upload;
use crate::wait;

/// Begins a chunk and waits until its first bytes are stored.
fn begin_chunk(server: &Server, upload: &Upload, chunk: &[u8], begun: usize) -> Connection {
    let data = server.store().upload("a/b", upload.id());
    let mut connection = server.client().connect();
    connection.write(&Request::patch(&upload.location).announcing(chunk.len()));
    connection.write(&chunk[..begun]);
    wait::until("the chunk to begin", || {
        (size(&data) == Some(begun as u64)).then_some(())
    });
    connection
}

#[test]
fn a_slow_upload_gets_its_answer_and_nobody_new_is_let_in() {
    for signal in [Signal::TERM, Signal::INT] {
        let content = noise(1, 100_000);
        let server = TestRegistry::new().start();
        let mut upload = server.client().start_upload("a/b");
        let mut connection = begin_chunk(&server, &upload, &content, 40_000);
        let mut idle = server.client().connect();

        server.signal(signal);
        server.logged("stopping server gracefully. Draining connections for");
        server.refuses_connections();
        assert_eq!(idle.read_to_end(), b"");
        connection.write(&content[40_000..]);
        let answer = connection.answer_to("PATCH").expect(202);
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(connection.read_to_end(), b"");
        upload.location = answer.location();

        let (ended, registry) = server.ended();
        assert_eq!(ended.code, Some(0), "{}", ended.log);
        let last = ended.log.lines().last().unwrap();
        assert!(last.contains("msg=\"server stopped\""), "{last}");
        assert!(last.contains("http.requests.drained=1"), "{last}");
        assert!(last.contains("http.requests.cutoff=0"), "{last}");
        let server = registry.start();
        let upload = upload.through(server.client());
        upload.complete(&Digest::sha256(&content)).expect(201);
    }
}

#[test]
fn a_slow_download_is_whole() {
    let content = noise(2, 12_000_000);
    let server = TestRegistry::new().start();
    let digest = server.client().push_blob("a/b", &content);
    let mut connection = server.client().connect();
    let request = Request::get(format!("/v2/a/b/blobs/{digest}"));
    connection.write(&request.to_bytes());
    // More than the kernel takes of it is still to be sent.
    connection.read(1);
    server.signal(Signal::TERM);
    server.refuses_connections();
    let rest = connection.read_to_end();
    assert!(rest.ends_with(&content));
    let (ended, _) = server.ended();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    assert!(
        ended.log.contains("http.requests.drained=1"),
        "{}",
        ended.log
    );
}

#[test]
fn a_client_that_stalls_is_cut_off_in_time_and_goes_on_later() {
    let content = noise(3, 100_000);
    let registry = TestRegistry::new().with("http.draintimeout", "250ms");
    let server = registry.start();
    let upload = server.client().start_upload("a/b");
    let mut stalled = begin_chunk(&server, &upload, &content, 60_000);
    server.signal(Signal::TERM);
    let line = server.logged("stopping server gracefully");
    assert!(line.contains("Draining connections for 0.25s"), "{line}");
    let (ended, registry) = server.ended();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    let last = ended.log.lines().last().unwrap();
    assert!(last.contains("http.requests.cutoff=1"), "{last}");
    stalled.read_to_end();

    let server = registry.start();
    let mut upload = upload.through(server.client());
    assert_eq!(upload.offset(), 60_000);
    upload.append(&content[60_000..]);
    upload.complete(&Digest::sha256(&content)).expect(201);
}

#[test]
fn a_second_signal_cuts_the_drain_short() {
    for signal in [Signal::TERM, Signal::INT] {
        let content = noise(4, 100_000);
        let server = TestRegistry::new().with("http.draintimeout", "1h").start();
        let upload = server.client().start_upload("a/b");
        let mut stalled = begin_chunk(&server, &upload, &content, 60_000);
        server.signal(Signal::TERM);
        server.logged("Draining connections for 3600s");
        server.signal(signal);
        server.logged("asked to stop again, cutting off the requests in flight");
        let (ended, _) = server.ended();
        assert_eq!(ended.code, Some(0), "{}", ended.log);
        let last = ended.log.lines().last().unwrap();
        assert!(last.contains("http.requests.cutoff=1"), "{last}");
        stalled.read_to_end();
    }
}

#[test]
fn a_server_with_idle_connections_stops_at_once() {
    for registry in [TestRegistry::new(), TestRegistry::new().with_tls()] {
        let server = registry.with("http.draintimeout", "1h").start();
        let client = server.client();
        let mut idle: Vec<Connection> = (0..20)
            .map(|_| {
                let mut connection = client.connect();
                connection.send(&Request::get("/v2/")).expect(200);
                connection
            })
            .collect();
        let log = server.stop();
        for connection in &mut idle {
            assert_eq!(connection.read_to_end(), b"");
        }
        drop(log);
    }
}
