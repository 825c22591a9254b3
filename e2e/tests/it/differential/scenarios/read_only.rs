//! A registry that is read and not written.

use wharf_e2e::digest;

use super::super::content::{LAYER, MANIFEST, bytes, digest_of, oci, push, push_parts, unknown};
use super::super::request::{Request, delete, get, head, options, patch, post, put};
use super::super::scenario::{Scenario, Settings};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut requests = push_parts("app");
    requests.push(push("app", "1", MANIFEST, &oci()));
    requests.push(post("an upload", "/v2/app/blobs/uploads/").keep("up"));
    let read_only = Settings {
        storage: "  delete: { enabled: true }\n  maintenance: { readonly: { enabled: true } }\n",
        ..Settings::OPEN
    };
    let scenario = Scenario::new("read-only", Settings::OPEN, requests);
    vec![scenario.then(read_only, refused())]
}

fn refused() -> Vec<Request> {
    let layer = format!("/v2/app/blobs/{}", digest::of(LAYER));
    let manifest = format!("/v2/app/manifests/{}", digest_of(&oci()));
    vec![
        get("the base", "/v2/"),
        get("the catalog", "/v2/_catalog"),
        get("a manifest", manifest.clone()).accept(MANIFEST),
        head("a manifest by HEAD", manifest.clone()).accept(MANIFEST),
        put("a manifest by PUT", "/v2/app/manifests/2", bytes(&oci())).content_type(MANIFEST),
        delete("a manifest by DELETE", manifest.clone()),
        options("a manifest by OPTIONS", manifest),
        get("a blob", layer.clone()),
        delete("a blob by DELETE", layer.clone()),
        delete(
            "an unknown blob by DELETE",
            format!("/v2/app/blobs/{}", unknown()),
        ),
        options("a blob by OPTIONS", layer),
        post("an upload by POST", "/v2/app/blobs/uploads/"),
        post(
            "a mount",
            format!(
                "/v2/new/blobs/uploads/?mount={}&from=app",
                digest::of(LAYER)
            ),
        ),
        options("an upload by OPTIONS", "/v2/app/blobs/uploads/"),
        get("the upload", "{up}"),
        patch("the upload by PATCH", "{up}", "x"),
        put("the upload by PUT", "{up}&digest=abc", "x"),
        delete("the upload by DELETE", "{up}"),
        patch(
            "an unknown upload by PATCH",
            "/v2/app/blobs/uploads/unknown",
            "x",
        ),
        options("the upload by OPTIONS", "{up}"),
    ]
}
