//! Paths and methods by table, and in `properties` by property.

mod properties;

use super::*;

/// What a request is taken for, as text: the endpoint with its parts, or the answer.
fn told_in(method: &str, path: &str, prefix: &str, mode: Mode) -> String {
    let method = method.parse().unwrap();
    let uri = path.parse().unwrap();
    match Endpoint::parse(&method, &uri, prefix, mode) {
        Ok(endpoint) => told_of(&endpoint),
        Err(Unrouted::NotFound) => "404".to_owned(),
        Err(Unrouted::Moved { path }) => format!("301 {path}"),
        Err(Unrouted::MethodNotAllowed { allow }) => format!("405 {allow}"),
        Err(Unrouted::Options { allow }) => format!("200 {allow}"),
        Err(Unrouted::Invalid(error)) => {
            let answer = error.answer();
            format!("{} {}", answer.status.as_u16(), answer.errors[0].code)
        }
    }
}

fn told(method: &str, path: &str) -> String {
    told_in(method, path, "", Mode::ReadWrite)
}

fn told_of(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Base => "base".to_owned(),
        Endpoint::Catalog => "catalog".to_owned(),
        Endpoint::ListTags { name } => format!("tags of {name}"),
        Endpoint::GetManifest { name, reference } => format!("get {reference} of {name}"),
        Endpoint::PutManifest { name, reference } => format!("put {reference} of {name}"),
        Endpoint::DeleteManifest { name, reference } => format!("delete {reference} of {name}"),
        Endpoint::GetBlob { name, .. } => format!("get blob of {name}"),
        Endpoint::DeleteBlob { name, .. } => format!("delete blob of {name}"),
        Endpoint::Referrers { name, .. } => format!("referrers in {name}"),
        Endpoint::StartUpload { name } => format!("start upload in {name}"),
        Endpoint::UploadStatus { name, id } => format!("status of {id} in {name}"),
        Endpoint::AppendUpload { name, id } => format!("append to {id} in {name}"),
        Endpoint::CompleteUpload { name, id } => format!("complete {id} in {name}"),
        Endpoint::CancelUpload { name, id } => format!("cancel {id} in {name}"),
    }
}

const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn each_method_of_each_path_is_its_own_endpoint() {
    let blob = &format!("/v2/a/b/blobs/{EMPTY}");
    let image = &format!("/v2/a/b/manifests/{EMPTY}");
    let referrers = &format!("/v2/a/b/referrers/{EMPTY}");
    for (method, path, expected) in [
        ("GET", "/v2/", "base"),
        ("BREW", "/v2/", "base"),
        ("GET", "/v2/_catalog", "catalog"),
        ("HEAD", "/v2/_catalog?n=1", "catalog"),
        ("GET", "/v2/a/b/tags/list", "tags of a/b"),
        ("HEAD", "/v2/a/b/tags/list", "tags of a/b"),
        ("GET", "/v2/a/b/manifests/v1", "get v1 of a/b"),
        ("HEAD", "/v2/a/b/manifests/v1", "get v1 of a/b"),
        ("PUT", "/v2/a/b/manifests/v1", "put v1 of a/b"),
        ("DELETE", "/v2/a/b/manifests/v1", "delete v1 of a/b"),
        ("PUT", image, &format!("put {EMPTY} of a/b")),
        ("GET", blob, "get blob of a/b"),
        ("HEAD", blob, "get blob of a/b"),
        ("DELETE", blob, "delete blob of a/b"),
        ("GET", referrers, "referrers in a/b"),
        ("HEAD", referrers, "referrers in a/b"),
        ("POST", referrers, "405 GET, HEAD"),
        ("GET", "/v2/a/referrers/sha256:x", "400 DIGEST_INVALID"),
        ("GET", "/v2/a/referrers/v1", "400 DIGEST_INVALID"),
        ("GET", "/v2/a/referrers/", "404"),
        ("POST", "/v2/a/b/blobs/uploads/", "start upload in a/b"),
        ("POST", "/v2/a/b/blobs/uploads", "start upload in a/b"),
        ("GET", "/v2/a/b/blobs/uploads/i-d", "status of i-d in a/b"),
        ("HEAD", "/v2/a/b/blobs/uploads/i-d", "status of i-d in a/b"),
        ("PATCH", "/v2/a/b/blobs/uploads/i-d", "append to i-d in a/b"),
        ("PUT", "/v2/a/b/blobs/uploads/i-d", "complete i-d in a/b"),
        ("DELETE", "/v2/a/b/blobs/uploads/i-d", "cancel i-d in a/b"),
    ] {
        assert_eq!(told(method, path), expected, "{method} {path}");
    }
}

#[test]
fn a_path_is_read_from_its_end() {
    for (method, path, expected) in [
        ("GET", "/v2/tags/list/tags/list", "tags of tags/list"),
        ("GET", "/v2/blobs/manifests/blobs", "get blobs of blobs"),
        (
            "GET",
            "/v2/manifests/manifests/manifests",
            "get manifests of manifests",
        ),
        ("GET", "/v2/a/tags/manifests/list", "get list of a/tags"),
        ("GET", "/v2/a/manifests/tags/list", "tags of a/manifests"),
        (
            "GET",
            "/v2/a/blobs/uploads/tags/list",
            "tags of a/blobs/uploads",
        ),
        (
            "GET",
            "/v2/a/blobs/uploads/manifests/v1",
            "get v1 of a/blobs/uploads",
        ),
        (
            "POST",
            "/v2/a/blobs/blobs/uploads/",
            "start upload in a/blobs",
        ),
        (
            "POST",
            "/v2/a/blobs/uploads/blobs/uploads/",
            "start upload in a/blobs/uploads",
        ),
        (
            "GET",
            "/v2/a/blobs/uploads/uploads",
            "status of uploads in a",
        ),
        (
            "GET",
            "/v2/a/blobs/uploads/manifests",
            "status of manifests in a",
        ),
        ("GET", "/v2/v2/manifests/v2", "get v2 of v2"),
        ("GET", "/v2/blobs/uploads/", "404"),
        ("GET", "/v2/tags/list", "404"),
        ("GET", "/v2/manifests/v1", "404"),
    ] {
        assert_eq!(told(method, path), expected, "{method} {path}");
    }
}

#[test]
fn a_path_is_decoded_once() {
    let encoded = EMPTY.replace(':', "%3A");
    for (path, expected) in [
        ("/v2/a%2Fb/manifests/v1", "get v1 of a/b"),
        ("/v2/a%2fb%2Ftags/%6Cist", "tags of a/b"),
        ("/%76%32/", "base"),
        (&format!("/v2/a/blobs/{encoded}"), "get blob of a"),
        ("/v2/a%252Fb/manifests/v1", "400 NAME_INVALID"),
        ("/v2/a/manifests/v1%3Fx", "404 MANIFEST_UNKNOWN"),
        ("/v2/a%00/manifests/v1", "400 NAME_INVALID"),
        ("/v2/a%FF/manifests/v1", "404"),
        ("/v2/a/manifests/v%", "404 MANIFEST_UNKNOWN"),
    ] {
        assert_eq!(told("GET", path), expected, "{path}");
    }
}

#[test]
fn a_path_that_is_not_canonical_has_moved() {
    for (path, expected) in [
        ("/v2", "301 /v2/"),
        ("//v2/", "301 /v2/"),
        ("/v2/.", "301 /v2"),
        ("/v2/a//tags/list", "301 /v2/a/tags/list"),
        ("/v2/a/b/../tags/list", "301 /v2/a/tags/list"),
        ("/v2/a/%2E%2e/_catalog", "301 /v2/_catalog"),
        ("/v2/../../etc/passwd", "301 /etc/passwd"),
        ("/v2/_catalog/", "301 /v2/_catalog"),
        ("/v2/a/manifests/v1/", "301 /v2/a/manifests/v1"),
        ("/v2/a/blobs/uploads/id/", "301 /v2/a/blobs/uploads/id"),
        ("/v2/a/blobs/uploads//", "301 /v2/a/blobs/uploads/"),
        ("/v2//a%3Fb%23%25%22%3C%5C", "301 /v2/a%3Fb%23%25%22%3C%5C"),
        ("/nothing/here/", "404"),
        ("/v2/a/", "404"),
        ("/v2x/", "404"),
        ("*", "301 /%2A"),
    ] {
        assert_eq!(told("GET", path), expected, "{path}");
    }
}

#[test]
fn the_prefix_stands_before_every_path() {
    let told = |path| told_in("GET", path, "/pre/fix", Mode::ReadWrite);
    for (path, expected) in [
        ("/pre/fix/v2/", "base"),
        ("/pre/fix/v2", "301 /pre/fix/v2/"),
        ("/pre/fix//v2/", "301 /pre/fix/v2/"),
        ("/pre/fix/v2/a/tags/list", "tags of a"),
        ("/pre/fix/v2/a/tags/list/", "301 /pre/fix/v2/a/tags/list"),
        ("/pre%2Ffix/v2/", "base"),
        ("/v2/", "404"),
        ("/pre/v2/", "404"),
        ("/pre/fixv2/", "404"),
        ("/pre/fix/fix/v2/", "404"),
    ] {
        assert_eq!(told(path), expected, "{path}");
    }
}

#[test]
fn a_path_tells_its_methods() {
    let blob = format!("/v2/a/blobs/{EMPTY}");
    for (path, writable) in [
        ("/v2/_catalog", "GET, HEAD"),
        ("/v2/a/tags/list", "GET, HEAD"),
        ("/v2/a/manifests/v1", "DELETE, GET, HEAD, PUT"),
        (&blob, "DELETE, GET, HEAD"),
        (
            "/v2/a/blobs/uploads/",
            "DELETE, GET, HEAD, PATCH, POST, PUT",
        ),
        ("/v2/a/blobs/uploads/id", "DELETE, GET, HEAD, PATCH, PUT"),
    ] {
        for (mode, allow) in [(Mode::ReadWrite, writable), (Mode::ReadOnly, "GET, HEAD")] {
            let told = |method: &str| told_in(method, path, "", mode);
            assert_eq!(told("OPTIONS"), format!("200 {allow}"), "{path}");
            for method in [
                "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "get",
            ] {
                let has = |allow: &str| allow.split(", ").any(|allowed| allowed == method);
                let refused = if has(writable) {
                    told(method) == "405 UNSUPPORTED"
                } else {
                    told(method) == format!("405 {allow}")
                };
                assert_eq!(refused, !has(allow), "{method} {path}: {}", told(method));
            }
        }
    }
}

#[test]
fn a_malformed_part_is_an_error_of_its_own() {
    let (longest, too_long) = ("a".repeat(255), "a".repeat(256));
    let (long_tag, longer_tag) = ("t".repeat(128), "t".repeat(129));
    for (method, path, expected) in [
        ("GET", "/v2/UPPER/tags/list", "400 NAME_INVALID"),
        ("GET", "/v2/a/-b/manifests/v1", "400 NAME_INVALID"),
        ("GET", "/v2/foo.com:5000/x/tags/list", "400 NAME_INVALID"),
        ("GET", "/v2/_catalog/tags/list", "400 NAME_INVALID"),
        ("PATCH", "/v2/A/blobs/uploads/id", "400 NAME_INVALID"),
        (
            "GET",
            &format!("/v2/{longest}/tags/list"),
            &format!("tags of {longest}"),
        ),
        (
            "GET",
            &format!("/v2/{too_long}/tags/list"),
            "400 NAME_INVALID",
        ),
        (
            "GET",
            &format!("/v2/a/manifests/{long_tag}"),
            &format!("get {long_tag} of a"),
        ),
        (
            "GET",
            &format!("/v2/a/manifests/{longer_tag}"),
            "404 MANIFEST_UNKNOWN",
        ),
        (
            "PUT",
            &format!("/v2/a/manifests/{longer_tag}"),
            "400 TAG_INVALID",
        ),
        ("GET", "/v2/a/manifests/.v1", "404 MANIFEST_UNKNOWN"),
        ("HEAD", "/v2/a/manifests/.v1", "404 MANIFEST_UNKNOWN"),
        ("DELETE", "/v2/a/manifests/.v1", "404 MANIFEST_UNKNOWN"),
        ("PUT", "/v2/a/manifests/.v1", "400 TAG_INVALID"),
        ("GET", "/v2/a/manifests/sha256:abc", "400 DIGEST_INVALID"),
        ("PUT", "/v2/a/manifests/sha256:abc", "400 DIGEST_INVALID"),
        ("DELETE", "/v2/a/manifests/md5:abc", "400 DIGEST_INVALID"),
        ("GET", "/v2/a/blobs/latest", "400 DIGEST_INVALID"),
        ("GET", "/v2/a/blobs/SHA256:abc", "400 DIGEST_INVALID"),
        ("DELETE", "/v2/a/blobs/sha256:", "400 DIGEST_INVALID"),
        ("GET", "/v2/a/blobs/uploads/.id", "404 BLOB_UPLOAD_UNKNOWN"),
        (
            "PATCH",
            "/v2/a/blobs/uploads/i=d",
            "404 BLOB_UPLOAD_UNKNOWN",
        ),
        ("PATCH", "/v2/a/blobs/uploads/", "404 BLOB_UPLOAD_UNKNOWN"),
        ("GET", "/v2/a/blobs/uploads", "404 BLOB_UPLOAD_UNKNOWN"),
    ] {
        assert_eq!(told(method, path), expected, "{method} {path}");
    }
}
