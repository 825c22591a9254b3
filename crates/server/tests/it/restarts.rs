//! One server after the other on one store: by request, and by sudden death.

use std::fs;

use rustix::process::Signal;
use wharf_oci::Digest;

use crate::image::{Image, noise};
use crate::server::Server;
use crate::store::size;
use crate::test_registry::TestRegistry;

/// Ends a server in the middle of an upload and goes on with the next one.
fn continue_after(end: fn(Server) -> TestRegistry) {
    let content = noise(1, 3_000_000);
    let (first, rest) = content.split_at(1_234_567);
    let server = TestRegistry::new().start();
    let mut upload = server.client().start_upload("a/b");
    upload.append(first);

    let server = end(server).start();
    let mut upload = upload.through(server.client());
    assert_eq!(upload.offset(), first.len() as u64);
    let (second, third) = rest.split_at(1_000_000);
    upload.append(second);

    let server = end(server).start();
    let mut upload = upload.through(server.client());
    assert_eq!(upload.offset(), (first.len() + second.len()) as u64);
    upload.append(third);
    let digest = Digest::sha256(&content);
    upload.complete(&digest).expect(201);
    let pulled = server.client().pull_blob("a/b", &digest).expect(200);
    assert!(pulled.body == content);
    assert_eq!(server.store().uploads(), Vec::<String>::new());
}

#[test]
fn an_upload_goes_on_after_a_stop() {
    continue_after(Server::stop);
}

#[test]
fn an_upload_goes_on_after_a_kill() {
    continue_after(Server::kill);
}

#[test]
fn the_location_of_before_a_restart_is_still_good() {
    for secret in [None, Some("the same for every process")] {
        let registry = match secret {
            None => TestRegistry::new(),
            Some(secret) => TestRegistry::new().with("http.secret", secret),
        };
        let server = registry.start();
        let mut upload = server.client().start_upload("a/b");
        upload.append(b"first, ");
        let server = server.kill().start();
        let mut upload = upload.through(server.client());
        upload.append(b"second");
        let digest = Digest::sha256(b"first, second");
        upload.complete(&digest).expect(201);
    }
}

#[test]
fn a_wrong_digest_after_a_restart_makes_no_blob() {
    let server = TestRegistry::new().start();
    let mut upload = server.client().start_upload("a/b");
    upload.append(b"what was sent");
    let server = server.kill().start();
    let mut upload = upload.through(server.client());
    upload.offset();
    let wrong = Digest::sha256(b"what was meant");
    let answer = upload.complete(&wrong).expect(400);
    assert_eq!(answer.code(), "DIGEST_INVALID");
    assert_eq!(server.store().blobs(), Vec::<String>::new());
}

#[test]
fn a_request_that_was_killed_in_the_middle_is_continued_where_its_bytes_end() {
    let content = noise(3, 2_000_000);
    let server = TestRegistry::new().start();
    let client = server.client();
    let upload = client.start_upload("a/b");
    let data = server.store().upload("a/b", upload.id());
    let head = crate::request::Request::patch(&upload.location).announcing(content.len());
    let mut connection = client.connect();
    connection.write(&head);
    connection.write(&content[..700_000]);
    crate::wait::until("the first bytes", || size(&data).filter(|size| *size > 0));
    server.signal(Signal::KILL);
    let (_, registry) = server.ended();

    let stored = size(&data).unwrap();
    assert!(stored <= 700_000);
    let server = registry.start();
    let mut upload = upload.through(server.client());
    assert_eq!(upload.offset(), stored);
    upload.append(&content[usize::try_from(stored).unwrap()..]);
    let digest = Digest::sha256(&content);
    upload.complete(&digest).expect(201);
    let pulled = server.client().pull_blob("a/b", &digest).expect(200);
    assert!(pulled.body == content);
}

#[test]
fn what_was_acknowledged_is_whole_after_a_kill() {
    let mut registry = TestRegistry::new();
    let images: Vec<Image> = (0..4).map(|seed| Image::new(seed * 10)).collect();
    for (index, image) in images.iter().enumerate() {
        let server = registry.start();
        server
            .client()
            .push_image("a/b", &format!("v{index}"), image);
        registry = server.kill();
    }
    let server = registry.start();
    let client = server.client();
    assert_eq!(client.tags("a/b"), ["v0", "v1", "v2", "v3"]);
    for (index, image) in images.iter().enumerate() {
        client.expect_image("a/b", &format!("v{index}"), image);
    }
    assert_eq!(server.store().uploads(), Vec::<String>::new());
    for file in server.store().files() {
        let content = fs::read(server.store().root().join(&file)).unwrap();
        assert!(!content.is_empty(), "{file} is empty");
        assert!(!file.ends_with(".tmp"), "{file} was left behind");
    }
}

#[test]
fn a_server_that_cannot_make_itself_known_serves_all_the_same() {
    let server = TestRegistry::new().start();
    let image = Image::new(1);
    server.client().push_image("a/b", "v1", &image);
    let registry = server.stop();
    let ours = registry.store().root().join("docker/registry/v2/_wharf");
    fs::remove_dir_all(&ours).unwrap();
    fs::write(&ours, "not a folder").unwrap();
    let server = registry.start();
    server.client().expect_image("a/b", "v1", &image);
    server.logged("do not know of this server");
}
