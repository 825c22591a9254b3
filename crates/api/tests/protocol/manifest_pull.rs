//! Manifests that are pulled: what is told of them, and which clients get what.

use serde_json::Value;
use wharf_oci::{Digest, MediaType};

use crate::{
    document::Document,
    test_registry::{TestRegistry, manifest, sha256},
};

const S2: &str = "application/vnd.docker.distribution.manifest.v2+json";
const ML: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// What clients send that knew only schema 1.
const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
const SCHEMA_1_PLAIN: &str = "application/vnd.docker.distribution.manifest.v1+json";

#[tokio::test]
async fn a_manifest_is_served_with_its_type_and_digest() {
    let registry = TestRegistry::start();
    for document in Document::of_every_type() {
        registry.push_manifest("a/b", "v1", &document).await;
        let digest = document.digest();
        let expected = [
            "200".to_owned(),
            format!("content-length: {}", document.bytes.len()),
            format!("content-type: {}", document.media_type),
            format!("docker-content-digest: {digest}"),
            format!("etag: \"{digest}\""),
        ];
        for reference in ["v1", digest.as_str()] {
            let get = registry.pull_manifest("a/b", reference).await;
            assert_eq!(get.head(), expected);
            let head = registry.head(&manifest("a/b", reference)).send().await;
            assert_eq!(head.head(), expected);
        }
    }
}

#[tokio::test]
async fn an_unknown_manifest_is_named() {
    let registry = TestRegistry::start();
    registry
        .push_manifest("a", "v1", &Document::oci_image("a"))
        .await;
    let digest = sha256("never pushed");
    for (name, reference, detail) in [
        ("a", "v2", "unknown tag=v2".to_owned()),
        ("nothing/here", "v1", "unknown tag=v1".to_owned()),
        (
            "a",
            digest.as_str(),
            format!("unknown manifest name=a revision={digest}"),
        ),
    ] {
        let answer = registry.pull_manifest(name, reference).await.expect(404);
        let expected = format!(
            "{{\"errors\":[{{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\",\
             \"detail\":\"{detail}\"}}]}}\n"
        );
        assert_eq!(answer.text(), expected);
        let head = registry.head(&manifest(name, reference)).send().await;
        let length = expected.len().to_string();
        assert_eq!(
            head.expect(404).header("content-length"),
            Some(length.as_str())
        );
    }
}

/// Pulls a manifest and tells what came: its type, or status and message of the error.
async fn pulled(registry: &TestRegistry, reference: &str, accept: &[&str]) -> String {
    let path = manifest("a", reference);
    let get = registry.get(&path).accept(accept).send().await;
    let head = registry.head(&path).accept(accept).send().await;
    assert_eq!(head.head(), get.head(), "{reference} {accept:?}");
    if get.status == 200 {
        let digest = Digest::sha256(&get.body);
        assert_eq!(get.digest(), digest.as_str(), "{reference} {accept:?}");
        return get.header("content-type").unwrap().to_owned();
    }
    let error = &get.json()["errors"][0];
    let texts = ["code", "message"].map(|field| error[field].as_str().unwrap());
    format!("{} {}", get.status.as_u16(), texts.join(" "))
}

#[tokio::test]
async fn each_client_gets_what_it_can_read() {
    let registry = TestRegistry::start();
    for document in Document::of_every_type() {
        let tag = tag_of(&document.media_type);
        registry.push_manifest("a", tag, &document).await;
    }
    let untyped = Document::oci_index(&[]).with("mediaType", Value::Null);
    registry.push_manifest("a", "untyped", &untyped).await;
    let no_oci = "404 MANIFEST_UNKNOWN OCI manifest found, but accept header does not support OCI \
                  manifests";
    let no_index = "404 MANIFEST_UNKNOWN OCI index found, but accept header does not support OCI \
                    indexes";
    let no_s2 = "400 MANIFEST_INVALID Schema 2 manifest not supported by client";
    let no_s1 = "404 MANIFEST_UNKNOWN schema 2 manifest found, but accept header supports only \
                 schema 1 manifests";
    for (tag, accept, expected) in [
        ("s2", &[][..], S2),
        ("s2", &["*/*"], S2),
        ("s2", &[S2], S2),
        ("s2", &[SCHEMA_1], no_s1),
        ("s2", &[SCHEMA_1_PLAIN, "application/json"], no_s1),
        ("s2", &[SCHEMA_1, "*/*"], S2),
        ("s2", &[SCHEMA_1, S2], S2),
        ("s2", &[SCHEMA_1, OCI], S2),
        ("s2", &["application/json"], S2),
        ("ml", &[], ML),
        ("ml", &["*/*"], ML),
        ("ml", &[ML], ML),
        ("ml", &[S2], S2),
        ("ml", &[S2, ML], ML),
        ("ml", &[SCHEMA_1], no_s1),
        ("ml", &[SCHEMA_1, ML], ML),
        ("ml", &[SCHEMA_1, S2], S2),
        ("ml", &[SCHEMA_1, OCI], no_s2),
        ("ml", &["application/json"], no_s2),
        ("oci", &[], OCI),
        ("oci", &["*/*"], OCI),
        ("oci", &["text/html, */*;q=0.1"], OCI),
        ("oci", &["application/*"], OCI),
        ("oci", &[OCI], OCI),
        (
            "oci",
            &["APPLICATION/vnd.oci.image.MANIFEST.v1+json;q=0.5"],
            OCI,
        ),
        ("oci", &[S2], no_oci),
        ("oci", &[INDEX, ML], no_oci),
        ("oci", &["application/json"], no_oci),
        ("oci", &[SCHEMA_1], no_oci),
        ("oci", &["nonsense"], no_oci),
        ("oci", &["text/*"], no_oci),
        ("index", &[], INDEX),
        ("index", &["*/*"], INDEX),
        ("index", &[INDEX], INDEX),
        ("index", &[S2], INDEX),
        ("index", &[OCI, S2], INDEX),
        ("index", &["application/json"], INDEX),
        ("index", &[SCHEMA_1], no_index),
        ("index", &[SCHEMA_1, S2], INDEX),
        ("untyped", &[SCHEMA_1], INDEX),
    ] {
        let served = pulled(&registry, tag, accept).await;
        assert_eq!(served, expected, "{tag} {accept:?}");
    }
}

#[tokio::test]
async fn by_digest_everything_but_an_oci_image_is_served_to_everybody() {
    let registry = TestRegistry::start();
    for document in Document::of_every_type() {
        registry.push_manifest("a", "v1", &document).await;
        let digest = document.digest();
        for accept in ["application/json", SCHEMA_1] {
            let served = pulled(&registry, digest.as_str(), &[accept]).await;
            match document.media_type.as_str() {
                OCI => assert!(served.starts_with("404 "), "{served}"),
                media_type => assert_eq!(served, media_type),
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_knows_only_schema_1_is_told_what_there_is() {
    let registry = TestRegistry::start();
    for document in Document::of_every_type() {
        let tag = tag_of(&document.media_type);
        registry.push_manifest("a", tag, &document).await;
    }
    let convert = "have it converted: set compatibility.schema1.enabled to true, or \
                   REGISTRY_COMPATIBILITY_SCHEMA1_ENABLED=true";
    for (tag, detail) in [
        (
            "s2",
            format!("the manifest is of type {S2}; name it in the Accept header, or {convert}"),
        ),
        (
            "ml",
            format!(
                "the manifest is of type {S2} in a list of type {ML}; name both in the Accept \
                 header, or {convert}"
            ),
        ),
        (
            "oci",
            format!("the manifest is of type {OCI}; name it in the Accept header"),
        ),
        (
            "index",
            format!("the manifest is of type {INDEX}; name it in the Accept header"),
        ),
    ] {
        let ask = registry.get(&manifest("a", tag)).accept(&[SCHEMA_1]);
        let refused = ask.send().await.expect_error(404, "MANIFEST_UNKNOWN");
        assert_eq!(refused.detail(), detail);
    }
}

#[tokio::test]
async fn all_lines_of_accept_count() {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    registry.push_manifest("a", "oci", &image).await;
    for accept in [
        &[INDEX, OCI][..],
        &[OCI, INDEX],
        &[S2, "application/json", OCI],
        &["text/html,application/vnd.oci.image.manifest.v1+json , text/plain"],
        &["nonsense", "*/*"],
    ] {
        assert_eq!(pulled(&registry, "oci", accept).await, OCI, "{accept:?}");
    }
}

#[tokio::test]
async fn a_client_without_lists_gets_the_first_image_for_linux_on_amd64() {
    let registry = TestRegistry::start();
    let images = ["arm", "first", "second"].map(Document::docker_image);
    let list = Document::docker_list(&[
        ("linux/arm64", &images[0]),
        ("linux/amd64", &images[1]),
        ("linux/amd64", &images[2]),
    ]);
    registry.push_manifest("a", "v1", &list).await;
    let ask = registry.get(&manifest("a", "v1")).accept(&[S2]);
    let served = ask.send().await.expect(200);
    assert_eq!(served.body, images[1].bytes);
    assert_eq!(served.digest(), images[1].digest().as_str());
    let etag = format!("\"{}\"", images[1].digest());
    assert_eq!(served.header("etag"), Some(etag.as_str()));

    let ask = registry.get(&manifest("a", "v1")).accept(&[S2]);
    let list_etag = format!("\"{}\"", list.digest());
    let known = ask.header("if-none-match", &list_etag).send().await;
    known.expect(304);
}

#[tokio::test]
async fn an_oci_child_of_a_list_is_served_to_everybody() {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    let list = Document::docker_list(&[("linux/amd64", &image)]);
    registry.push_manifest("a", "v1", &list).await;
    assert_eq!(pulled(&registry, "v1", &[S2]).await, OCI);
}

#[tokio::test]
async fn a_list_without_an_image_for_linux_on_amd64_is_not_found() {
    let registry = TestRegistry::start();
    let image = Document::docker_image("a");
    let list = Document::docker_list(&[("windows/amd64", &image), ("linux/arm64", &image)]);
    registry.push_manifest("a", "v1", &list).await;
    let ask = registry.get(&manifest("a", "v1")).accept(&[S2]);
    let answer = ask.send().await.expect_error(404, "MANIFEST_UNKNOWN");
    let detail = format!("the manifest is of type {ML}; name it in the Accept header");
    assert_eq!(answer.detail(), detail);
}

fn tag_of(media_type: &MediaType) -> &'static str {
    match media_type.as_str() {
        S2 => "s2",
        ML => "ml",
        OCI => "oci",
        _ => "index",
    }
}

#[tokio::test]
async fn a_manifest_has_no_ranges() {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    registry.push_manifest("a", "v1", &image).await;
    let ask = registry.get(&manifest("a", "v1"));
    let whole = ask.header("range", "bytes=0-3").send().await.expect(200);
    assert_eq!(whole.body, image.bytes);
}
