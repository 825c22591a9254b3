//! Manifests, tags and blobs deleted, or not.

use wharf_oci::{Algorithm, Digest};

use crate::{
    document::Document,
    test_registry::{TestRegistry, blob, manifest, sha256},
};

const ACCEPTED: [&str; 2] = ["202", "content-length: 0"];

#[tokio::test]
async fn a_manifest_deleted_by_digest_takes_its_tags_along() {
    let registry = TestRegistry::start();
    let (image, other) = (Document::oci_image("a"), Document::oci_image("b"));
    for tag in ["v1", "v1.0", "latest"] {
        registry.push_manifest("a", tag, &image).await;
    }
    registry.push_manifest("a", "other", &other).await;
    let path = manifest("a", image.digest().as_str());
    let deleted = registry.delete(&path).send().await;
    assert_eq!(deleted.head(), ACCEPTED);
    for reference in ["v1", "v1.0", "latest", image.digest().as_str()] {
        for method in ["GET", "HEAD"] {
            let answer = registry.ask(method, &manifest("a", reference)).send().await;
            answer.expect(404);
        }
    }
    assert_eq!(registry.tags("a").await, ["other"]);
    let layer = registry.pull_blob("a", &sha256("a layer")).await;
    layer.expect(200);
    registry.push_manifest("a", "v1", &image).await;
    let again = registry.pull_manifest("a", "v1").await.expect(200);
    assert_eq!(again.body, image.bytes);
}

#[tokio::test]
async fn a_tag_is_deleted_alone() {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    registry.push_manifest("a", "v1", &image).await;
    registry.push_manifest("a", "v2", &image).await;
    let deleted = registry.delete(&manifest("a", "v1")).send().await;
    assert_eq!(deleted.head(), ACCEPTED);
    let gone = registry.pull_manifest("a", "v1").await;
    assert_eq!(gone.expect(404).detail(), "unknown tag=v1");
    for reference in ["v2", image.digest().as_str()] {
        let there = registry.pull_manifest("a", reference).await;
        assert_eq!(there.expect(200).body, image.bytes);
    }
}

#[tokio::test]
async fn a_blob_is_deleted_from_one_repository() {
    let registry = TestRegistry::start();
    let digest = registry.push_blob("a", "content").await;
    registry.push_blob("b", "content").await;
    let deleted = registry.delete(&blob("a", &digest)).send().await;
    assert_eq!(deleted.head(), ACCEPTED);
    let again = registry.delete(&blob("a", &digest)).send().await;
    again.expect_error(404, "BLOB_UNKNOWN");
    let gone = registry.head(&blob("a", &digest)).send().await;
    gone.expect(404);
    registry.pull_blob("b", &digest).await.expect(200);
    registry.push_blob("a", "content").await;
    registry.pull_blob("a", &digest).await.expect(200);
}

#[tokio::test]
async fn content_of_another_algorithm_is_deleted_by_its_name() {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    registry.push_manifest("a", "v1", &image).await;
    let digest = Digest::of(Algorithm::Sha512, &image.bytes);
    let pushed = registry.put_manifest("a", digest.as_str(), &image).await;
    pushed.expect(201);
    let path = manifest("a", digest.as_str());
    registry.delete(&path).send().await.expect(202);
    registry.get(&path).send().await.expect(404);
    registry.pull_manifest("a", "v1").await.expect(200);

    let pushed = registry.push_blob_as(Algorithm::Sha512, "a", "content");
    let path = blob("a", &pushed.await);
    registry.delete(&path).send().await.expect(202);
    registry.get(&path).send().await.expect(404);
}

#[tokio::test]
async fn what_is_not_there_cannot_be_deleted() {
    let registry = TestRegistry::start();
    registry
        .push_manifest("a", "v1", &Document::oci_image("a"))
        .await;
    let digest = sha256("never pushed");
    for (path, code) in [
        (manifest("a", "v2"), "MANIFEST_UNKNOWN"),
        (manifest("a", digest.as_str()), "MANIFEST_UNKNOWN"),
        (manifest("a", ".v1"), "MANIFEST_UNKNOWN"),
        (manifest("nothing", "v1"), "MANIFEST_UNKNOWN"),
        (blob("a", &digest), "BLOB_UNKNOWN"),
        (blob("nothing", &digest), "BLOB_UNKNOWN"),
    ] {
        let answer = registry.delete(&path).send().await;
        answer.expect_error(404, code);
    }
}

#[tokio::test]
async fn while_deletion_is_off_the_answer_tells_how_to_switch_it_on() {
    let registry = TestRegistry::set_up().without_deletion().start();
    let image = Document::oci_image("a");
    registry.push_manifest("a", "v1", &image).await;
    let missing = sha256("never pushed");
    for path in [
        manifest("a", "v1"),
        manifest("a", image.digest().as_str()),
        blob("a", &sha256("a layer")),
        manifest("a", "v2"),
        manifest("a", missing.as_str()),
        blob("a", &missing),
    ] {
        let refused = registry.delete(&path).send().await.expect(405);
        assert_eq!(
            refused.text(),
            "{\"errors\":[{\"code\":\"UNSUPPORTED\",\"message\":\"The operation is unsupported.\",\
             \"detail\":\"deleting is switched off: set storage.delete.enabled to true, or \
             REGISTRY_STORAGE_DELETE_ENABLED=true\"}]}\n",
            "{path}"
        );
    }
    registry.pull_manifest("a", "v1").await.expect(200);
    let location = registry.begin_upload("a").await;
    registry.delete(&location).send().await.expect(204);
}
