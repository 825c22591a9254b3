//! Deleting, where it is allowed and where it is not.

use serde_json::json;

use wharf_e2e::digest;

use super::super::content::{
    CONFIG, INDEX, LAYER, MANIFEST, bytes, digest_of, index, oci, push, push_parts, sha512,
    unknown, with,
};
use super::super::request::{Request, delete, get, head, post, put};
use super::super::scenario::{Scenario, Settings};

pub(super) fn scenarios() -> Vec<Scenario> {
    let off = Settings {
        storage: "",
        ..Settings::OPEN
    };
    vec![
        Scenario::new("delete", Settings::OPEN, allowed()),
        Scenario::new("undeletable", off, refused()),
    ]
}

fn stored() -> Vec<Request> {
    let mut requests = push_parts("app");
    requests.extend([
        push("app", "1", MANIFEST, &oci()),
        push("app", "same", MANIFEST, &oci()),
        push("app", "index", INDEX, &index()),
        push(
            "app",
            "other",
            MANIFEST,
            &with(oci(), "annotations", json!({ "a": "b" })),
        ),
    ]);
    requests
}

fn allowed() -> Vec<Request> {
    let manifest = format!("/v2/app/manifests/{}", digest_of(&oci()));
    let index = format!("/v2/app/manifests/{}", digest_of(&index()));
    let other = with(oci(), "annotations", json!({ "a": "b" }));
    let other_path = format!("/v2/app/manifests/{}", digest_of(&other));
    let layer = format!("/v2/app/blobs/{}", digest::of(LAYER));
    let config = format!("/v2/app/blobs/{}", digest::of(CONFIG));
    let mut requests = stored();
    requests.extend([
        delete("an unknown tag", "/v2/app/manifests/2.0"),
        delete(
            "an unknown digest",
            format!("/v2/app/manifests/{}", unknown()),
        ),
        delete(
            "a digest of sha512",
            format!("/v2/app/manifests/{}", sha512()),
        ),
        delete("a short digest", "/v2/app/manifests/sha256:abc"),
        delete(
            "the digest of a layer as a manifest",
            format!("/v2/app/manifests/{}", digest::of(LAYER)),
        ),
        delete("a tag of an unknown repository", "/v2/nothing/manifests/1"),
        delete(
            "a digest of an unknown repository",
            format!("/v2/nothing/manifests/{}", unknown()),
        ),
        delete("a manifest with two tags", manifest.clone()).accept(MANIFEST),
        delete("it again", manifest.clone()),
        get("it after that", manifest).accept(MANIFEST),
        get("its tag after that", "/v2/app/manifests/1").accept(MANIFEST),
        get("the index over it", "/v2/app/manifests/index").accept(INDEX),
        delete("the index", index),
        get("the last tag", "/v2/app/tags/list"),
        delete("a tag", "/v2/app/manifests/other"),
        head("the manifest whose tag was deleted", other_path.clone()).accept(MANIFEST),
        delete("the last manifest", other_path.clone()),
        head("the last manifest after that", other_path).accept(MANIFEST),
        get("the tags after the last manifest", "/v2/app/tags/list"),
        get("the catalog after the last manifest", "/v2/_catalog"),
        delete("an unknown blob", format!("/v2/app/blobs/{}", unknown())),
        delete("a short digest of a blob", "/v2/app/blobs/sha256:abc"),
        delete(
            "a blob of an unknown repository",
            format!("/v2/nothing/blobs/{}", unknown()),
        ),
        delete("a blob", layer.clone()),
        delete("the blob again", layer.clone()),
        head("the blob after that", layer.clone()),
        get("the blob after that, read", layer),
        delete("a blob with a body", config).body("why not"),
        put(
            "a manifest over deleted blobs",
            "/v2/app/manifests/1",
            bytes(&oci()),
        )
        .content_type(MANIFEST),
        post("to upload", "/v2/app/blobs/uploads/").keep("up"),
        delete("an upload without its state", "{up.path}"),
        post("to upload again", "/v2/app/blobs/uploads/").keep("up"),
        delete("an upload", "{up}"),
        delete("the upload again", "{up}"),
        get("the upload after that", "{up}"),
        delete("an upload of nobody", "/v2/app/blobs/uploads/nobody"),
        delete("all uploads", "/v2/app/blobs/uploads/"),
    ]);
    // What was deleted can be pushed again.
    requests.extend(push_parts("again"));
    requests.push(push("again", "1", MANIFEST, &oci()));
    requests
}

fn refused() -> Vec<Request> {
    let mut requests = stored();
    requests.extend([
        delete("a tag", "/v2/app/manifests/1"),
        delete("an unknown tag", "/v2/app/manifests/2.0"),
        delete(
            "a manifest",
            format!("/v2/app/manifests/{}", digest_of(&oci())),
        ),
        delete(
            "an unknown manifest",
            format!("/v2/app/manifests/{}", unknown()),
        ),
        delete(
            "a manifest of an unknown repository",
            format!("/v2/nothing/manifests/{}", unknown()),
        ),
        delete("a blob", format!("/v2/app/blobs/{}", digest::of(LAYER))),
        delete("an unknown blob", format!("/v2/app/blobs/{}", unknown())),
        post("to upload", "/v2/app/blobs/uploads/").keep("up"),
        delete("an upload", "{up}"),
        get("what is still there", "/v2/app/manifests/1").accept(MANIFEST),
    ]);
    requests
}
