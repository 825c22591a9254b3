//! Manifests that are refused.

use serde_json::{Value, json};

use super::super::content::{
    DOCKER_CONFIG, INDEX, LAYER, LIST, MANIFEST, OCI_CONFIG, OCI_LAYER, SCHEMA_1, SCHEMA_2, bytes,
    child, descriptor, digest_of, docker, index, list, oci, push_parts, sha512, unknown, with,
};
use super::super::request::{Request, put};
use super::super::scenario::{Scenario, Settings};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut requests = push_parts("app");
    for (kind, media_type, document) in [("oci", MANIFEST, oci()), ("docker", SCHEMA_2, docker())] {
        requests.extend(documents(kind, media_type, &document));
    }
    for (kind, media_type, document) in [("index", INDEX, index()), ("list", LIST, list("amd64"))] {
        requests.extend(lists(kind, media_type, &document));
    }
    requests.extend(texts());
    requests.extend(references());
    requests.extend(schema_1());
    vec![Scenario::new("refused", Settings::OPEN, requests)]
}

fn refused(name: String, media_type: &str, document: &Value) -> Request {
    put(name, "/v2/app/manifests/1", bytes(document)).content_type(media_type)
}

fn documents(kind: &str, media_type: &str, document: &Value) -> Vec<Request> {
    let absent = |media_type, content: &[u8]| descriptor(media_type, content);
    let layer = |digest: &str| json!([{ "mediaType": OCI_LAYER, "size": 1, "digest": digest }]);
    let [config_type, other_type] = match kind {
        "oci" => [OCI_CONFIG, SCHEMA_2],
        _ => [DOCKER_CONFIG, MANIFEST],
    };
    let layers = json!([
        absent(OCI_LAYER, b"1"),
        descriptor(OCI_LAYER, LAYER),
        absent(OCI_LAYER, b"2")
    ]);
    [
        (
            "an unknown configuration",
            with(document.clone(), "config", absent(config_type, b"0")),
        ),
        (
            "two unknown layers",
            with(document.clone(), "layers", layers.clone()),
        ),
        (
            "nothing known",
            with(
                with(document.clone(), "config", absent(config_type, b"0")),
                "layers",
                layers,
            ),
        ),
        (
            "the same unknown layer twice",
            with(
                document.clone(),
                "layers",
                json!([absent(OCI_LAYER, b"1"), absent(OCI_LAYER, b"1")]),
            ),
        ),
        (
            "no configuration",
            with(document.clone(), "config", json!(null)),
        ),
        (
            "a configuration without a digest",
            with(
                document.clone(),
                "config",
                json!({ "mediaType": config_type, "size": 1 }),
            ),
        ),
        (
            "a layer without a digest",
            with(document.clone(), "layers", layer("")),
        ),
        (
            "a layer with a short digest",
            with(document.clone(), "layers", layer("sha256:abc")),
        ),
        (
            "a layer with a digest of an unknown algorithm",
            with(
                document.clone(),
                "layers",
                layer("md5:d41d8cd98f00b204e9800998ecf8427e"),
            ),
        ),
        (
            "a layer with an unknown digest of sha512",
            with(document.clone(), "layers", layer(&sha512())),
        ),
        (
            "a layer with a path as its digest",
            with(document.clone(), "layers", layer("../../x")),
        ),
        (
            "schema version 1",
            with(document.clone(), "schemaVersion", json!(1)),
        ),
        (
            "schema version 3",
            with(document.clone(), "schemaVersion", json!(3)),
        ),
        (
            "schema version as text",
            with(document.clone(), "schemaVersion", json!("2")),
        ),
        (
            "no schema version",
            with(document.clone(), "schemaVersion", json!(null)),
        ),
        (
            "another media type inside",
            with(document.clone(), "mediaType", json!(other_type)),
        ),
        (
            "a number as media type",
            with(document.clone(), "mediaType", json!(2)),
        ),
        (
            "no media type",
            with(
                with(document.clone(), "mediaType", json!(null)),
                "config",
                absent(config_type, b"0"),
            ),
        ),
        (
            "manifests too",
            with(
                document.clone(),
                "manifests",
                json!([child(MANIFEST, &oci(), "amd64")]),
            ),
        ),
        (
            "text as layers",
            with(document.clone(), "layers", json!("none")),
        ),
        (
            "text as a size",
            with(
                document.clone(),
                "config",
                json!({ "mediaType": config_type, "size": "1", "digest": unknown() }),
            ),
        ),
        (
            "an unknown manifest as a layer",
            with(document.clone(), "layers", json!([absent(MANIFEST, b"1")])),
        ),
    ]
    .into_iter()
    .map(|(name, document)| refused(format!("{kind} with {name}"), media_type, &document))
    .collect()
}

fn lists(kind: &str, media_type: &str, document: &Value) -> Vec<Request> {
    let unknown_child = child(MANIFEST, &json!({ "never": "pushed" }), "amd64");
    let bare = json!([{ "mediaType": MANIFEST, "size": 1 }]);
    [
        (
            "an unknown child",
            with(
                document.clone(),
                "manifests",
                json!([unknown_child.clone()]),
            ),
        ),
        (
            "two unknown children",
            with(
                document.clone(),
                "manifests",
                json!([unknown_child, descriptor(INDEX, b"x")]),
            ),
        ),
        (
            "a child without a digest",
            with(document.clone(), "manifests", bare),
        ),
        (
            "a child with a short digest",
            with(
                document.clone(),
                "manifests",
                json!([{ "mediaType": MANIFEST, "size": 1, "digest": "sha256:abc" }]),
            ),
        ),
        (
            "layers too",
            with(
                document.clone(),
                "layers",
                json!([descriptor(OCI_LAYER, LAYER)]),
            ),
        ),
        (
            "a configuration too",
            with(document.clone(), "config", descriptor(OCI_CONFIG, LAYER)),
        ),
        (
            "schema version 1",
            with(document.clone(), "schemaVersion", json!(1)),
        ),
        (
            "no schema version",
            with(document.clone(), "schemaVersion", json!(null)),
        ),
        (
            "another media type inside",
            with(document.clone(), "mediaType", json!(MANIFEST)),
        ),
        (
            "text as manifests",
            with(document.clone(), "manifests", json!("none")),
        ),
    ]
    .into_iter()
    .map(|(name, document)| refused(format!("{kind} with {name}"), media_type, &document))
    .collect()
}

/// Bodies that are no document.
fn texts() -> Vec<Request> {
    let mut requests = Vec::new();
    for (name, body) in [
        ("nothing", String::new()),
        ("an open brace", "{".to_owned()),
        ("an empty object", "{}".to_owned()),
        ("an array", "[]".to_owned()),
        ("null", "null".to_owned()),
        ("words", "not JSON".to_owned()),
        ("two documents", format!("{}{}", oci(), oci())),
        ("a mark before", format!("\u{feff}{}", oci())),
        (
            "exactly 4 MiB",
            format!("{{}}{}", " ".repeat((4 << 20) - 2)),
        ),
        (
            "one more than 4 MiB",
            format!("{{}}{}", " ".repeat((4 << 20) - 1)),
        ),
    ] {
        for (kind, media_type) in [("an OCI image", MANIFEST), ("an index", INDEX)] {
            let name = format!("{name} as {kind}");
            requests.push(put(name, "/v2/app/manifests/1", body.clone()).content_type(media_type));
        }
    }
    let deep = "[".repeat(20_000);
    let deep = put("a deep array as an OCI image", "/v2/app/manifests/1", deep);
    let twice = oci()
        .to_string()
        .replace("{\"config\"", "{\"schemaVersion\":1,\"config\"");
    let twice = put("a field twice", "/v2/app/manifests/twice", twice);
    let binary = put(
        "bytes that are no text",
        "/v2/app/manifests/1",
        vec![0xff, 0xfe, 0],
    );
    requests.extend([deep, twice, binary].map(|request| request.content_type(MANIFEST)));
    requests
}

/// References that do not fit.
fn references() -> Vec<Request> {
    let digest = digest_of(&oci());
    let upper = digest.replace("sha256:", "").to_uppercase();
    [
        ("another digest", unknown()),
        ("a digest of sha512", sha512()),
        ("a short digest", "sha256:abc".to_owned()),
        ("a digest in upper case", format!("sha256:{upper}")),
        (
            "a digest of an unknown algorithm",
            "md5:d41d8cd98f00b204e9800998ecf8427e".to_owned(),
        ),
        ("a tag of 129 letters", "t".repeat(129)),
        ("a tag with a leading dot", ".hidden".to_owned()),
        ("a tag with a space", "a%20b".to_owned()),
        ("a tag with a plus", "a+b".to_owned()),
        ("no reference", String::new()),
    ]
    .into_iter()
    .map(|(name, reference)| {
        let path = format!("/v2/app/manifests/{reference}");
        put(format!("to {name}"), path, bytes(&oci())).content_type(MANIFEST)
    })
    .collect()
}

/// What docker pushed before 2016.
fn schema_1() -> Vec<Request> {
    let document = json!({
        "schemaVersion": 1,
        "name": "app",
        "tag": "1",
        "architecture": "amd64",
        "fsLayers": [{ "blobSum": wharf_e2e::digest::of(LAYER) }],
        "history": [{ "v1Compatibility": "{}" }],
    });
    let plain = "application/vnd.docker.distribution.manifest.v1+json";
    let signed = with(
        document.clone(),
        "signatures",
        json!([{ "header": {}, "signature": "x", "protected": "y" }]),
    );
    vec![
        refused("schema 1 without a signature".to_owned(), plain, &document),
        refused("schema 1 said to be signed".to_owned(), SCHEMA_1, &document),
        refused(
            "schema 1 with a bad signature".to_owned(),
            SCHEMA_1,
            &signed,
        ),
        refused("schema 1 as JSON".to_owned(), "application/json", &document),
        put(
            "schema 1 without a type",
            "/v2/app/manifests/1",
            bytes(&document),
        ),
    ]
}
