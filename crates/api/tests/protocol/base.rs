//! `/v2/`, `/`, and what stands in the head of every answer.

use crate::{
    document::Document,
    test_registry::{TestRegistry, manifest},
};

#[tokio::test]
async fn the_base_says_that_the_protocol_is_spoken_here() {
    let registry = TestRegistry::start();
    let answer = registry.get("/v2/").send().await;
    assert_eq!(answer.text(), "{}");
    assert_eq!(
        answer.head(),
        ["200", "content-length: 2", "content-type: application/json"]
    );
    let version = answer.header("docker-distribution-api-version");
    assert_eq!(version, Some("registry/2.0"));
}

#[tokio::test]
async fn the_base_answers_every_method() {
    let registry = TestRegistry::start();
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
        let answer = registry.ask(method, "/v2/").send().await.expect(200);
        assert_eq!(answer.text(), "{}", "{method}");
    }
    let head = registry.head("/v2/").send().await.expect(200);
    assert_eq!(head.header("content-length"), Some("2"));
}

#[tokio::test]
async fn the_root_tells_load_balancers_that_somebody_is_there() {
    let registry = TestRegistry::set_up().with_prefix("/pre").start();
    for method in ["GET", "HEAD", "POST"] {
        let answer = registry.ask(method, "/").send().await;
        assert_eq!(
            answer.head(),
            ["200", "cache-control: no-cache", "content-length: 0"],
            "{method}"
        );
    }
}

/// The version header is looked at by whoever sends a request of these tests; here is one of each
/// status, with nothing in the store and with something in it.
#[tokio::test]
async fn every_answer_names_the_version_of_the_protocol() {
    let registry = TestRegistry::set_up().without_deletion().start();
    let image = Document::oci_image("a");
    registry.push_manifest("a", "v1", &image).await;
    let blob = format!(
        "/v2/a/blobs/{}",
        image.json()["config"]["digest"].as_str().unwrap()
    );
    let image = manifest("a", "v1");
    let none = manifest("a", "none");
    for (method, path, header, status) in [
        ("GET", "/v2/", ("x", ""), 200),
        ("GET", &image, ("x", ""), 200),
        ("POST", "/v2/a/blobs/uploads/", ("x", ""), 202),
        ("GET", &blob, ("range", "bytes=0-1"), 206),
        ("GET", "/v2", ("x", ""), 301),
        ("GET", &image, ("if-none-match", "*"), 304),
        ("GET", "/v2/A/tags/list", ("x", ""), 400),
        ("GET", "/v2/nothing", ("x", ""), 404),
        ("GET", "/nothing", ("x", ""), 404),
        ("GET", &none, ("x", ""), 404),
        ("PATCH", &image, ("x", ""), 405),
        ("DELETE", &blob, ("x", ""), 405),
        ("GET", &blob, ("if-match", "\"other\""), 412),
        ("GET", &blob, ("range", "bytes=900-"), 416),
    ] {
        let ask = registry.ask(method, path).header(header.0, header.1);
        let answer = ask.send().await.expect(status);
        let version = answer.header("docker-distribution-api-version");
        assert_eq!(version, Some("registry/2.0"), "{method} {path}");
    }
}

#[tokio::test]
async fn configured_headers_are_on_every_answer_of_a_route() {
    let registry = TestRegistry::set_up()
        .with_header("x-content-type-options", "nosniff")
        .with_header("access-control-allow-origin", "https://ui.test")
        .start();
    for (method, path, status) in [
        ("GET", "/v2/", 200),
        ("GET", "/v2/_catalog", 200),
        ("GET", "/v2/a/tags/list", 404),
        ("GET", "/v2/A/tags/list", 400),
        ("POST", "/v2/a/blobs/uploads/", 202),
        ("PUT", "/v2/_catalog", 405),
        ("OPTIONS", "/v2/_catalog", 200),
    ] {
        let answer = registry.ask(method, path).send().await.expect(status);
        let sniff = answer.header("x-content-type-options");
        let origin = answer.header("access-control-allow-origin");
        assert_eq!(sniff, Some("nosniff"), "{method} {path}");
        assert_eq!(origin, Some("https://ui.test"), "{method} {path}");
    }
    for (path, status) in [("/v2/nothing", 404), ("/v2", 301), ("/", 200)] {
        let answer = registry.get(path).send().await.expect(status);
        let origin = answer.header("access-control-allow-origin");
        assert_eq!(origin, None, "{path} is no route");
    }
}

#[tokio::test]
async fn a_configured_header_does_not_stand_beside_one_of_ours() {
    let registry = TestRegistry::set_up()
        .with_header("cache-control", "no-store")
        .with_header("content-type", "text/html")
        .with_header("docker-distribution-api-version", "registry/9.9")
        .start();
    let digest = registry.push_blob("a", "content").await;
    let blob = registry.pull_blob("a", &digest).await.expect(200);
    assert_eq!(blob.header("cache-control"), Some("max-age=31536000"));
    assert_eq!(
        blob.header("content-type"),
        Some("application/octet-stream")
    );
    let base = registry.get("/v2/").send().await.expect(200);
    assert_eq!(base.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_configured_header_may_have_several_lines() {
    let registry = TestRegistry::set_up()
        .with_header("vary", "Origin")
        .with_header("vary", "Accept")
        .start();
    let answer = registry.get("/v2/").begin().await;
    let lines: Vec<_> = answer.headers().get_all("vary").iter().collect();
    assert_eq!(lines, ["Origin", "Accept"]);
}
