//! Paths and methods by table and by property.

use proptest::prelude::*;
use wharf_oci::Tag;

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
                let refused = told(method) == format!("405 {allow}");
                let allowed = allow.split(", ").any(|allowed| allowed == method);
                assert_eq!(refused, !allowed, "{method} {path}: {}", told(method));
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

/// Names whose components may be called like the parts of a path.
fn names() -> impl Strategy<Value = RepositoryName> {
    let component = prop_oneof![
        prop::sample::select(vec!["blobs", "uploads", "manifests", "tags", "list", "v2"])
            .prop_map(str::to_owned),
        "[a-z0-9]{1,3}((\\.|_|__|-{1,2})[a-z0-9]{1,2}){0,2}",
    ];
    prop::collection::vec(component, 1..6).prop_map(|parts| parts.join("/").parse().unwrap())
}

fn digests() -> impl Strategy<Value = Digest> {
    "(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})".prop_map(|text| text.parse().unwrap())
}

fn references() -> impl Strategy<Value = Reference> {
    let tag = "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}|list|uploads|blobs|tags|manifests";
    prop_oneof![
        tag.prop_map(|text| Reference::Tag(text.parse::<Tag>().unwrap())),
        digests().prop_map(Reference::Digest),
    ]
}

fn ids() -> impl Strategy<Value = UploadId> {
    "[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,40}|list|uploads".prop_map(|text| text.parse().unwrap())
}

/// Well-formed requests, and the endpoint that each is for.
fn requests() -> impl Strategy<Value = (&'static str, String, Endpoint)> {
    let manifests = (names(), references(), 0..3_usize).prop_map(|(name, reference, which)| {
        let path = format!("/v2/{name}/manifests/{reference}");
        match which {
            0 => ("HEAD", path, Endpoint::GetManifest { name, reference }),
            1 => ("PUT", path, Endpoint::PutManifest { name, reference }),
            _ => ("DELETE", path, Endpoint::DeleteManifest { name, reference }),
        }
    });
    let blobs = (names(), digests(), any::<bool>()).prop_map(|(name, digest, get)| {
        let path = format!("/v2/{name}/blobs/{digest}");
        match get {
            true => ("GET", path, Endpoint::GetBlob { name, digest }),
            false => ("DELETE", path, Endpoint::DeleteBlob { name, digest }),
        }
    });
    let uploads = (names(), ids(), 0..4_usize).prop_map(|(name, id, which)| {
        let path = format!("/v2/{name}/blobs/uploads/{id}");
        match which {
            0 => ("GET", path, Endpoint::UploadStatus { name, id }),
            1 => ("PATCH", path, Endpoint::AppendUpload { name, id }),
            2 => ("PUT", path, Endpoint::CompleteUpload { name, id }),
            _ => ("DELETE", path, Endpoint::CancelUpload { name, id }),
        }
    });
    let starts = names().prop_map(|name| {
        let path = format!("/v2/{name}/blobs/uploads/");
        ("POST", path, Endpoint::StartUpload { name })
    });
    let lists = names().prop_map(|name| {
        let path = format!("/v2/{name}/tags/list");
        ("GET", path, Endpoint::ListTags { name })
    });
    prop_oneof![manifests, blobs, uploads, starts, lists]
}

/// Paths made of the parts that mean something, and of any others.
fn paths() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => prop::sample::select(vec![
            "v2", "_catalog", "tags", "list", "manifests", "blobs", "uploads", "", ".", "..", "a",
            "%2F", "%2f%2F", "%2e%2E", "%00", "%FF", "%5C", "%", "sha256:abc", "v1", "evil.test",
        ])
        .prop_map(str::to_owned),
        1 => "[!-~]{0,8}",
        1 => "\\PC{0,4}",
    ];
    let parts = prop::collection::vec(part, 0..9);
    prop_oneof![
        parts
            .clone()
            .prop_map(|parts| format!("/{}", parts.join("/"))),
        parts.prop_map(|parts| format!("/v2/{}", parts.join("/"))),
    ]
}

proptest! {
    #[test]
    fn a_well_formed_path_is_its_endpoint((method, path, endpoint) in requests()) {
        let uri = path.parse().unwrap();
        let parsed = Endpoint::parse(&method.parse().unwrap(), &uri, "", Mode::ReadWrite);
        prop_assert_eq!(parsed.unwrap(), endpoint);
    }

    #[test]
    fn an_encoded_path_is_the_same_endpoint(
        (method, path, endpoint) in requests(),
        encoded in prop::collection::vec(any::<bool>(), 400),
    ) {
        let path: String = path
            .chars()
            .zip(encoded.into_iter().chain(std::iter::repeat(false)))
            .enumerate()
            .map(|(index, (character, encode))| match encode && index > 0 {
                true => format!("%{:02X}", u32::from(character)),
                false => character.to_string(),
            })
            .collect();
        let uri = path.parse().unwrap();
        let parsed = Endpoint::parse(&method.parse().unwrap(), &uri, "", Mode::ReadWrite);
        prop_assert_eq!(parsed.unwrap(), endpoint);
    }

    #[test]
    fn any_path_gets_an_answer_and_no_redirect_leaves(
        path in paths(),
        method in "GET|PUT|POST|PATCH|DELETE|OPTIONS|[A-Z]{1,8}",
        prefix in "|/pre|/a/b",
    ) {
        let method = method.parse().unwrap();
        let mut next = path.parse::<Uri>().ok();
        let mut redirects = 0;
        while let Some(uri) = next.take() {
            let parsed = Endpoint::parse(&method, &uri, &prefix, Mode::ReadWrite);
            if let Err(Unrouted::Moved { path }) = parsed {
                redirects += 1;
                prop_assert!(redirects < 3, "{path} has moved again and again");
                prop_assert!(path.starts_with('/'), "{path}");
                prop_assert!(!path.starts_with("//") && !path.contains('\\'), "{path}");
                next = Some(path.parse().unwrap());
            }
        }
    }
}
