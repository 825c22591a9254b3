//! Health: a registry whose storage cannot be used says so to everybody, until it can be.

use std::fs;
use std::os::unix::fs::symlink;

use crate::client::Client;
use crate::image::Image;
use crate::request::Request;
use crate::server::Server;
use crate::test_registry::{TestRegistry, text};
use crate::wait;

/// Waits until requests are answered with a status.
fn wait_for(client: &Client, status: u16) {
    wait::until("the checks to notice", || {
        (client.get("/v2/").status == status).then_some(())
    });
}

fn checked() -> TestRegistry {
    TestRegistry::new()
        .with("health.storagedriver.enabled", true)
        .with("health.storagedriver.interval", "1s")
        .with("health.storagedriver.threshold", 2)
        .with("http.debug.addr", "127.0.0.1:0")
}

/// Makes the root folder unusable, expects that it is noticed, and repairs it.
fn expect_outage(server: &Server, image: &Image, breaking: impl FnOnce()) {
    let (client, debug) = (server.client(), server.debug_client());
    let (root, aside) = (server.store().root(), server.registry().file("aside"));
    assert_eq!(debug.get("/debug/health").expect(200).text(), "{}");
    fs::rename(&root, &aside).unwrap();
    breaking();
    wait_for(&client, 503);
    for request in [
        Request::get("/v2/"),
        Request::get("/"),
        Request::get("/v2/a/b/manifests/v1"),
        Request::get("/no/such/path"),
        Request::post("/v2/a/b/blobs/uploads/"),
    ] {
        let answer = client.send(request).expect(503);
        assert_eq!(answer.text(), UNAVAILABLE);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("docker-distribution-api-version"), None);
    }
    let report = debug.get("/debug/health").expect(503);
    let reason = &report.json()["storagedriver_filesystem"];
    assert!(
        reason.as_str().is_some_and(|text| text.len() > 10),
        "{}",
        report.text()
    );
    let line = server.logged("health check failed");
    assert!(line.contains("level=error"), "{line}");

    fs::remove_file(&root).unwrap();
    fs::rename(&aside, &root).unwrap();
    wait_for(&client, 200);
    assert_eq!(debug.get("/debug/health").expect(200).text(), "{}");
    server.logged("health check succeeds again");
    client.expect_image("a/b", "v1", image);
}

#[test]
fn a_root_folder_that_is_a_file_takes_the_registry_out_of_service() {
    let server = checked().start();
    let image = Image::new(1);
    server.client().push_image("a/b", "v1", &image);
    let root = server.store().root();
    expect_outage(&server, &image, || fs::write(root, "").unwrap());
}

#[test]
fn a_root_folder_that_leads_nowhere_takes_the_registry_out_of_service() {
    let server = checked().start();
    let image = Image::new(1);
    server.client().push_image("a/b", "v1", &image);
    let root = server.store().root();
    expect_outage(&server, &image, || symlink(&root, &root).unwrap());
}

#[test]
fn a_file_takes_the_registry_out_of_service() {
    let registry = TestRegistry::new().with("http.debug.addr", "127.0.0.1:0");
    let file = registry.file("out-of-service");
    let check = serde_json::json!([{"file": text(&file), "interval": "1s"}]);
    let server = registry.with("health.file", check).start();
    let (client, debug) = (server.client(), server.debug_client());
    client.get("/v2/").expect(200);
    fs::write(&file, "").unwrap();
    wait_for(&client, 503);
    let report = debug.get("/debug/health").expect(503);
    assert_eq!(report.json()[text(&file)], "file exists");
    fs::remove_file(&file).unwrap();
    wait_for(&client, 200);
}

#[test]
fn an_interval_of_nanoseconds_does_not_keep_a_processor_busy() {
    let server = checked().with("health.storagedriver.interval", 1).start();
    let line = server.logged("health.storagedriver.interval: 1ns is raised to 1s");
    assert!(line.contains("level=warning"), "{line}");
}

#[test]
fn the_listener_for_operators_has_health_and_nothing_else() {
    let server = checked().with_htpasswd(&[("alice", "secret")]).start();
    let debug = server.debug_client();
    let health = debug.get("/debug/health").expect(200);
    assert_eq!(health.text(), "{}");
    assert_eq!(health.header("content-type"), Some("application/json"));
    assert_eq!(health.header("content-length"), Some("2"));
    for request in [
        Request::head("/debug/health"),
        Request::post("/debug/health"),
        Request::get("/debug/health/down"),
        Request::get("/"),
        Request::get("/v2/"),
    ] {
        debug.send(request).expect(404);
    }
    server.client().get("/debug/health").expect(404);
    // What they ask is not in the access log.
    assert!(!server.output().contains("/debug/health/down"));
}

/// What everybody is told, as operators know it from Distribution.
const UNAVAILABLE: &str = concat!(
    r#"{"errors":[{"code":"UNAVAILABLE","message":"service unavailable","#,
    r#""detail":"health check failed: please see /debug/health"}]}"#,
    "\n",
);
