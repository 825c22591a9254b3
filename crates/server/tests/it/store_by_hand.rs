//! Operators, and other registries, change the store while it is served.

use std::fs;

use wharf_oci::Digest;

use crate::image::Image;
use crate::request::Request;
use crate::test_registry::TestRegistry;

#[test]
fn a_repository_that_is_removed_by_hand_is_gone_at_once() {
    let server = TestRegistry::new()
        .with("storage.cache.blobdescriptor", "inmemory")
        .start();
    let (client, image) = (server.client(), Image::new(1));
    for name in ["team/app", "team/app/nested", "team/other"] {
        client.push_image(name, "v1", &image);
        client.expect_image(name, "v1", &image);
    }
    let store = server.store();
    fs::remove_dir_all(store.repository("team/other")).unwrap();
    assert_eq!(client.catalog(), ["team/app", "team/app/nested"]);
    let answer = client.get("/v2/team/other/tags/list").expect(404);
    assert_eq!(answer.code(), "NAME_UNKNOWN");
    client.pull_manifest("team/other", "v1").expect(404);
    let layer = Digest::sha256(&image.blobs[1]);
    client.pull_blob("team/other", &layer).expect(404);

    fs::remove_dir_all(store.repository("team/app").join("_manifests/tags/v1")).unwrap();
    client.pull_manifest("team/app", "v1").expect(404);
    fs::remove_dir_all(store.repository("team/app")).unwrap();
    assert_eq!(client.catalog(), Vec::<String>::new());

    // And it can be pushed again as if it had never been there.
    client.push_image("team/app", "v2", &image);
    assert_eq!(client.tags("team/app"), ["v2"]);
    client.expect_image("team/app", "v2", &image);
}

#[test]
fn a_whole_store_that_is_removed_by_hand_begins_anew() {
    let server = TestRegistry::new().start();
    let (client, image) = (server.client(), Image::new(2));
    client.push_image("a/b", "v1", &image);
    fs::remove_dir_all(server.store().root().join("docker")).unwrap();
    assert_eq!(client.catalog(), Vec::<String>::new());
    client.pull_manifest("a/b", "v1").expect(404);
    client.push_image("a/b", "v1", &image);
    client.expect_image("a/b", "v1", &image);
}

/// More likely a volume that is not mounted than a store that nobody wants.
#[test]
fn a_root_that_is_gone_is_an_error_and_not_an_empty_store() {
    let server = TestRegistry::new().start();
    let (client, image) = (server.client(), Image::new(2));
    let digest = client.push_image("a/b", "v1", &image);
    let root = server.store().root();
    let away = root.with_extension("away");
    fs::rename(&root, &away).unwrap();
    for path in [
        "/v2/_catalog".to_owned(),
        "/v2/a/b/tags/list".to_owned(),
        "/v2/a/b/manifests/v1".to_owned(),
        format!("/v2/a/b/manifests/{digest}"),
    ] {
        client.get(path).expect(500);
    }
    let begun = client.send(Request::post("/v2/a/b/blobs/uploads/"));
    begun.expect(500);
    assert!(!root.exists(), "the root is not made again");
    let line = server.logged("root folder");
    assert!(line.contains("is gone"), "{line}");

    fs::rename(&away, &root).unwrap();
    client.expect_image("a/b", "v1", &image);
}

#[test]
fn a_link_that_a_crash_emptied_counts_as_absent_and_a_push_repairs_it() {
    let server = TestRegistry::new().start();
    let (client, image) = (server.client(), Image::new(3));
    let digest = client.push_image("a/b", "v1", &image);
    client
        .push_manifest("a/b", "v2", &image.manifest)
        .expect(201);
    fs::write(server.store().tag("a/b", "v1"), "").unwrap();
    let answer = client.pull_manifest("a/b", "v1").expect(404);
    assert_eq!(answer.code(), "MANIFEST_UNKNOWN");
    assert_eq!(client.tags("a/b"), ["v2"]);
    client.expect_image("a/b", "v2", &image);
    let line = server.logged("link does not hold a digest");
    assert!(line.contains("level=warning"), "{line}");
    client
        .push_manifest("a/b", "v1", &image.manifest)
        .expect(201);
    client.expect_image("a/b", "v1", &image);

    // The links of the manifest and of its layers, which a push finds by asking for them.
    let repository = server.store().repository("a/b");
    let manifest = format!("_manifests/revisions/sha256/{}/link", digest.hex());
    let layers = image.blobs.iter().map(|blob| {
        let digest = Digest::sha256(blob);
        format!("_layers/sha256/{}/link", digest.hex())
    });
    for link in layers.chain([manifest]) {
        fs::write(repository.join(&link), "sha256:").unwrap();
    }
    client.pull_manifest("a/b", "v1").expect(404);
    for blob in &image.blobs {
        let target = format!("/v2/a/b/blobs/{}", Digest::sha256(blob));
        client.send(Request::head(target)).expect(404);
    }
    client.push_image("a/b", "v1", &image);
    client.expect_image("a/b", "v1", &image);
    client.expect_image("a/b", "v2", &image);
}

#[test]
fn content_that_is_missing_is_not_served_as_something_else() {
    let server = TestRegistry::new()
        .with("storage.cache.blobdescriptor", "inmemory")
        .start();
    let (client, image) = (server.client(), Image::new(4));
    let digest = client.push_image("a/b", "v1", &image);
    client.expect_image("a/b", "v1", &image);
    let layer = Digest::sha256(&image.blobs[1]);
    fs::remove_file(server.store().blob(&layer)).unwrap();
    client.pull_blob("a/b", &layer).expect(404);
    // A push that asks first is told to send it.
    let target = format!("/v2/a/b/blobs/{layer}");
    client.send(Request::head(target)).expect(404);
    client
        .push_manifest("a/b", "v2", &image.manifest)
        .expect(400);
    client.push_blob("a/b", &image.blobs[1]);
    client
        .push_manifest("a/b", "v2", &image.manifest)
        .expect(201);

    fs::remove_file(server.store().blob(&digest)).unwrap();
    client.pull_manifest("a/b", "v1").expect(404);
    client
        .push_manifest("a/b", "v1", &image.manifest)
        .expect(201);
    client.expect_image("a/b", "v1", &image);
}
