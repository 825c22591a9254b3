//! Who is let in by a password file, and what those hear who are not.

use wharf_e2e::digest;

use super::super::content::{LAYER, MANIFEST, bytes, oci};
use super::super::request::{Request, delete, get, head, options, patch, post, put, send};
use super::super::scenario::{Scenario, Settings};

pub(super) fn scenarios() -> Vec<Scenario> {
    let htpasswd = Settings {
        sections: "auth: { htpasswd: { realm: 'the \"realm\"', path: {passwords} } }\n",
        ..Settings::OPEN
    };
    let mut requests = credentials();
    requests.extend(strangers());
    requests.extend(alice());
    vec![Scenario::new("htpasswd", htpasswd, requests)]
}

fn credentials() -> Vec<Request> {
    let mut requests = Vec::new();
    for (name, authorization) in [
        ("the right password", ALICE),
        // alice:wrong
        ("a wrong password", "Basic YWxpY2U6d3Jvbmc="),
        // alice:
        ("an empty password", "Basic YWxpY2U6"),
        // nobody:open-sesame-7
        ("an unknown user", "Basic bm9ib2R5Om9wZW4tc2VzYW1lLTc="),
        // :open-sesame-7
        ("no user", "Basic Om9wZW4tc2VzYW1lLTc="),
        // alice
        ("no colon", "Basic YWxpY2U="),
        // mallory:mallory
        ("a hash that is not taken", "Basic bWFsbG9yeTptYWxsb3J5"),
        // Alice:open-sesame-7
        ("a user in upper case", "Basic QWxpY2U6b3Blbi1zZXNhbWUtNw=="),
        ("what is no base 64", "Basic !!!"),
        ("no padding", "Basic YWxpY2U6b3Blbi1zZXNhbWUtNw"),
        ("nothing", "Basic "),
        ("an empty header", ""),
        (
            "the scheme in lower case",
            "basic YWxpY2U6b3Blbi1zZXNhbWUtNw==",
        ),
        (
            "the scheme in upper case",
            "BASIC YWxpY2U6b3Blbi1zZXNhbWUtNw==",
        ),
        ("two spaces", "Basic  YWxpY2U6b3Blbi1zZXNhbWUtNw=="),
        ("a token", "Bearer abc"),
        ("another scheme", "Digest username=\"alice\""),
    ] {
        let request = get(format!("the base with {name}"), "/v2/");
        requests.push(request.header("Authorization", authorization));
    }
    requests.push(
        get("the base with two headers, the wrong one first", "/v2/")
            .header("Authorization", "Basic YWxpY2U6d3Jvbmc=")
            .header("Authorization", ALICE),
    );
    requests
}

fn strangers() -> Vec<Request> {
    let digest = digest::of(LAYER);
    vec![
        get("the base by a stranger", "/v2/"),
        head("the base by a stranger's HEAD", "/v2/"),
        options("the base by a stranger's OPTIONS", "/v2/"),
        get("the root by a stranger", "/"),
        get("the catalog by a stranger", "/v2/_catalog"),
        head("the catalog by a stranger's HEAD", "/v2/_catalog"),
        post("the catalog by a stranger's POST", "/v2/_catalog"),
        get("tags by a stranger", "/v2/app/tags/list"),
        get("a manifest by a stranger", "/v2/app/manifests/1"),
        head("a manifest by a stranger's HEAD", "/v2/app/manifests/1"),
        put(
            "a manifest by a stranger's PUT",
            "/v2/app/manifests/1",
            bytes(&oci()),
        )
        .content_type(MANIFEST),
        delete("a manifest by a stranger's DELETE", "/v2/app/manifests/1"),
        options("a manifest by a stranger's OPTIONS", "/v2/app/manifests/1"),
        send(
            "a manifest by a stranger's odd method",
            "BREW",
            "/v2/app/manifests/1",
        ),
        get(
            "a malformed digest by a stranger",
            "/v2/app/manifests/sha256:abc",
        ),
        get("a blob by a stranger", format!("/v2/app/blobs/{digest}")),
        get("a malformed blob by a stranger", "/v2/app/blobs/sha256:abc"),
        post("an upload by a stranger", "/v2/app/blobs/uploads/"),
        post(
            "a mount by a stranger",
            format!("/v2/app/blobs/uploads/?mount={digest}&from=other/app"),
        ),
        post(
            "a mount from the same by a stranger",
            format!("/v2/app/blobs/uploads/?mount={digest}&from=app"),
        ),
        patch(
            "a chunk by a stranger",
            "/v2/app/blobs/uploads/unknown",
            "x",
        ),
        delete(
            "an upload by a stranger's DELETE",
            "/v2/app/blobs/uploads/unknown",
        ),
        get(
            "an upload by a stranger's GET",
            "/v2/app/blobs/uploads/unknown",
        ),
        get("an unknown path by a stranger", "/v2/app/things/1"),
        get("a bad name by a stranger", "/v2/UPPER/tags/list"),
        get(
            "a long name by a stranger",
            format!("/v2/{}/tags/list", "x".repeat(256)),
        ),
        get("a moved path by a stranger", "/v2/app/tags/list/"),
        get("the base without its slash by a stranger", "/v2"),
        get(
            "the referrers by a stranger",
            format!("/v2/app/referrers/{digest}"),
        ),
    ]
}

fn alice() -> Vec<Request> {
    let requests = vec![
        get("the catalog", "/v2/_catalog"),
        post("an upload", "/v2/app/blobs/uploads/").keep("up"),
        put(
            "the end of an upload",
            format!("{{up}}&digest={}", digest::of(LAYER)),
            LAYER,
        ),
        get("the blob", format!("/v2/app/blobs/{}", digest::of(LAYER))),
        get("an unknown tag", "/v2/app/manifests/1"),
        delete(
            "the blob by DELETE",
            format!("/v2/app/blobs/{}", digest::of(LAYER)),
        ),
        options("a manifest by OPTIONS", "/v2/app/manifests/1"),
        send("a manifest by an odd method", "BREW", "/v2/app/manifests/1"),
    ];
    let requests = requests.into_iter();
    requests
        .map(|request| request.header("Authorization", ALICE))
        .collect()
}

/// `alice:open-sesame-7`.
const ALICE: &str = "Basic YWxpY2U6b3Blbi1zZXNhbWUtNw==";
