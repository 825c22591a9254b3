//! Uploads from their beginning to their end.

use wharf_e2e::digest;

use super::super::content::{
    LAYER, MANIFEST, digest_of, oci, push, push_blob, push_parts, sha512, unknown,
};
use super::super::request::{Request, delete, get, head, options, patch, post, put};
use super::super::scenario::{Scenario, Settings};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut requests = journey();
    requests.extend(beginnings());
    requests.extend(mounts());
    requests.extend(endings());
    requests.extend(without_id());
    vec![Scenario::new("uploads", Settings::OPEN, requests)]
}

/// The way of every push.
fn journey() -> Vec<Request> {
    let digest = digest::of(LAYER);
    let octets = "application/octet-stream";
    vec![
        post("begin", "/v2/app/blobs/uploads/").keep("up"),
        get("the state of an empty one", "{up}"),
        head("the state of an empty one by HEAD", "{up}"),
        patch("the first byte", "{up}", "h")
            .content_type(octets)
            .keep("up"),
        get("the state after one byte", "{up}"),
        patch("the next bytes in chunks", "{up}", "ello ")
            .content_type(octets)
            .chunked()
            .keep("up"),
        get("the state after six bytes", "{up}"),
        head("the state after six bytes by HEAD", "{up}"),
        get("the state without the state", "{up.path}"),
        patch("no bytes", "{up}", "")
            .content_type(octets)
            .keep("up"),
        patch("bytes of no type", "{up}", "w").keep("up"),
        patch("bytes expecting to go on", "{up}", "or")
            .header("Expect", "100-continue")
            .keep("up"),
        patch("bytes with a header of old clients", "{up}", "l")
            .header("Docker-Upload-UUID", "something")
            .keep("up"),
        options("its methods", "{up.path}"),
        put("end", format!("{{up}}&digest={digest}"), "d").content_type(octets),
        put("end again", format!("{{up}}&digest={digest}"), ""),
        patch("go on after the end", "{up}", "more"),
        get("the state after the end", "{up}"),
        delete("cancel after the end", "{up}"),
        head("the blob", format!("/v2/app/blobs/{digest}")),
    ]
}

fn beginnings() -> Vec<Request> {
    let digest = digest::of(LAYER);
    let begin = |name: &str, query: &str| post(name, format!("/v2/new/blobs/uploads/{query}"));
    vec![
        begin("begin with a body", "").body("ignored"),
        begin("begin without a length", "").chunked(),
        begin("begin with a type", "").content_type("application/octet-stream"),
        begin("begin with an unknown parameter", "?a=b"),
        begin(
            "begin with a digest and no body",
            &format!("?digest={digest}"),
        ),
        begin(
            "begin with a digest and its body",
            &format!("?digest={digest}"),
        )
        .body(LAYER),
        begin(
            "begin with a digest and another body",
            &format!("?digest={digest}"),
        )
        .body("other"),
        begin("begin with a digest that is none", "?digest=abc").body(LAYER),
        begin("begin with an empty digest", "?digest="),
        begin("begin with an algorithm", "?digest-algorithm=sha512"),
        post("begin without the slash", "/v2/new/blobs/uploads"),
        post("begin with a bad name", "/v2/UPPER/blobs/uploads/"),
        post(
            "begin in a repository of its own",
            "/v2/some/where/deep/blobs/uploads/",
        ),
    ]
}

fn mounts() -> Vec<Request> {
    let digest = digest::of(b"to be mounted");
    let mount = |name: &str, query: String| post(name, format!("/v2/new/blobs/uploads/?{query}"));
    let mut requests = push_blob("a blob", "source", b"to be mounted");
    requests.extend(push_parts("source"));
    requests.push(push("source", "1", MANIFEST, &oci()));
    requests.extend([
        mount("mount from nowhere", format!("mount={digest}&from=nothing")),
        mount(
            "mount from a bad name",
            format!("mount={digest}&from=UPPER"),
        ),
        mount(
            "mount what is unknown",
            format!("mount={}&from=source", unknown()),
        ),
        mount(
            "mount what is no digest",
            "mount=abc&from=source".to_owned(),
        ),
        mount("mount nothing", "mount=&from=source".to_owned()),
        mount(
            "mount from somewhere without what",
            "from=source".to_owned(),
        ),
        mount(
            "mount an unknown digest of sha512",
            format!("mount={}&from=source", sha512()),
        ),
        mount(
            "mount a manifest",
            format!("mount={}&from=source", digest_of(&oci())),
        ),
        mount(
            "mount from anywhere",
            format!("mount={}", digest::of(b"to be mounted")),
        ),
        mount("mount from an empty name", format!("mount={digest}&from=")),
        post("mount by a form", "/v2/form/blobs/uploads/")
            .content_type("application/x-www-form-urlencoded")
            .body(format!("mount={digest}&from=source")),
        mount("mount", format!("mount={digest}&from=source")),
        mount("mount again", format!("from=source&mount={digest}")),
        mount(
            "mount encoded",
            format!("mount={}&from=source", digest.replace(':', "%3A")),
        ),
        post(
            "mount from itself",
            format!("/v2/source/blobs/uploads/?mount={digest}&from=source"),
        ),
        get("what was mounted", format!("/v2/new/blobs/{digest}")),
    ]);
    requests
}

/// Ends of uploads, each of one that has taken [`LAYER`].
fn endings() -> Vec<Request> {
    let digest = digest::of(LAYER);
    let hex = &digest[7..];
    let sha512 = "sha512:309ecc489c12d6eb4cc40f50c902f2b4d0ed77ee511a7c7a9bcd3ca86d4cd86f\
                  989dd35bc5ff499670da34255b45b0cfd830e81f605dcf7dc5542e93ae9cd76f";
    let sha384 = "sha384:fdbd8e75a67f29f701a4e040385e2e23986303ea10239211af907fcbb83578b3e417cb71ce646efd0819dd8c088de1bd";
    let mut requests = Vec::new();
    for (name, query, body) in [
        ("without a digest", String::new(), ""),
        ("with an empty digest", "&digest=".to_owned(), ""),
        ("with no digest", "&digest=abc".to_owned(), ""),
        ("with a short digest", "&digest=sha256:abc".to_owned(), ""),
        (
            "with a digest in upper case",
            format!("&digest=sha256:{}", hex.to_uppercase()),
            "",
        ),
        (
            "with a digest of an unknown algorithm",
            "&digest=md5:d41d8cd98f00b204e9800998ecf8427e".to_owned(),
            "",
        ),
        ("with another digest", format!("&digest={}", unknown()), ""),
        (
            "with more than its digest",
            format!("&digest={digest}"),
            "!",
        ),
        (
            "with two digests",
            format!("&digest={digest}&digest={}", unknown()),
            "",
        ),
        (
            "with an encoded digest",
            format!("&digest={}", digest.replace(':', "%3A")),
            "",
        ),
        ("with its digest of sha512", format!("&digest={sha512}"), ""),
        ("with its digest of sha384", format!("&digest={sha384}"), ""),
        ("with its digest", format!("&digest={digest}"), ""),
    ] {
        requests.extend([
            post(format!("to end {name}"), "/v2/app/blobs/uploads/").keep("up"),
            patch(format!("content to end {name}"), "{up}", LAYER).keep("up"),
            put(format!("end {name}"), format!("{{up}}{query}"), body),
            get(format!("the state after an end {name}"), "{up}"),
        ]);
    }
    requests.extend([
        get("what ended with sha512", format!("/v2/app/blobs/{sha512}")),
        head(
            "what ended with sha512 by HEAD",
            format!("/v2/app/blobs/{sha512}"),
        ),
        post(
            "mount by sha512",
            format!("/v2/target/blobs/uploads/?mount={sha512}&from=app"),
        ),
        get(
            "what was mounted by sha512",
            format!("/v2/target/blobs/{sha512}"),
        ),
        post("to end at once", "/v2/app/blobs/uploads/").keep("up"),
        put(
            "end at once in chunks",
            format!("{{up}}&digest={digest}"),
            LAYER,
        )
        .chunked(),
        post("to end empty", "/v2/app/blobs/uploads/").keep("up"),
        put(
            "end empty",
            format!("{{up}}&digest={}", digest::of(b"")),
            "",
        ),
        get(
            "what is empty",
            format!("/v2/app/blobs/{}", digest::of(b"")),
        ),
        post("to end with a strange type", "/v2/app/blobs/uploads/").keep("up"),
        put(
            "end with a strange type",
            format!("{{up}}&digest={digest}"),
            LAYER,
        )
        .content_type("text/plain"),
        post("to end with a range", "/v2/app/blobs/uploads/").keep("up"),
        put("end with a range", format!("{{up}}&digest={digest}"), LAYER)
            .header("Content-Range", "0-10"),
        post("to end with a wrong range", "/v2/app/blobs/uploads/").keep("up"),
        put(
            "end with a wrong range",
            format!("{{up}}&digest={digest}"),
            LAYER,
        )
        .header("Content-Range", "5-15"),
        post("to end with the digest first", "/v2/app/blobs/uploads/").keep("up"),
        put(
            "end with the digest first",
            format!("{{up.path}}?digest={digest}&{{up.state}}"),
            LAYER,
        ),
        post("to end in another repository", "/v2/app/blobs/uploads/").keep("up"),
        put(
            "end without the state",
            format!("{{up.path}}?digest={digest}"),
            LAYER,
        ),
    ]);
    requests
}

fn without_id() -> Vec<Request> {
    let path = "/v2/app/blobs/uploads/";
    vec![
        get("no upload", path),
        head("no upload by HEAD", path),
        patch("no upload by PATCH", path, "x"),
        put("no upload by PUT", path, "x"),
        options("no upload by OPTIONS", path),
        get("no upload without the slash", "/v2/app/blobs/uploads"),
        get(
            "an unknown upload",
            "/v2/app/blobs/uploads/6f1c2a51-6b0e-4e5c-8f00-0123456789ab",
        ),
        get("an upload by a strange id", "/v2/app/blobs/uploads/strange"),
        get(
            "an upload by an impossible id",
            "/v2/app/blobs/uploads/a%20b",
        ),
        get("an upload by two dots", "/v2/app/blobs/uploads/.."),
        patch(
            "go on with an unknown upload",
            "/v2/app/blobs/uploads/unknown",
            "x",
        ),
        put(
            "end an unknown upload",
            "/v2/app/blobs/uploads/unknown?digest=abc",
            "x",
        ),
        get("an upload with a slash", "/v2/app/blobs/uploads/strange/"),
    ]
}
