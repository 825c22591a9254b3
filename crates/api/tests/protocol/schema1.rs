//! Images for clients that know only schema 1, where the conversion is switched on.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde_json::{Value, json};
use wharf_oci::{Digest, MediaType};
use wharf_storage::{StorageDriver, StoragePath, Sync, inmemory::InMemory};

use crate::{
    answer::Answer,
    document::Document,
    test_registry::{TestRegistry, blob, manifest},
};

const S1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
const S1_PLAIN: &str = "application/vnd.docker.distribution.manifest.v1+json";
const S2: &str = "application/vnd.docker.distribution.manifest.v2+json";
const ML: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An image that 2.8.2 was asked for, and the digest that it told.
fn image() -> Document {
    let config = include_str!("../../src/schema1/golden/linux.config.json");
    Document::docker_image_of(config, &["first layer", "second layer"])
}
const CONVERTED: &str = "sha256:ecd3f09869d37a47f2e2878e8d55ce13107997e0b26b9a4d4a80882732b9ac14";
/// The layer of its steps that changed no files.
const EMPTY_LAYER: &str = "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4";

/// A registry with the image, a list of it, and OCI's kinds, each under a tag of its own.
async fn registry() -> TestRegistry {
    let registry = TestRegistry::set_up().with_schema1().start();
    let list = Document::docker_list(&[
        ("linux/arm64", &Document::docker_image("arm")),
        ("linux/amd64", &image()),
    ]);
    let foreign = Document::docker_list(&[("linux/arm64", &image())]);
    let oci = Document::oci_image("oci");
    for (tag, document) in [
        ("v1.0", &image()),
        ("list", &list),
        ("foreign", &foreign),
        ("oci", &oci),
        (
            "list-of-oci",
            &Document::docker_list(&[("linux/amd64", &oci)]),
        ),
        ("index", &Document::oci_index(&[("linux/amd64", &oci)])),
    ] {
        registry.push_manifest("team/app", tag, document).await;
    }
    registry
}

/// What came without its signature, which changes each time.
fn payload(answer: &Answer) -> Vec<u8> {
    let document: Value = serde_json::from_slice(&answer.body).unwrap();
    let protected = document["signatures"][0]["protected"].as_str().unwrap();
    let protected = URL_SAFE_NO_PAD.decode(protected).unwrap();
    let protected: Value = serde_json::from_slice(&protected).unwrap();
    let length = usize::try_from(protected["formatLength"].as_u64().unwrap()).unwrap();
    let tail = protected["formatTail"].as_str().unwrap();
    let tail = URL_SAFE_NO_PAD.decode(tail).unwrap();
    [&answer.body[..length], &tail].concat()
}

#[tokio::test]
async fn an_image_is_converted_for_clients_that_know_nothing_else() {
    let registry = registry().await;
    let no_oci = "OCI manifest found, but accept header does not support OCI manifests";
    let no_index = "OCI index found, but accept header does not support OCI indexes";
    let no_s2 = "Schema 2 manifest not supported by client";
    for (tag, accept, expected) in [
        ("v1.0", &[][..], S1),
        ("v1.0", &[""], S1),
        ("v1.0", &[S1], S1),
        ("v1.0", &[S1_PLAIN], S1),
        ("v1.0", &[S1, "application/json"], S1),
        ("v1.0", &[S1, OCI, ML], S1),
        ("v1.0", &["*/*"], S2),
        ("v1.0", &[S1, "*/*;q=0.1"], S2),
        ("v1.0", &[S1, "application/*"], S2),
        ("v1.0", &[S2], S2),
        ("v1.0", &[S1, S2], S2),
        ("v1.0", &["application/json"], S2),
        ("list", &[], S1),
        ("list", &[S1], S1),
        ("list", &[S1, OCI], S1),
        ("list", &[S1, S2], S2),
        ("list", &[S1, ML], ML),
        ("list", &["*/*"], ML),
        ("list", &[OCI], no_s2),
        ("foreign", &[], "manifest unknown"),
        ("foreign", &[S1], "manifest unknown"),
        ("oci", &[], no_oci),
        ("oci", &[S1], no_oci),
        ("oci", &["*/*"], OCI),
        ("list-of-oci", &[], OCI),
        ("list-of-oci", &[S1], OCI),
        ("index", &[], no_index),
        ("index", &[S1], no_index),
        ("index", &[S1, S2], INDEX),
        ("index", &["*/*"], INDEX),
    ] {
        let path = manifest("team/app", tag);
        let get = registry.get(&path).accept(accept).send().await;
        let head = registry.head(&path).accept(accept).send().await;
        assert_eq!(head.head(), get.head(), "{tag} {accept:?}");
        match get.header("content-type") {
            Some("application/json") => {
                let message = &get.json()["errors"][0]["message"];
                assert_eq!(*message, expected, "{tag} {accept:?}");
            }
            media_type => assert_eq!(media_type, Some(expected), "{tag} {accept:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_converted_goes_by_the_digest_that_2_8_tells() {
    let registry = registry().await;
    let answer = registry.pull_manifest("team/app", "v1.0").await.expect(200);
    let length = answer.body.len();
    let expected = [
        "200".to_owned(),
        format!("content-length: {length}"),
        format!("content-type: {S1}"),
        format!("docker-content-digest: {CONVERTED}"),
        format!("etag: \"{CONVERTED}\""),
    ];
    assert_eq!(answer.head(), expected);
    let expected = include_bytes!("../../src/schema1/golden/linux.payload.json");
    assert_eq!(payload(&answer), expected);

    // By another tag it is another document.
    let list = registry.pull_manifest("team/app", "list").await.expect(200);
    assert_eq!(list.digest(), Digest::sha256(&payload(&list)).as_str());
    let same = |document: Vec<u8>| String::from_utf8(document).unwrap();
    let renamed = same(payload(&list)).replace("\"tag\": \"list\"", "\"tag\": \"v1.0\"");
    assert_eq!(renamed, same(payload(&answer)));

    // It is stored nowhere.
    let by_digest = registry.pull_manifest("team/app", CONVERTED).await;
    by_digest.expect_error(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn by_digest_an_image_is_served_as_it_is_stored() {
    let registry = registry().await;
    let digest = image().digest();
    for accept in [&[][..], &[S1]] {
        let ask = registry.get(&manifest("team/app", digest.as_str()));
        let answer = ask.accept(accept).send().await.expect(200);
        assert_eq!(answer.header("content-type"), Some(S2));
        assert_eq!(answer.body, image().bytes);
    }
}

#[tokio::test]
async fn the_empty_layer_is_put_into_the_repository() {
    let registry = registry().await;
    let empty = EMPTY_LAYER.parse().unwrap();
    let head = registry.head(&blob("team/app", &empty));
    head.send().await.expect(404);
    for _ in 0..2 {
        registry.pull_manifest("team/app", "v1.0").await.expect(200);
        let layer = registry.pull_blob("team/app", &empty).await.expect(200);
        assert_eq!(Digest::sha256(&layer.body), empty);
    }
    assert_eq!(registry.upload_files().await, Vec::<String>::new());

    registry.push_manifest("other", "v1.0", &image()).await;
    let before = registry.files().await;
    let read_only = registry.again().with_schema1().read_only().start();
    let answer = read_only.pull_manifest("other", "v1.0").await.expect(200);
    assert_eq!(answer.header("content-type"), Some(S1));
    assert_eq!(registry.files().await, before);
}

#[tokio::test]
async fn conditions_are_compared_with_both_digests() {
    let registry = registry().await;
    let stored = image().digest().to_string();
    let other = Digest::sha256(b"").to_string();
    for (header, digest, status) in [
        ("if-none-match", &*stored, 304),
        ("if-none-match", CONVERTED, 304),
        ("if-none-match", &*other, 200),
        ("if-match", &*stored, 200),
        ("if-match", CONVERTED, 200),
        ("if-match", &*other, 412),
    ] {
        let value = format!("\"{digest}\"");
        let ask = registry.get(&manifest("team/app", "v1.0"));
        let answer = ask.header(header, &value).send().await.expect(status);
        if status == 304 {
            assert_eq!(answer.header("etag"), Some(value.as_str()));
        }
    }
}

#[tokio::test]
async fn an_image_that_cannot_be_converted_says_why() {
    let registry = TestRegistry::set_up().with_schema1().start();
    let diff_ids = json!({"diff_ids": ["sha256:1"]});
    let config = json!({"rootfs": diff_ids}).to_string();
    for (config, detail) in [
        (
            "[]",
            "the image's config cannot be read: invalid type: sequence, expected an object at line 1 column 0",
        ),
        (config.as_str(), "the image's config has no history"),
    ] {
        let image = Document::docker_image_of(config, &["layer"]);
        registry.push_manifest("a", "v1", &image).await;
        let refused = registry.pull_manifest("a", "v1").await;
        let refused = refused.expect_error(400, "MANIFEST_INVALID");
        assert_eq!(refused.detail(), detail);
    }

    let digest = Digest::sha256(config.as_bytes());
    let deleted = registry.delete(&blob("a", &digest)).send().await;
    deleted.expect(202);
    let refused = registry.pull_manifest("a", "v1").await;
    let refused = refused.expect_error(400, "MANIFEST_INVALID");
    let detail = format!("the image's config {digest} is not in the repository");
    assert_eq!(refused.detail(), detail);

    let huge = format!("{{\"a\":\"{}\"}}", "a".repeat(4 * 1024 * 1024));
    let huge = Document::docker_image_of(&huge, &[]);
    registry.push_manifest("a", "huge", &huge).await;
    let refused = registry.pull_manifest("a", "huge").await;
    let refused = refused.expect_error(400, "MANIFEST_INVALID");
    let detail = "the image's config is of 4194312 bytes, which is too large to be read";
    assert_eq!(refused.detail(), detail);
}

/// A store with a document of schema 1 as 2.x stored it: what was signed, without the signature.
async fn stored_schema1(document: &Bytes) -> Arc<InMemory> {
    let driver = Arc::new(InMemory::new());
    let digest = Digest::sha256(document);
    let hex = digest.hex();
    let manifests = "repositories/a/_manifests";
    let link = Bytes::from(digest.to_string());
    for (path, content) in [
        (
            format!("blobs/sha256/{}/{hex}/data", &hex[..2]),
            document.clone(),
        ),
        (
            format!("{manifests}/revisions/sha256/{hex}/link"),
            link.clone(),
        ),
        (
            format!("{manifests}/tags/v1/index/sha256/{hex}/link"),
            link.clone(),
        ),
        (format!("{manifests}/tags/v1/current/link"), link),
    ] {
        let path = StoragePath::parse(&format!("/docker/registry/v2/{path}")).unwrap();
        driver
            .put_content(&path, content, Sync::Lazy)
            .await
            .unwrap();
    }
    driver
}

#[tokio::test]
async fn what_was_pushed_as_schema_1_is_signed_anew() {
    for document in [
        "{\n   \"schemaVersion\": 1,\n   \"name\": \"a\",\n   \"fsLayers\": []\n}",
        "{\"schemaVersion\":1,\"name\":\"a\",\"fsLayers\":[]}\n",
    ] {
        let document = Bytes::from(document);
        let digest = Digest::sha256(&document);
        let driver = stored_schema1(&document).await;
        let off = TestRegistry::set_up().on(driver.clone()).start();
        let on = TestRegistry::set_up().with_schema1().on(driver).start();
        for reference in ["v1", digest.as_str()] {
            for accept in [&[][..], &["*/*"], &[S1], &[S1_PLAIN], &[S2]] {
                let path = manifest("a", reference);
                let plain = off.get(&path).accept(accept).send().await.expect(200);
                assert_eq!(plain.header("content-type"), Some(S1_PLAIN));
                assert_eq!((plain.digest(), &plain.body), (digest.as_str(), &document));

                let signed = on.get(&path).accept(accept).send().await.expect(200);
                assert_eq!(signed.header("content-type"), Some(S1));
                assert_eq!(signed.digest(), digest.as_str());
                assert_eq!(payload(&signed), document);
                let head = on.head(&path).accept(accept).send().await;
                assert_eq!(head.head(), signed.head());
            }
        }
        let etag = format!("\"{digest}\"");
        let known = on.get(&manifest("a", "v1")).header("if-none-match", &etag);
        known.send().await.expect(304);
    }
}

#[tokio::test]
async fn pushing_schema_1_is_refused_all_the_same() {
    let registry = TestRegistry::set_up().with_schema1().start();
    let document =
        "{\"schemaVersion\":1,\"name\":\"a\",\"tag\":\"v1\",\"fsLayers\":[],\"history\":[]}";
    for media_type in [
        MediaType::DOCKER_SCHEMA1_SIGNED,
        MediaType::DOCKER_SCHEMA1,
        MediaType::DOCKER_MANIFEST,
    ] {
        let document = Document::from_text(media_type, document);
        let refused = registry.put_manifest("a", "v1", &document).await;
        let refused = refused.expect_error(400, "MANIFEST_INVALID");
        let detail =
            "manifests of schema version 1 are no longer accepted, push a schema 2 or OCI manifest";
        assert_eq!(refused.detail(), detail);
    }
}
