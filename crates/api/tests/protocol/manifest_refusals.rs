//! Manifests that are refused, and what the refusal says.

use serde_json::{Value, json};
use wharf_oci::{Algorithm, Digest, MediaType};

use crate::{
    document::Document,
    test_registry::{TestRegistry, manifest, sha256},
};

/// A registry with the parts of this image, which can be changed without missing any.
async fn with_parts_of(image: &Document) -> TestRegistry {
    let registry = TestRegistry::start();
    registry.push_manifest("a", "v1", image).await;
    registry
}

#[tokio::test]
async fn every_missing_part_is_named() {
    let registry = TestRegistry::start();
    for image in [Document::docker_image("a"), Document::oci_image("a")] {
        let refused = registry.put_manifest("a", "v1", &image).await.expect(400);
        let expected = format!(
            "{{\"errors\":[{{\"code\":\"MANIFEST_BLOB_UNKNOWN\",\
             \"message\":\"blob unknown to registry\",\"detail\":\"{}\"}},\
             {{\"code\":\"MANIFEST_BLOB_UNKNOWN\",\
             \"message\":\"blob unknown to registry\",\"detail\":\"{}\"}}]}}\n",
            sha256("a config"),
            sha256("a layer"),
        );
        assert_eq!(refused.text(), expected);
    }
    registry.push_blob("a", "a config").await;
    let image = Document::oci_image("a");
    let refused = registry.put_manifest("a", "v1", &image).await;
    let refused = refused.expect_error(400, "MANIFEST_BLOB_UNKNOWN");
    assert_eq!(refused.detail(), sha256("a layer").as_str());
    assert_eq!(refused.json()["errors"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn every_missing_child_is_named() {
    let registry = TestRegistry::start();
    let (one, two) = (Document::oci_image("one"), Document::oci_image("two"));
    registry.push_manifest("a", "one", &one).await;
    let children = [("linux/amd64", &one), ("linux/arm64", &two)];
    for index in [
        Document::oci_index(&children),
        Document::docker_list(&children),
    ] {
        let refused = registry.put_manifest("a", "v1", &index).await;
        let refused = refused.expect_error(400, "MANIFEST_BLOB_UNKNOWN");
        assert_eq!(refused.detail(), two.digest().as_str());
        assert_eq!(refused.json()["errors"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn parts_of_another_repository_do_not_count() {
    let image = Document::oci_image("a");
    let registry = with_parts_of(&image).await;
    let refused = registry.put_manifest("b", "v1", &image).await;
    refused.expect_error(400, "MANIFEST_BLOB_UNKNOWN");
    let index = Document::oci_index(&[("linux/amd64", &image)]);
    let refused = registry.put_manifest("b", "v1", &index).await;
    refused.expect_error(400, "MANIFEST_BLOB_UNKNOWN");
}

#[tokio::test]
async fn a_layer_that_is_only_called_foreign_must_be_there() {
    let image = Document::oci_image("a");
    let registry = with_parts_of(&image).await;
    let layer = |urls: Value| {
        json!([{
            "mediaType": MediaType::OCI_NON_DISTRIBUTABLE_LAYER_GZIP,
            "digest": sha256("never pushed"),
            "size": 12,
            "urls": urls,
        }])
    };
    let homeless = image.clone().with("layers", layer(json!([])));
    let refused = registry.put_manifest("a", "v2", &homeless).await;
    refused.expect_error(400, "MANIFEST_BLOB_UNKNOWN");
    let strange = image.with("layers", layer(json!(["ftp://example.com/layer"])));
    let refused = registry.put_manifest("a", "v2", &strange).await;
    let refused = refused.expect_error(400, "MANIFEST_INVALID");
    let detail = format!(
        "layer {} has the URL \"ftp://example.com/layer\", which validation.manifests.urls does \
         not allow",
        sha256("never pushed")
    );
    assert_eq!(refused.detail(), detail);
}

#[tokio::test]
async fn a_document_that_is_not_a_manifest_is_refused_with_the_reason() {
    let image = Document::oci_image("a");
    let registry = with_parts_of(&image).await;
    let index = Document::oci_index(&[("linux/amd64", &image)]);
    let other = MediaType::DOCKER_MANIFEST;
    let text = |text: &str| Document::from_text(MediaType::OCI_MANIFEST, text.to_owned());
    let typed =
        |media_type, document: &Document| Document::from_text(media_type, document.bytes.clone());
    for (document, detail) in [
        (
            text(""),
            "manifest is not the JSON document it should be: EOF while parsing a value at line 1 \
             column 0",
        ),
        (
            text("{\"schemaVersion\":2"),
            "manifest is not the JSON document it should be: EOF while parsing an object at line \
             1 column 18",
        ),
        (
            image.clone().with("schemaVersion", json!(1)),
            "manifests of schema version 1 are no longer accepted, push a schema 2 or OCI manifest",
        ),
        (
            image.clone().with("schemaVersion", json!(3)),
            "schemaVersion must be 2, found 3",
        ),
        (
            image.clone().with("schemaVersion", json!("2")),
            "schemaVersion must be 2, found \"2\"",
        ),
        (
            image.clone().with("schemaVersion", Value::Null),
            "schemaVersion must be 2, found none",
        ),
        (
            image.clone().with("mediaType", json!(other)),
            "mediaType in the manifest should be 'application/vnd.oci.image.manifest.v1+json' \
             like the content type, not \
             \"application/vnd.docker.distribution.manifest.v2+json\"",
        ),
        (
            image
                .clone()
                .with("mediaType", Value::Null)
                .with("manifests", json!([])),
            "expected manifest but found index: the document has 'manifests'",
        ),
        (
            index.clone().with("layers", json!([])),
            "expected index but found manifest: the document has 'config' or 'layers'",
        ),
        (
            image.clone().with("config", Value::Null),
            "config is missing in the manifest",
        ),
        (
            image
                .clone()
                .with("config", json!({"mediaType": "a/b", "size": 2})),
            "config.digest: is missing",
        ),
        (
            image
                .clone()
                .with("layers", json!([{"digest": "sha256:abc", "size": 2}])),
            "layers[0].digest: invalid checksum digest length: sha256 has 64 hex digits, found 3: \
             \"sha256:abc\"",
        ),
        (
            image
                .clone()
                .with("layers", json!([{"digest": sha256(""), "size": -1}])),
            "layers[0].size: must be a size in bytes: -1",
        ),
        (
            image
                .clone()
                .with("subject", json!({"digest": "x", "size": 1})),
            "subject.digest: invalid checksum digest format: \"x\"",
        ),
        (
            typed(MediaType::JSON, &image),
            "unsupported manifest media type \"application/json\", expected a Docker schema 2 or \
             OCI manifest, list or index",
        ),
        (
            typed(MediaType::DOCKER_SCHEMA1_SIGNED, &image),
            "manifests of schema version 1 are no longer accepted, push a schema 2 or OCI manifest",
        ),
    ] {
        let refused = registry.put_manifest("a", "bad", &document).await;
        let refused = refused.expect_error(400, "MANIFEST_INVALID");
        assert_eq!(refused.detail(), detail);
    }
    assert_eq!(registry.tags("a").await, ["v1"]);
}

#[tokio::test]
async fn a_document_without_a_content_type_is_looked_at_as_closely() {
    let image = Document::oci_image("a");
    let registry = with_parts_of(&image).await;
    for layers in [
        json!([{"digest": sha256("a layer")}]),
        json!([{"digest": sha256("a layer"), "size": -1}]),
    ] {
        let document = image.clone().with("layers", layers);
        let put = registry.put(&manifest("a", "bad")).body(document.bytes);
        put.send().await.expect_error(400, "MANIFEST_INVALID");
    }
    let docker = Document::docker_image("a").with("mediaType", Value::Null);
    let put = registry.put(&manifest("a", "told")).body(docker.bytes);
    put.send().await.expect(201);
    let told = registry.pull_manifest("a", "told").await.expect(200);
    let media_type = told.header("content-type");
    assert_eq!(
        media_type,
        Some("application/vnd.oci.image.manifest.v1+json")
    );
}

#[tokio::test]
async fn a_content_type_that_cannot_be_read_is_refused() {
    let image = Document::oci_image("a");
    let registry = with_parts_of(&image).await;
    for content_type in ["nonsense", "application/", "a/b/c", "*/*"] {
        let ask = registry.put(&manifest("a", "bad"));
        let ask = ask.header("content-type", content_type);
        let refused = ask.body(image.bytes.clone()).send().await;
        let refused = refused.expect_error(400, "MANIFEST_INVALID");
        let detail = format!("the Content-Type {content_type:?} is malformed");
        assert_eq!(refused.detail(), detail);
    }
}

#[tokio::test]
async fn a_digest_in_the_path_must_be_that_of_the_bytes() {
    let image = Document::oci_image("a");
    let registry = with_parts_of(&image).await;
    for expected in [
        sha256("something else"),
        Digest::of(Algorithm::Sha512, b"something else"),
    ] {
        let actual = Digest::of(expected.algorithm(), &image.bytes);
        let refused = registry.put_manifest("a", expected.as_str(), &image).await;
        let refused = refused.expect_error(400, "DIGEST_INVALID");
        let detail = format!("the manifest has the digest {actual}, not {expected}");
        assert_eq!(refused.detail(), detail);
        let gone = registry.pull_manifest("a", expected.as_str()).await;
        gone.expect_error(404, "MANIFEST_UNKNOWN");
    }
}

#[tokio::test]
async fn a_manifest_whose_connection_breaks_is_not_stored() {
    let image = Document::oci_image("a");
    let registry = with_parts_of(&image).await;
    let before = registry.files().await;
    let ask = registry.put(&manifest("a", "v2"));
    let ask = ask.header("content-type", image.media_type.as_str());
    let refused = ask.cut_off_after("{\"schemaVersion\":2}").send().await;
    refused.expect_error(400, "SIZE_INVALID");
    assert_eq!(registry.files().await, before);
}

#[tokio::test]
async fn a_refused_manifest_leaves_nothing_behind() {
    let image = Document::oci_image("a");
    let registry = with_parts_of(&image).await;
    let before = registry.files().await;
    let missing = Document::oci_image("missing");
    for reference in ["v1", "v2", missing.digest().as_str(), sha256("").as_str()] {
        let refused = registry.put_manifest("a", reference, &missing).await;
        refused.expect(400);
    }
    assert_eq!(registry.files().await, before);
    let still = registry.pull_manifest("a", "v1").await.expect(200);
    assert_eq!(still.body, image.bytes);
}
