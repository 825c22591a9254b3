//! Blobs: served whole, with their headers, to the repositories that have them.

use wharf_oci::{Algorithm, Digest};

use crate::{
    document::Document,
    test_registry::{TestRegistry, blob, sha256},
};

#[tokio::test]
async fn a_blob_comes_back_byte_for_byte() {
    let registry = TestRegistry::start();
    let digest = registry.push_blob("a/b", "content").await;
    let expected = [
        "200".to_owned(),
        "accept-ranges: bytes".to_owned(),
        "cache-control: max-age=31536000".to_owned(),
        "content-length: 7".to_owned(),
        "content-type: application/octet-stream".to_owned(),
        format!("docker-content-digest: {digest}"),
        format!("etag: \"{digest}\""),
    ];
    let get = registry.pull_blob("a/b", &digest).await;
    assert_eq!((get.head(), get.text()), (expected.to_vec(), "content"));
    let head = registry.head(&blob("a/b", &digest)).send().await;
    assert_eq!((head.head(), head.text()), (expected.to_vec(), ""));
}

#[tokio::test]
async fn the_length_of_an_empty_blob_is_told_too() {
    let registry = TestRegistry::start();
    let digest = registry.push_blob("a", "").await;
    for method in ["GET", "HEAD"] {
        let answer = registry.ask(method, &blob("a", &digest)).send().await;
        let answer = answer.expect(200);
        assert_eq!(answer.header("content-length"), Some("0"), "{method}");
        assert_eq!(answer.digest(), digest.as_str(), "{method}");
    }
}

#[tokio::test]
async fn a_large_blob_arrives_whole() {
    let registry = TestRegistry::start();
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 7) as u8).collect();
    let digest = registry.push_blob("a", content.clone()).await;
    let pulled = registry.pull_blob("a", &digest).await.expect(200);
    assert!(pulled.body == content, "{} bytes", pulled.body.len());
}

#[tokio::test]
async fn an_unknown_blob_is_named() {
    let registry = TestRegistry::start();
    let digest = sha256("never pushed");
    let answer = registry.pull_blob("a", &digest).await.expect(404);
    let expected = format!(
        "{{\"errors\":[{{\"code\":\"BLOB_UNKNOWN\",\"message\":\"blob unknown to registry\",\
         \"detail\":\"{digest}\"}}]}}\n"
    );
    assert_eq!(answer.text(), expected);
    let head = registry.head(&blob("a", &digest)).send().await.expect(404);
    let length = expected.len().to_string();
    assert_eq!(head.header("content-length"), Some(length.as_str()));
    assert_eq!(head.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_blob_belongs_to_the_repositories_that_have_it() {
    let registry = TestRegistry::start();
    let digest = registry.push_blob("private", "secret").await;
    for name in ["public", "private/b", "priv"] {
        for method in ["GET", "HEAD", "DELETE"] {
            let answer = registry.ask(method, &blob(name, &digest)).send().await;
            answer.expect(404);
        }
    }
    let image = Document::oci_image("a");
    registry.push_manifest("private", "v1", &image).await;
    let digest = image.digest();
    let answer = registry.pull_manifest("public", digest.as_str()).await;
    answer.expect_error(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn a_blob_is_named_as_it_was_asked_for() {
    let registry = TestRegistry::start();
    for algorithm in [Algorithm::Sha384, Algorithm::Sha512] {
        let content = format!("content {algorithm}");
        let pushed = registry.push_blob_as(algorithm, "a", content.clone()).await;
        for digest in [pushed, sha256(&content)] {
            let answer = registry.pull_blob("a", &digest).await.expect(200);
            let etag = format!("\"{digest}\"");
            assert_eq!(answer.text(), content);
            assert_eq!(answer.digest(), digest.as_str());
            assert_eq!(answer.header("etag"), Some(etag.as_str()));
        }
        let other = Digest::of(Algorithm::Sha512, b"other");
        registry.pull_blob("a", &other).await.expect(404);
    }
}

#[tokio::test]
async fn a_manifest_and_a_blob_are_not_the_same_thing() {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    registry.push_manifest("a", "v1", &image).await;
    let as_blob = registry.pull_blob("a", &image.digest()).await;
    as_blob.expect_error(404, "BLOB_UNKNOWN");
    let layer = sha256("a layer");
    let as_manifest = registry.pull_manifest("a", layer.as_str()).await;
    as_manifest.expect_error(404, "MANIFEST_UNKNOWN");
}
