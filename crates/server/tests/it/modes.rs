//! Other ways to serve: read-only, at a socket file, below a prefix, from memory.

use std::fs;

use wharf_oci::Digest;

use crate::image::Image;
use crate::request::Request;
use crate::test_registry::TestRegistry;

#[test]
fn a_registry_that_is_read_only_serves_and_takes_nothing() {
    let image = Image::new(1);
    let server = TestRegistry::new()
        .with("storage.delete.enabled", true)
        .start();
    let digest = server.client().push_image("a/b", "v1", &image);
    let upload = server.client().start_upload("a/b");
    let server = server
        .stop()
        .with("storage.maintenance.readonly.enabled", true)
        .start();
    let client = server.client();
    let before = server.store().files();
    client.expect_image("a/b", "v1", &image);
    assert_eq!(client.catalog(), ["a/b"]);
    let blob = Digest::sha256(&image.blobs[0]);
    for request in [
        Request::post("/v2/a/b/blobs/uploads/"),
        Request::post(format!("/v2/c/d/blobs/uploads/?mount={blob}&from=a/b")),
        Request::patch(&upload.location).body(b"content"),
        upload.completing(&Digest::sha256(b"")),
        Request::delete(&upload.location),
        Request::put("/v2/a/b/manifests/v2").body(&image.manifest),
        Request::delete(format!("/v2/a/b/manifests/{digest}")),
        Request::delete("/v2/a/b/manifests/v1"),
        Request::delete(format!("/v2/a/b/blobs/{blob}")),
    ] {
        let told = format!("{} {}", request.method, request.target);
        let answer = client.send(request).expect(405);
        assert_eq!(answer.header("allow"), Some("GET, HEAD"), "{told}");
        let version = answer.header("docker-distribution-api-version");
        assert_eq!(version, Some("registry/2.0"), "{told}");
    }
    assert_eq!(server.store().files(), before);
}

#[test]
fn deletion_is_off_unless_it_is_switched_on() {
    let server = TestRegistry::new().start();
    let (client, image) = (server.client(), Image::new(1));
    let digest = client.push_image("a/b", "v1", &image);
    for target in [
        format!("/v2/a/b/manifests/{digest}"),
        "/v2/a/b/manifests/v1".to_owned(),
        format!("/v2/a/b/blobs/{}", Digest::sha256(&image.blobs[0])),
    ] {
        let answer = client.send(Request::delete(target)).expect(405);
        assert_eq!(answer.code(), "UNSUPPORTED");
        assert!(
            answer.text().contains("storage.delete.enabled"),
            "{}",
            answer.text()
        );
    }
    client.expect_image("a/b", "v1", &image);
}

#[test]
fn a_socket_file_is_listened_on_and_removed() {
    let registry = TestRegistry::new().with("http.net", "unix");
    let socket = registry.file("registry.sock");
    let server = registry.with("http.addr", socket.to_str().unwrap()).start();
    let (client, image) = (server.client(), Image::new(1));
    client.push_image("a/b", "v1", &image);
    client.expect_image("a/b", "v1", &image);
    assert!(!server.output().is_empty());
    // A killed server leaves its file, and the next one takes its place.
    let registry = server.kill();
    assert!(socket.exists());
    let server = registry.start();
    server.client().expect_image("a/b", "v1", &image);
    server.stop();
    assert!(!socket.exists());
}

#[test]
fn a_prefix_stands_before_every_path() {
    let server = TestRegistry::new().with("http.prefix", "/images/").start();
    let client = server.client();
    client.get("/images/v2/").expect(200);
    client.get("/v2/").expect(404);
    let begun = client
        .send(Request::post("/images/v2/a/b/blobs/uploads/"))
        .expect(202);
    let location = begun.location();
    assert!(
        location.starts_with("/images/v2/a/b/blobs/uploads/"),
        "{location}"
    );
    let digest = Digest::sha256(b"content");
    let last = Request::put(format!("{location}&digest={digest}"));
    client.send(last.body(b"content")).expect(201);
    let pulled = client
        .get(format!("/images/v2/a/b/blobs/{digest}"))
        .expect(200);
    assert_eq!(pulled.body, b"content");
}

#[test]
fn a_registry_in_memory_writes_no_file() {
    let registry = TestRegistry::new();
    let config = registry.file("memory.yml");
    let yaml = "version: 0.1\nstorage: inmemory\nhttp:\n  addr: 127.0.0.1:0\n";
    fs::write(&config, yaml).unwrap();
    let server = registry.start_with(&["serve", "memory.yml"]);
    let (client, image) = (server.client(), Image::new(1));
    client.push_image("a/b", "v1", &image);
    client.expect_image("a/b", "v1", &image);
    assert_eq!(client.catalog(), ["a/b"]);
    assert!(!server.store().root().exists());
    assert!(!server.registry().file("registry-data").exists());
}
