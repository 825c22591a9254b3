//! A disk that is full, and one that takes no writes: what cannot be done is told, and the rest goes on.

use std::time::Duration;

use wharf_e2e::client::{Client, Reply};
use wharf_e2e::digest;
use wharf_e2e::layout::{Image, MANIFEST};
use wharf_e2e::need;
use wharf_e2e::program::Program;
use wharf_e2e::registry::{Place, Registry};
use wharf_e2e::volume::Volume;
use wharf_e2e::wait;

const SIZE: u64 = 4 * 1024 * 1024;
const OCTETS: &str = "Content-Type: application/octet-stream\r\n";

fn small(name: &str) -> Image {
    Image::of(name, &[name.as_bytes()])
}

/// An image that does not fit.
fn large() -> Image {
    Image::of("large", &[&vec![7; 2 * SIZE as usize]])
}

/// The code and the detail of a refusal.
#[track_caller]
fn refused(reply: &Reply, status: u16, remedy: &str) {
    assert_eq!(reply.status, status, "{reply:?}");
    let body = String::from_utf8_lossy(&reply.body);
    assert!(body.contains("\"code\":\"UNAVAILABLE\""), "{body}");
    assert!(body.contains(remedy), "{body}");
}

/// Pulls an image and all lists.
#[track_caller]
fn expect_pulls(client: &mut Client, tag: &str, image: &Image) {
    for path in ["/v2/_catalog", "/v2/a/tags/list"] {
        let _ = client.request("GET", path, "", b"").expect(200);
    }
    let path = format!("/v2/a/manifests/{tag}");
    let accept = format!("Accept: {MANIFEST}\r\n");
    let pulled = client.request("GET", &path, &accept, b"").expect(200);
    assert_eq!(pulled.body, image.manifest);
    for part in image.parts() {
        assert_eq!(client.pull_blob("a", &part).1, part);
    }
}

/// Every way to push, each refused.
#[track_caller]
fn expect_no_pushes(client: &mut Client, from: &Image, status: u16, remedy: &str) {
    let new = small("new");
    let begun = client.request("POST", "/v2/a/blobs/uploads/", "", b"");
    refused(&begun, status, remedy);
    let mount = format!("/v2/b/blobs/uploads/?mount={}&from=a", from.parts()[0]);
    refused(&client.request("POST", &mount, "", b""), status, remedy);
    let digest = digest::of(&new.manifest);
    let whole = format!("/v2/a/blobs/uploads/?digest={digest}");
    refused(
        &client.request("POST", &whole, OCTETS, &new.manifest),
        status,
        remedy,
    );
    let headers = format!("Content-Type: {MANIFEST}\r\n");
    let put = client.request("PUT", "/v2/a/manifests/new", &headers, &from.manifest);
    refused(&put, status, remedy);
}

fn status_of(client: &mut Client, method: &str, path: &str) -> Reply {
    client.request(method, path, "", b"")
}

#[test]
fn a_push_that_does_not_fit_gives_its_space_back_at_once() {
    let volume = need!(Volume::mount(SIZE));
    let registry = Registry::start(volume.config());
    let mut client = Client::connect(registry.port());
    client.push_image("a", "v1", &small("one"));
    let before = volume.used();
    let large = large();
    let layer = large.blobs().last().unwrap();
    let upload = client.start_upload("a");
    let refusal = client.request("PATCH", upload.path(), OCTETS, layer);
    refused(&refusal, 507, "free some");
    // What was told of the upload is that it is gone; and others can push.
    let mut client = Client::connect(registry.port());
    let _ = status_of(&mut client, "GET", upload.path()).expect(404);
    assert_eq!(
        volume.files_with(&["/_uploads/", ".tmp"]),
        [""; 0].map(std::path::PathBuf::from)
    );
    assert!(
        volume.used() < before + 64 * 1024,
        "{} of {before}",
        volume.used()
    );
    client.push_image("a", "v2", &small("two"));
    expect_pulls(&mut client, "v1", &small("one"));
}

#[test]
fn on_a_full_disk_pulls_and_deletions_go_on() {
    let volume = need!(Volume::mount(SIZE));
    let registry = Registry::start(volume.config());
    let mut client = Client::connect(registry.port());
    let (one, two) = (small("one"), small("two"));
    client.push_image("a", "v1", &one);
    client.push_image("a", "v2", &two);
    volume.fill();
    expect_no_pushes(&mut client, &one, 507, "free some");
    expect_pulls(&mut client, "v1", &one);
    let _ = status_of(&mut client, "DELETE", "/v2/a/manifests/v2").expect(202);
    let by_digest = format!("/v2/a/manifests/{}", two.digest());
    let _ = status_of(&mut client, "DELETE", &by_digest).expect(202);
    let _ = status_of(&mut client, "GET", &by_digest).expect(404);
    assert_eq!(
        volume.files_with(&["/_uploads/", ".tmp"]),
        [""; 0].map(std::path::PathBuf::from)
    );
    // Whether a collection finds the little space that it needs or not, it harms nothing.
    volume.fill();
    let _ = registry.collect(&[]);
    expect_pulls(&mut client, "v1", &one);
    volume.give_back();
    client.push_image("a", "v2", &two);
    expect_pulls(&mut client, "v2", &two);
    expect_pulls(&mut client, "v1", &one);
}

#[test]
fn what_was_set_aside_makes_room_when_a_push_does_not_fit() {
    let volume = need!(Volume::mount(SIZE));
    let registry = Registry::start(volume.config());
    let mut client = Client::connect(registry.port());
    client.push_image("a", "v1", &small("one"));
    let garbage = vec![1; SIZE as usize / 2];
    client.push_blob("a", &garbage);
    let collected = registry.collect(&[]);
    assert!(collected.succeeded(), "{collected}");
    assert!(volume.used() > SIZE / 2, "it is kept for its lease");
    let fits = Image::of("fits", &[&vec![2; SIZE as usize / 2]]);
    let layer = fits.blobs().last().unwrap();
    let upload = client.start_upload("a");
    refused(
        &client.request("PATCH", upload.path(), OCTETS, layer),
        507,
        "free some",
    );
    wait::until("emptying the trash", Duration::from_secs(30), || {
        (volume.used() < SIZE / 2).then_some(())
    });
    let mut client = Client::connect(registry.port());
    client.push_image("a", "v2", &fits);
    expect_pulls(&mut client, "v2", &fits);
    expect_pulls(&mut client, "v1", &small("one"));
}

#[test]
fn a_collection_without_a_server_frees_a_full_disk() {
    let volume = need!(Volume::mount(SIZE));
    let registry = Registry::start(volume.config());
    let mut client = Client::connect(registry.port());
    client.push_image("a", "v1", &small("one"));
    client.push_blob("a", &vec![1; SIZE as usize / 2]);
    let place: Place = registry.stop();
    volume.fill();
    let used = volume.used();
    let collected = place.collect(&Program::wharf(), &[]);
    assert!(collected.succeeded(), "{collected}");
    assert!(volume.used() < used - SIZE / 2, "{used}: {collected}");
    let registry = place.start(&Program::wharf());
    let mut client = Client::connect(registry.port());
    expect_pulls(&mut client, "v1", &small("one"));
    client.push_image("a", "v2", &small("two"));
}

#[test]
fn a_server_starts_on_a_full_disk() {
    let volume = need!(Volume::mount(SIZE));
    let registry = Registry::start(volume.config());
    let one = small("one");
    Client::connect(registry.port()).push_image("a", "v1", &one);
    volume.fill();
    let registry = registry.kill().start(&Program::wharf());
    let mut client = Client::connect(registry.port());
    expect_pulls(&mut client, "v1", &one);
    expect_no_pushes(&mut client, &one, 507, "free some");
    volume.give_back();
    client.push_image("a", "v2", &small("two"));
}

#[test]
fn a_store_that_takes_no_writes_is_served_from() {
    let volume = need!(Volume::mount(SIZE));
    let registry = Registry::start(volume.config());
    let mut client = Client::connect(registry.port());
    let one = small("one");
    client.push_image("a", "v1", &one);
    let upload = client.start_upload("a");
    let place: Place = registry.stop();
    volume.set_read_only(true);
    let registry = place.start(&Program::wharf());
    let mut client = Client::connect(registry.port());
    expect_pulls(&mut client, "v1", &one);
    let remedy = "mounted read-only";
    expect_no_pushes(&mut client, &one, 503, remedy);
    let patched = client.request("PATCH", upload.path(), OCTETS, b"more");
    refused(&patched, 503, remedy);
    refused(
        &status_of(&mut client, "DELETE", "/v2/a/manifests/v1"),
        503,
        remedy,
    );
    let by_digest = format!("/v2/a/manifests/{}", one.digest());
    refused(&status_of(&mut client, "DELETE", &by_digest), 503, remedy);
    let collected = registry.collect(&[]);
    assert_ne!(collected.code(), Some(0), "{collected}");
    assert!(collected.everything().contains("read-only"), "{collected}");
    expect_pulls(&mut client, "v1", &one);
    volume.set_read_only(false);
    // Collectors know of the server before its first write, so what it is told is set aside.
    let promised = client.push_blob("a", b"to be named");
    let collected = registry.collect(&[]);
    assert!(collected.succeeded(), "{collected}");
    assert_eq!(client.pull_blob("a", &promised).1, promised);
    client.push_image("a", "v2", &small("two"));
    let _ = status_of(&mut client, "DELETE", &by_digest).expect(202);
}
