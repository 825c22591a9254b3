//! Uploads whose client goes away in the middle of a body.

use wharf_oci::Digest;

use crate::client::Client;
use crate::image::noise;
use crate::request::{Request, chunk};
use crate::server::Server;
use crate::store::size;
use crate::test_registry::TestRegistry;
use crate::verbs::Upload;
use crate::wait;

/// Sends bytes on a connection of their own, waits until the store has all of `arriving`, and
/// closes.
fn send_and_leave(server: &Server, upload: &Upload, bytes: &[u8], arriving: usize) {
    let data = server.store().upload("a/b", upload.id());
    let mut connection = server.client().connect();
    connection.write(bytes);
    wait::until("the bytes to arrive", || {
        (size(&data) == Some(arriving as u64)).then_some(())
    });
}

/// No content is stored as a blob, and none can be pulled.
#[track_caller]
fn expect_no_blob(server: &Server, client: &Client, content: &[u8]) {
    client
        .pull_blob("a/b", &Digest::sha256(content))
        .expect(404);
    assert_eq!(server.store().blobs(), Vec::<String>::new());
}

#[test]
fn the_offset_is_that_of_the_bytes_that_are_stored() {
    let server = TestRegistry::new().start();
    let client = server.client();
    let content = noise(1, 1_000_000);
    let mut upload = client.start_upload("a/b");
    let cuts = [100_000, 350_000, 350_001, 900_000];
    let mut sent = 0;
    for cut in cuts {
        let announced = content.len() - sent;
        let mut bytes = Request::patch(&upload.location).announcing(announced);
        bytes.extend(&content[sent..cut]);
        send_and_leave(&server, &upload, &bytes, cut);
        assert_eq!(upload.offset(), cut as u64);
        sent = cut;
    }
    let range = format!("{sent}-{}", content.len() - 1);
    let rest = Request::patch(&upload.location).header("Content-Range", range);
    upload.location = client
        .send(rest.body(&content[sent..]))
        .expect(202)
        .location();
    let digest = Digest::sha256(&content);
    upload.complete(&digest).expect(201);
    assert!(client.pull_blob("a/b", &digest).expect(200).body == content);
}

#[test]
fn a_chunk_that_does_not_follow_the_stored_bytes_is_told_where_they_end() {
    let server = TestRegistry::new().start();
    let client = server.client();
    let mut upload = client.start_upload("a/b");
    let mut bytes = Request::patch(&upload.location).announcing(100);
    bytes.extend(noise(2, 60));
    send_and_leave(&server, &upload, &bytes, 60);
    upload.offset();
    let behind = Request::patch(&upload.location).header("Content-Range", "100-103");
    let answer = client.send(behind.body(b"more")).expect(416);
    assert_eq!(answer.header("range"), Some("0-59"));
    upload.location = answer.location();
    upload.append(&noise(2, 100)[60..]);
    upload.complete(&Digest::sha256(&noise(2, 100))).expect(201);
}

#[test]
fn a_put_that_is_cut_off_makes_no_blob_and_can_be_repeated() {
    let server = TestRegistry::new().start();
    let client = server.client();
    let content = noise(3, 500_000);
    let (first, rest) = content.split_at(200_000);
    let mut upload = client.start_upload("a/b");
    upload.append(first);
    let digest = Digest::sha256(&content);
    let mut bytes = upload.completing(&digest).announcing(rest.len());
    bytes.extend(&rest[..100_000]);
    send_and_leave(&server, &upload, &bytes, 300_000);
    assert_eq!(upload.offset(), 300_000);
    expect_no_blob(&server, &client, &content);
    expect_no_blob(&server, &client, &content[..300_000]);
    let finish = upload.completing(&digest).body(&content[300_000..]);
    client.send(finish).expect(201);
    assert!(client.pull_blob("a/b", &digest).expect(200).body == content);
}

#[test]
fn less_than_was_announced_is_no_blob_even_when_its_digest_is_right() {
    let server = TestRegistry::new().start();
    let client = server.client();
    let content = noise(4, 5_000);
    let mut upload = client.start_upload("a/b");
    let digest = Digest::sha256(&content);
    let mut bytes = upload.completing(&digest).announcing(content.len() + 1);
    bytes.extend(&content);
    send_and_leave(&server, &upload, &bytes, content.len());
    assert_eq!(upload.offset(), content.len() as u64);
    expect_no_blob(&server, &client, &content);
    upload.complete(&digest).expect(201);
}

#[test]
fn a_body_in_chunks_without_its_end_is_no_blob() {
    let server = TestRegistry::new().start();
    let client = server.client();
    let content = noise(5, 40_000);
    let whole = Digest::sha256(&content);
    let started = Digest::sha256(&content[..20_000]);
    for digest in [&whole, &started] {
        let mut upload = client.start_upload("a/b");
        let request = upload
            .completing(digest)
            .header("Transfer-Encoding", "chunked");
        let mut bytes = request.to_bytes();
        bytes.extend(chunk(&content[..20_000]));
        send_and_leave(&server, &upload, &bytes, 20_000);
        assert_eq!(upload.offset(), 20_000);
        expect_no_blob(&server, &client, &content);
        expect_no_blob(&server, &client, &content[..20_000]);
    }
}

#[test]
fn a_blob_in_one_request_that_is_cut_off_leaves_nothing() {
    let server = TestRegistry::new().start();
    let client = server.client();
    let content = noise(6, 100_000);
    let digest = Digest::sha256(&content);
    let target = format!("/v2/a/b/blobs/uploads/?digest={digest}");
    let mut connection = client.connect();
    connection.write(&Request::post(&target).announcing(content.len()));
    connection.write(&content[..50_000]);
    wait::until("the upload to begin", || {
        let files = server.store().uploads();
        files
            .iter()
            .any(|file| file.ends_with("/data"))
            .then_some(())
    });
    drop(connection);
    wait::until("the upload to be cleared away", || {
        server.store().uploads().is_empty().then_some(())
    });
    expect_no_blob(&server, &client, &content);
    client
        .send(Request::post(&target).body(&content))
        .expect(201);
    client.pull_blob("a/b", &digest).expect(200);
}

#[test]
fn a_manifest_that_is_cut_off_changes_no_tag() {
    let server = TestRegistry::new().start();
    let client = server.client();
    let image = crate::image::Image::new(7);
    client.push_image("a/b", "v1", &image);
    let before = server.store().files();
    let other = crate::image::Image::new(9);
    for blob in &other.blobs {
        client.push_blob("a/b", blob);
    }
    let with_blobs = server.store().files();
    let request = Request::put("/v2/a/b/manifests/v1")
        .header("Content-Type", crate::image::MEDIA_TYPE)
        .announcing(other.manifest.len() + 1);
    let mut connection = client.connect();
    connection.write(&request);
    connection.write(&other.manifest);
    drop(connection);
    server.logged("response completed with error");
    client.expect_image("a/b", "v1", &image);
    assert_eq!(server.store().files(), with_blobs);
    assert_ne!(before, with_blobs);
}
