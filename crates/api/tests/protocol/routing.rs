//! Paths and methods that no handler sees: unknown, not canonical, not allowed, malformed.

use crate::{
    document::Document,
    test_registry::{TestRegistry, manifest, sha256},
};

#[tokio::test]
async fn an_unknown_path_is_a_plain_text() {
    let registry = TestRegistry::start();
    let expected = [
        "404",
        "content-length: 19",
        "content-type: text/plain; charset=utf-8",
        "x-content-type-options: nosniff",
    ];
    for path in ["/v2/a", "/v1/_ping", "/v2/_oci/ext/discover"] {
        let answer = registry.get(path).send().await;
        assert_eq!(answer.text(), "404 page not found\n", "{path}");
        assert_eq!(answer.head(), expected, "{path}");
        let head = registry.head(path).send().await;
        assert_eq!(head.head(), expected, "{path}");
    }
}

#[tokio::test]
async fn a_path_that_is_not_canonical_leads_to_the_one_that_is() {
    let registry = TestRegistry::start();
    for (path, location) in [
        ("/v2", "/v2/"),
        ("/v2?a=b&c=d", "/v2/?a=b&c=d"),
        ("/v2//", "/v2/"),
        ("/v2/_catalog/?n=1", "/v2/_catalog?n=1"),
        ("/v2/./a//b/../tags/list", "/v2/a/tags/list"),
        ("/v2/a/%2e%2e/_catalog", "/v2/_catalog"),
        ("/../v2/", "/v2/"),
        ("/v2/a%20b//tags/list", "/v2/a%20b/tags/list"),
    ] {
        let get = registry.get(path).send().await.expect(301);
        assert_eq!(get.header("location"), Some(location), "{path}");
        let shown = location.replace('&', "&amp;");
        let link = format!("<a href=\"{shown}\">Moved Permanently</a>.\n\n");
        assert_eq!(get.text(), link, "{path}");
        let html = get.header("content-type");
        assert_eq!(html, Some("text/html; charset=utf-8"), "{path}");
        for method in ["POST", "PUT", "DELETE"] {
            let other = registry.ask(method, path).send().await;
            let expected = [
                "301".to_owned(),
                "content-length: 0".to_owned(),
                format!("location: {location}"),
            ];
            assert_eq!(other.head(), expected, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn no_redirect_leads_to_another_host() {
    let registry = TestRegistry::start();
    for (path, location) in [
        ("//evil.test/", "/evil.test/"),
        ("/v2//../%5Cevil.test", "/%5Cevil.test"),
        ("/v2/..//%5C%5Cevil.test/..//", "/"),
        ("/%2Fevil.test", "/evil.test"),
        ("/v2//%0D%0Aset-cookie:x", "/v2/%0D%0Aset-cookie:x"),
    ] {
        let answer = registry.get(path).send().await.expect(301);
        assert_eq!(answer.header("location"), Some(location), "{path}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let registry = TestRegistry::start();
    let blob = format!("/v2/a/blobs/{}", sha256(""));
    for (method, path, allow) in [
        ("POST", "/v2/_catalog", "GET, HEAD"),
        ("DELETE", "/v2/a/tags/list", "GET, HEAD"),
        ("PATCH", "/v2/a/manifests/latest", "DELETE, GET, HEAD, PUT"),
        ("get", "/v2/a/manifests/latest", "DELETE, GET, HEAD, PUT"),
        ("PUT", &blob, "DELETE, GET, HEAD"),
        (
            "BREW",
            "/v2/a/blobs/uploads/",
            "DELETE, GET, HEAD, PATCH, POST, PUT",
        ),
        (
            "POST",
            "/v2/a/blobs/uploads/id",
            "DELETE, GET, HEAD, PATCH, PUT",
        ),
    ] {
        let answer = registry.ask(method, path).send().await;
        assert_eq!(answer.text(), "Method not allowed\n", "{method} {path}");
        let expected = [
            "405".to_owned(),
            format!("allow: {allow}"),
            "content-length: 19".to_owned(),
            "content-type: text/plain; charset=utf-8".to_owned(),
            "x-content-type-options: nosniff".to_owned(),
        ];
        assert_eq!(answer.head(), expected, "{method} {path}");

        let options = registry.ask("OPTIONS", path).send().await;
        let expected = [
            "200".to_owned(),
            format!("allow: {allow}"),
            "content-length: 0".to_owned(),
        ];
        assert_eq!(options.head(), expected, "{path}");
    }
}

#[tokio::test]
async fn a_read_only_registry_has_no_writing_methods() {
    let writable = TestRegistry::start();
    let image = Document::oci_image("a");
    writable.push_manifest("a", "v1", &image).await;
    let location = writable.upload("a", "bytes").await;
    let registry = writable.again().read_only().start();

    let blob = format!("/v2/a/blobs/{}", sha256("a config"));
    for (method, path) in [
        ("PUT", manifest("a", "v1")),
        ("DELETE", manifest("a", "v1")),
        ("DELETE", blob.clone()),
        ("POST", "/v2/a/blobs/uploads/".to_owned()),
        ("PATCH", location.clone()),
        ("PUT", location.clone()),
        ("DELETE", location.clone()),
    ] {
        let answer = registry.ask(method, &path).send().await.expect(405);
        assert_eq!(answer.header("allow"), Some("GET, HEAD"), "{method} {path}");
        assert_eq!(
            answer.expect_error(405, "UNSUPPORTED").detail(),
            "the registry is read-only: storage.maintenance.readonly is switched on"
        );
    }
    let unknown = registry.ask("BREW", &blob).send().await.expect(405);
    assert_eq!(unknown.text(), "Method not allowed\n");
    registry.get(&manifest("a", "v1")).send().await.expect(200);
    registry.get(&blob).send().await.expect(200);
    registry.get(&location).send().await.expect(204);
    assert_eq!(registry.tags("a").await, ["v1"]);
}

#[tokio::test]
async fn a_malformed_part_of_a_path_is_named() {
    let registry = TestRegistry::start();
    let long = format!("/v2/{}/tags/list", "a".repeat(256));
    for (method, path, status, code, detail) in [
        (
            "GET",
            "/v2/a..b/tags/list",
            400,
            "NAME_INVALID",
            "repository name \"a..b\": repository name component must be lower-case letters and \
             digits, separated by one dot, one or two underscores, or hyphens: \"a..b\"",
        ),
        (
            "GET",
            "/v2/foo.com:5000/x/manifests/v1",
            400,
            "NAME_INVALID",
            "repository name \"foo.com:5000/x\": repository name component must be lower-case \
             letters and digits, separated by one dot, one or two underscores, or hyphens: \
             \"foo.com:5000\"",
        ),
        (
            "GET",
            "/v2/a/blobs/sha256:abc",
            400,
            "DIGEST_INVALID",
            "invalid checksum digest length: sha256 has 64 hex digits, found 3: \"sha256:abc\"",
        ),
        (
            "GET",
            "/v2/a/blobs/notadigest",
            400,
            "DIGEST_INVALID",
            "invalid checksum digest format: \"notadigest\"",
        ),
        (
            "GET",
            "/v2/a/manifests/sha256:baddigeststring",
            400,
            "DIGEST_INVALID",
            "invalid checksum digest length: sha256 has 64 hex digits, found 15: \
             \"sha256:baddigeststring\"",
        ),
        (
            "PUT",
            "/v2/a/manifests/md5:900150983cd24fb0d6963f7d28e17f72",
            400,
            "DIGEST_INVALID",
            "unsupported digest algorithm \"md5\": \"md5:900150983cd24fb0d6963f7d28e17f72\"",
        ),
        (
            "GET",
            "/v2/a/manifests/.INVALID_MANIFEST_NAME",
            404,
            "MANIFEST_UNKNOWN",
            "unknown tag=.INVALID_MANIFEST_NAME",
        ),
        (
            "PUT",
            "/v2/a/manifests/-v1",
            400,
            "TAG_INVALID",
            "tag must be letters, digits, underscores, dots and hyphens, and not begin with a dot \
             or hyphen: \"-v1\"",
        ),
        (
            "PATCH",
            "/v2/a/blobs/uploads/not=ours",
            404,
            "BLOB_UPLOAD_UNKNOWN",
            "blob upload unknown",
        ),
    ] {
        let answer = registry.ask(method, path).send().await;
        let answer = answer.expect_error(status, code);
        assert_eq!(answer.detail(), detail, "{method} {path}");
    }
    let answer = registry.get(&long).send().await;
    answer.expect_error(400, "NAME_INVALID");
    let tag = "t".repeat(129);
    let answer = registry.get(&manifest("a", &tag)).send().await;
    answer.expect_error(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn uploads_without_an_id_are_only_begun() {
    let registry = TestRegistry::start();
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE"] {
        for path in ["/v2/a/blobs/uploads/", "/v2/a/blobs/uploads"] {
            let answer = registry.ask(method, path).send().await.expect(404);
            if method != "HEAD" {
                let answer = answer.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
                assert_eq!(answer.detail(), "blob upload unknown");
            }
        }
    }
}

#[tokio::test]
async fn a_percent_encoded_path_is_the_same_path() {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    registry.push_manifest("a/b", "v1", &image).await;
    let digest = image.digest().to_string().replace(':', "%3A");
    for path in [
        format!("/v2/a%2Fb/manifests/{digest}"),
        "/v2/%61/b/manifests/v%31".to_owned(),
        "/v2%2Fa/b%2fmanifests/v1".to_owned(),
    ] {
        let answer = registry.get(&path).send().await.expect(200);
        assert_eq!(answer.body, image.bytes, "{path}");
    }
}

#[tokio::test]
async fn components_may_be_called_like_the_parts_of_a_path() {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    for name in [
        "blobs",
        "manifests/tags",
        "tags/list",
        "a/blobs/uploads",
        "uploads/manifests/list",
        "v2/referrers",
    ] {
        registry.push_manifest(name, "list", &image).await;
        let pulled = registry.pull_manifest(name, "list").await.expect(200);
        assert_eq!(pulled.body, image.bytes, "{name}");
        let pulled = registry.pull_blob(name, &sha256("a layer")).await;
        assert_eq!(pulled.expect(200).text(), "a layer", "{name}");
        assert_eq!(registry.tags(name).await, ["list"], "{name}");
    }
}

#[tokio::test]
async fn everything_stands_behind_the_configured_prefix() {
    let registry = TestRegistry::set_up().with_prefix("/pre/fix").start();
    registry.get("/pre/fix/v2/").send().await.expect(200);
    let bare = registry.get("/pre/fix/v2").send().await.expect(301);
    assert_eq!(bare.header("location"), Some("/pre/fix/v2/"));
    for path in ["/v2/", "/pre/v2/", "/pre/fixx/v2/", "/v2/pre/fix/"] {
        registry.get(path).send().await.expect(404);
    }
    let begun = registry.post("/pre/fix/v2/a/blobs/uploads/").send().await;
    let location = begun.expect(202).location();
    assert!(
        location.starts_with("/pre/fix/v2/a/blobs/uploads/"),
        "{location}"
    );
    let done = format!("{location}&digest={}", sha256("x"));
    let done = registry.put(&done).body("x").send().await.expect(201);
    let blob = format!("/pre/fix/v2/a/blobs/{}", sha256("x"));
    assert_eq!(done.location(), blob);
    assert_eq!(registry.get(&blob).send().await.expect(200).text(), "x");
}
