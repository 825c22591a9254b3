//! Manifests that are pushed and accepted.

use bytes::Bytes;
use serde_json::{Value, json};
use wharf_oci::{Algorithm, Digest, MediaType};

use crate::{
    document::{Document, descriptor},
    test_registry::{TestRegistry, manifest, sha256},
};

#[tokio::test]
async fn a_manifest_comes_back_byte_for_byte_by_tag_and_by_digest() {
    let registry = TestRegistry::start();
    for document in Document::of_every_type() {
        let digest = document.digest();
        for reference in ["v1", digest.as_str()] {
            registry.push_manifest("a/b", reference, &document).await;
            let pushed = registry.put_manifest("a/b", reference, &document).await;
            let path = manifest("a/b", digest.as_str());
            let expected = [
                "201".to_owned(),
                "content-length: 0".to_owned(),
                format!("docker-content-digest: {digest}"),
                format!("location: http://registry.test{path}"),
            ];
            assert_eq!(pushed.head(), expected, "{}", document.media_type);
            assert_eq!(pushed.location(), path);
            for reference in [reference, digest.as_str()] {
                let pulled = registry.pull_manifest("a/b", reference).await;
                assert_eq!(pulled.expect(200).body, document.bytes, "{reference}");
            }
        }
    }
}

#[tokio::test]
async fn bytes_are_kept_as_they_were_sent() {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    registry.push_manifest("a", "v1", &image).await;
    let indented = serde_json::to_string_pretty(&image.json()).unwrap();
    let odd = format!("\n {indented}\r\n\t ").replace("\"layers\"", "\"l\\u0061yers\"");
    let odd = Document::from_text(MediaType::OCI_MANIFEST, odd);
    let pushed = registry.put_manifest("a", "odd", &odd).await.expect(201);
    assert_eq!(pushed.digest(), odd.digest().as_str());
    let pulled = registry.pull_manifest("a", "odd").await.expect(200);
    assert_eq!(pulled.body, odd.bytes);
}

#[tokio::test]
async fn a_manifest_is_named_by_the_algorithm_it_was_pushed_by() {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    registry.push_manifest("a", "v1", &image).await;
    let digest = Digest::of(Algorithm::Sha512, &image.bytes);
    let pushed = registry.put_manifest("a", digest.as_str(), &image).await;
    let pushed = pushed.expect(201);
    assert_eq!(pushed.digest(), digest.as_str());
    assert_eq!(pushed.location(), manifest("a", digest.as_str()));
    let pulled = registry
        .pull_manifest("a", digest.as_str())
        .await
        .expect(200);
    assert_eq!(pulled.digest(), digest.as_str());
    assert_eq!(pulled.body, image.bytes);
    let by_tag = registry.pull_manifest("a", "v1").await.expect(200);
    assert_eq!(by_tag.digest(), image.digest().as_str());
}

#[tokio::test]
async fn a_manifest_may_arrive_without_a_length() {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    registry.push_manifest("a", "v1", &image).await;
    let (first, last) = (image.bytes.slice(..20), image.bytes.slice(20..));
    let ask = registry.put(&manifest("a", "streamed"));
    let ask = ask.header("content-type", image.media_type.as_str());
    ask.streamed([first, last]).send().await.expect(201);
    let pulled = registry.pull_manifest("a", "streamed").await.expect(200);
    assert_eq!(pulled.body, image.bytes);
}

#[tokio::test]
async fn a_content_type_may_have_parameters_and_is_served_without() {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    registry.push_manifest("a", "v1", &image).await;
    let media_type = &image.media_type;
    for content_type in [
        format!("{media_type}; charset=utf-8"),
        format!(" {media_type} ;a=\"b\""),
        media_type.as_str().to_uppercase(),
        String::new(),
    ] {
        let ask = registry.put(&manifest("a", "v2"));
        let ask = ask.header("content-type", &content_type);
        ask.body(image.bytes.clone()).send().await.expect(201);
        let pulled = registry.pull_manifest("a", "v2").await.expect(200);
        assert_eq!(pulled.header("content-type"), Some(media_type.as_str()));
    }
}

#[tokio::test]
async fn without_a_content_type_the_document_speaks_for_itself() {
    let registry = TestRegistry::start();
    for document in Document::of_every_type() {
        registry.push_manifest("a", "v1", &document).await;
        let ask = registry.put(&manifest("a", "v2"));
        ask.body(document.bytes.clone()).send().await.expect(201);
        let pulled = registry.pull_manifest("a", "v2").await.expect(200);
        let media_type = pulled.header("content-type");
        assert_eq!(media_type, Some(document.media_type.as_str()));
    }
}

#[tokio::test]
async fn a_document_need_not_say_its_type_unless_it_is_dockers() {
    let registry = TestRegistry::start();
    for document in Document::of_every_type() {
        registry.push_manifest("a", "v1", &document).await;
        for nothing in [Value::Null, json!("")] {
            let silent = document.clone().with("mediaType", nothing);
            let pushed = registry.put_manifest("a", "silent", &silent).await;
            if silent.media_type.is_docker_manifest() {
                pushed.expect_error(400, "MANIFEST_INVALID");
            } else {
                pushed.expect(201);
                let pulled = registry.pull_manifest("a", "silent").await.expect(200);
                let media_type = pulled.header("content-type");
                assert_eq!(media_type, Some(silent.media_type.as_str()));
            }
        }
    }
}

#[tokio::test]
async fn every_variant_of_the_specification_is_taken() {
    let registry = TestRegistry::start();
    let empty = descriptor(&MediaType::OCI_EMPTY, "{}");
    registry.push_blob("a", "{}").await;
    let image = Document::oci_image("a");
    registry.push_manifest("a", "image", &image).await;
    let index = Document::oci_index(&[("linux/amd64", &image)]);
    registry.push_manifest("a", "index", &index).await;
    let foreign = json!({
        "mediaType": MediaType::DOCKER_FOREIGN_LAYER,
        "digest": sha256("never pushed"),
        "size": 12,
        "urls": ["https://example.com/layer"],
    });
    let nested = json!([{
        "mediaType": MediaType::OCI_INDEX,
        "digest": index.digest(),
        "size": index.bytes.len(),
    }]);
    let mut with_data = empty.clone();
    with_data["data"] = json!("e30=");
    let missing = descriptor(&MediaType::OCI_MANIFEST, "not pushed yet");
    let subject = json!({
        "mediaType": MediaType::OCI_MANIFEST,
        "digest": Digest::of(Algorithm::Sha512, b"not pushed yet"),
        "size": 14,
    });
    // BuildKit keeps its cache as an index of layers.
    let cache = json!([descriptor(&MediaType::OCI_LAYER_GZIP, "a layer")]);
    for (what, document) in [
        ("no layers", image.clone().with("layers", json!([]))),
        ("layers of Go", image.clone().with("layers", Value::Null)),
        (
            "foreign layers",
            image.clone().with("layers", json!([foreign])),
        ),
        (
            "an artifact",
            image.clone().with("artifactType", json!("application/x")),
        ),
        ("data", image.clone().with("config", with_data)),
        (
            "any config",
            image
                .clone()
                .with("config", descriptor(&MediaType::JSON, "{}")),
        ),
        ("a missing subject", image.clone().with("subject", missing)),
        (
            "a subject by sha512",
            image.clone().with("subject", subject),
        ),
        (
            "annotations",
            image
                .clone()
                .with("annotations", json!({"a": "", "b": "<&>"})),
        ),
        (
            "unknown fields",
            image.clone().with("org.example", json!([1, {"a": null}])),
        ),
        ("an index of layers", index.clone().with("manifests", cache)),
        ("an empty index", index.clone().with("manifests", json!([]))),
        (
            "an index of indexes",
            index.clone().with("manifests", nested),
        ),
    ] {
        let pushed = registry.put_manifest("a", "variant", &document).await;
        assert_eq!(pushed.status, 201, "{what}: {pushed:?}");
        let pulled = registry.pull_manifest("a", "variant").await.expect(200);
        assert_eq!(pulled.body, document.bytes, "{what}");
    }
}

#[tokio::test]
async fn pushing_to_a_tag_again_moves_it() {
    let registry = TestRegistry::start();
    let (old, new) = (Document::oci_image("old"), Document::docker_image("new"));
    registry.push_manifest("a", "latest", &old).await;
    registry.push_manifest("a", "latest", &new).await;
    let by_tag = registry.pull_manifest("a", "latest").await.expect(200);
    assert_eq!(by_tag.digest(), new.digest().as_str());
    let by_digest = registry.pull_manifest("a", old.digest().as_str()).await;
    assert_eq!(by_digest.expect(200).body, old.bytes);
}

#[tokio::test]
async fn four_mebibytes_are_taken_and_one_byte_more_is_not() {
    const LIMIT: usize = 4 * 1024 * 1024;
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    registry.push_manifest("a", "v1", &image).await;
    for streamed in [false, true] {
        for (size, status) in [(LIMIT, 201), (LIMIT + 1, 413)] {
            let mut padded = image.bytes.to_vec();
            padded.resize(size, b' ');
            let padded = Bytes::from(padded);
            let ask = registry.put(&manifest("a", "large"));
            let ask = ask.header("content-type", image.media_type.as_str());
            let ask = if streamed {
                let pieces: Vec<_> = padded.chunks(60_000).map(Bytes::copy_from_slice).collect();
                ask.streamed(pieces)
            } else {
                ask.body(padded.clone())
            };
            let pushed = ask.send().await.expect(status);
            if status == 201 {
                let pulled = registry.pull_manifest("a", "large").await.expect(200);
                assert!(pulled.body == padded, "{} bytes", pulled.body.len());
            } else {
                let refused = pushed.expect_error(413, "MANIFEST_INVALID");
                let detail = "the manifest is larger than 4194304 bytes";
                assert_eq!(refused.detail(), detail);
            }
        }
    }
}
