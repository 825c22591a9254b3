//! Manifests that are taken, at least by one of the two.

use serde_json::json;

use wharf_e2e::digest;

use super::super::content::{
    CONFIG, DOCKER_CONFIG, FOREIGN_LAYER, INDEX, LAYER, LIST, MANIFEST, OCI_CONFIG, OCI_LAYER,
    RESTRICTED_LAYER, SCHEMA_2, bytes, child, descriptor, digest_of, docker, index, list, oci,
    push, push_blob, push_parts, unknown, with,
};
use super::super::request::{Request, get, put};
use super::super::scenario::{Scenario, Settings};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut requests = push_parts("app");
    requests.extend(kinds());
    requests.extend(ways());
    requests.extend(elsewhere());
    requests.extend(referrers());
    vec![Scenario::new("push", Settings::OPEN, requests)]
}

/// Documents that differ.
fn kinds() -> Vec<Request> {
    let empty = push_blob("the empty object", "app", b"{}");
    let nothing = descriptor("application/vnd.oci.empty.v1+json", b"{}");
    let artifact = with(
        with(oci(), "config", nothing),
        "artifactType",
        json!("application/vnd.example"),
    );
    let attached = with(
        artifact.clone(),
        "subject",
        descriptor(MANIFEST, &bytes(&oci())),
    );
    let dangling = with(
        artifact.clone(),
        "subject",
        descriptor(MANIFEST, b"not there"),
    );
    let mut wrong_size = oci();
    wrong_size["layers"][0]["size"] = json!(1);
    let mut huge = oci();
    huge["layers"][0]["size"] = json!(u64::MAX);
    let mut negative = oci();
    negative["layers"][0]["size"] = json!(-1);
    let two = json!([
        child(MANIFEST, &oci(), "amd64"),
        child(SCHEMA_2, &docker(), "arm64")
    ]);
    let layer = json!([descriptor(OCI_LAYER, LAYER)]);
    let mut requests = empty;
    requests.extend([
        push("app", "oci", MANIFEST, &oci()),
        push("app", "docker", SCHEMA_2, &docker()),
        push("app", "index", INDEX, &index()),
        push("app", "list", LIST, &list("amd64")),
        push(
            "app",
            "untyped",
            MANIFEST,
            &with(oci(), "mediaType", json!(null)),
        ),
        push(
            "app",
            "untyped-index",
            INDEX,
            &with(index(), "mediaType", json!(null)),
        ),
        push(
            "app",
            "index-of-two",
            INDEX,
            &with(index(), "manifests", two),
        ),
        push(
            "app",
            "index-of-none",
            INDEX,
            &with(index(), "manifests", json!([])),
        ),
        push(
            "app",
            "index-of-null",
            INDEX,
            &with(index(), "manifests", json!(null)),
        ),
        push(
            "app",
            "list-of-none",
            LIST,
            &with(list("amd64"), "manifests", json!([])),
        ),
        push(
            "app",
            "index-of-index",
            INDEX,
            &with(
                index(),
                "manifests",
                json!([descriptor(INDEX, &bytes(&index()))]),
            ),
        ),
        push(
            "app",
            "index-of-a-layer",
            INDEX,
            &with(index(), "manifests", layer),
        ),
        push(
            "app",
            "no-layers",
            MANIFEST,
            &with(oci(), "layers", json!([])),
        ),
        push(
            "app",
            "without-layers",
            MANIFEST,
            &with(oci(), "layers", json!(null)),
        ),
        push(
            "app",
            "docker-without-layers",
            SCHEMA_2,
            &with(docker(), "layers", json!([])),
        ),
        push(
            "app",
            "annotated",
            MANIFEST,
            &with(oci(), "annotations", json!({ "a": "<b>" })),
        ),
        push(
            "app",
            "unknown-field",
            MANIFEST,
            &with(oci(), "x", json!([1, null])),
        ),
        push("app", "artifact", MANIFEST, &artifact),
        push("app", "attached", MANIFEST, &attached),
        push("app", "attached-to-nothing", MANIFEST, &dangling),
        push(
            "app",
            "index-attached",
            INDEX,
            &with(index(), "subject", descriptor(MANIFEST, &bytes(&oci()))),
        ),
        push("app", "wrong-size", MANIFEST, &wrong_size),
        push("app", "huge-size", MANIFEST, &huge),
        push("app", "negative-size", MANIFEST, &negative),
    ]);
    requests
}

/// Ways to send the same document.
fn ways() -> Vec<Request> {
    let document = bytes(&with(oci(), "annotations", json!({ "way": "any" })));
    let by_digest = format!("/v2/app/manifests/{}", digest::of(&document));
    let by_sha512 = format!("/v2/app/manifests/{}", digest::sha512_of(&document));
    let path = "/v2/app/manifests/way";
    let mut requests = vec![
        put("by digest of sha512", by_sha512.clone(), document.clone()).content_type(MANIFEST),
        get("what was pushed by digest of sha512", by_sha512).accept(MANIFEST),
        put("by digest", by_digest.clone(), document.clone()).content_type(MANIFEST),
        put("by digest again", by_digest.clone(), document.clone()).content_type(MANIFEST),
        put("over another", path, bytes(&oci())).content_type(MANIFEST),
        put("over itself", path, bytes(&oci())).content_type(MANIFEST),
        put("in chunks", path, document.clone())
            .content_type(MANIFEST)
            .chunked(),
        put("with a query", format!("{path}?a=b"), document.clone()).content_type(MANIFEST),
        put(
            "with a tag of 128 letters",
            format!("/v2/app/manifests/{}", "t".repeat(128)),
            document.clone(),
        )
        .content_type(MANIFEST),
        put(
            "with a tag of every kind of letter",
            "/v2/app/manifests/_Aa0.-_",
            document.clone(),
        )
        .content_type(MANIFEST),
        put(
            "with tags in the query",
            format!("{by_digest}?tag=q1&tag=q2"),
            document.clone(),
        )
        .content_type(MANIFEST),
        put("expecting to go on", path, document.clone())
            .content_type(MANIFEST)
            .header("Expect", "100-continue"),
        put(
            "with a white space before",
            path,
            [b" \n", &*document].concat(),
        )
        .content_type(MANIFEST),
        put(
            "with a white space after",
            path,
            [&*document, b" \n"].concat(),
        )
        .content_type(MANIFEST),
        put("if it is not there", path, document.clone())
            .content_type(MANIFEST)
            .header("If-None-Match", "*"),
        put("if it is another", path, document.clone())
            .content_type(MANIFEST)
            .header("If-Match", format!("\"{}\"", unknown())),
        put("compressed, as the header says", path, document.clone())
            .content_type(MANIFEST)
            .header("Content-Encoding", "gzip"),
        put("without a type", path, document.clone()),
        put("without a type, docker's", path, bytes(&docker())),
        put("without a type, an index", path, bytes(&index())),
        put(
            "without any type",
            path,
            bytes(&with(oci(), "mediaType", json!(null))),
        ),
    ];
    for (name, media_type) in [
        (
            "its type with a parameter",
            &*format!("{MANIFEST}; charset=utf-8"),
        ),
        ("its type in upper case", &*MANIFEST.to_uppercase()),
        ("an empty type", ""),
        ("JSON as the type", "application/json"),
        ("another type", SCHEMA_2),
        ("the type of an index", INDEX),
        ("a type of no manifest", OCI_CONFIG),
        ("text as the type", "text/plain"),
        ("no type at all", "nonsense"),
        ("half a type", "application/"),
        ("a type with a broken parameter", &*format!("{MANIFEST}; =")),
    ] {
        requests.push(put(format!("with {name}"), path, document.clone()).content_type(media_type));
    }
    requests.push(get("what was pushed", "/v2/app/manifests/way").accept(MANIFEST));
    requests
}

/// Layers that stay where their owners keep them.
fn elsewhere() -> Vec<Request> {
    let mut requests = Vec::new();
    for (kind, layer, document, media_type) in [
        ("foreign", FOREIGN_LAYER, docker(), SCHEMA_2),
        ("restricted", RESTRICTED_LAYER, oci(), MANIFEST),
        ("ordinary", OCI_LAYER, oci(), MANIFEST),
        ("odd", "application/vnd.example", oci(), MANIFEST),
    ] {
        for (what, content) in [("there", LAYER), ("absent", b"elsewhere")] {
            for (urls, list) in [
                ("nowhere", json!(null)),
                ("on the web", json!(["https://example.test/layer"])),
                ("at a fragment", json!(["https://example.test/layer#top"])),
                ("at a file", json!(["file:///layer"])),
            ] {
                let layer = with(descriptor(layer, content), "urls", list);
                let document = with(document.clone(), "layers", json!([layer]));
                let name = format!("{kind} layer, {what}, {urls}");
                let tag = "elsewhere";
                requests.push(
                    put(name, format!("/v2/app/manifests/{tag}"), bytes(&document))
                        .content_type(media_type),
                );
            }
        }
    }
    let plugin = with(
        docker(),
        "config",
        descriptor("application/vnd.docker.plugin.v1+json", CONFIG),
    );
    let odd = with(docker(), "config", descriptor(DOCKER_CONFIG, LAYER));
    requests.push(push("app", "plugin", SCHEMA_2, &plugin));
    requests.push(push("app", "odd-config", SCHEMA_2, &odd));
    let path = format!("/v2/app/manifests/{}", digest_of(&odd));
    requests.push(get("the odd configuration", path).accept(SCHEMA_2));
    requests
}

/// What is about a manifest, after all that was pushed.
fn referrers() -> Vec<Request> {
    let path = format!("/v2/app/referrers/{}", digest_of(&oci()));
    vec![
        get("the referrers", path.clone()),
        get(
            "the referrers of a type",
            format!("{path}?artifactType=application/vnd.example"),
        ),
        get("the referrers in a page", format!("{path}?n=1")),
        get("the tags", "/v2/app/tags/list?n=3"),
    ]
}
