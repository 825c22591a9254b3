//! The main job, over plain HTTP/1.1.

use serde_json::json;
use wharf_oci::Digest;

use crate::image::{Image, MEDIA_TYPE};
use crate::request::Request;
use crate::test_registry::TestRegistry;

#[test]
fn an_image_is_pushed_tagged_listed_pulled_and_deleted() {
    let server = TestRegistry::new()
        .with("storage.delete.enabled", true)
        .start();
    let (client, image) = (server.client(), Image::new(1));
    let digest = client.push_image("library/app", "v1", &image);
    client
        .push_manifest("library/app", "latest", &image.manifest)
        .expect(201);
    client.expect_image("library/app", "v1", &image);
    client.expect_image("library/app", digest.as_str(), &image);
    assert_eq!(client.tags("library/app"), ["latest", "v1"]);
    assert_eq!(client.catalog(), ["library/app"]);
    assert_eq!(server.store().blobs().len(), 4);
    assert_eq!(server.store().uploads(), Vec::<String>::new());

    let head = Request::head("/v2/library/app/manifests/v1").header("Accept", MEDIA_TYPE);
    let answer = client.send(head).expect(200);
    assert_eq!(answer.header("content-type"), Some(MEDIA_TYPE));
    assert_eq!(
        answer.header("docker-content-digest"),
        Some(digest.as_str())
    );
    assert_eq!(
        answer.header("etag"),
        Some(format!("\"{digest}\"").as_str())
    );
    let length = image.manifest.len().to_string();
    assert_eq!(answer.header("content-length"), Some(length.as_str()));

    let layer = &image.blobs[1];
    let target = format!("/v2/library/app/blobs/{}", Digest::sha256(layer));
    let range = Request::get(&target).header("Range", "bytes=1000-1999");
    let part = client.send(range).expect(206);
    assert_eq!(part.body, layer[1000..2000]);
    assert_eq!(part.header("content-range"), Some("bytes 1000-1999/300000"));

    client
        .send(Request::delete("/v2/library/app/manifests/latest"))
        .expect(202);
    assert_eq!(client.tags("library/app"), ["v1"]);
    client
        .send(Request::delete(format!(
            "/v2/library/app/manifests/{digest}"
        )))
        .expect(202);
    client.pull_manifest("library/app", "v1").expect(404);
    assert_eq!(client.catalog(), Vec::<String>::new());
}

#[test]
fn names_on_the_wire_are_in_title_case() {
    let server = TestRegistry::new()
        .with(
            "http.headers",
            json!({"x-content-type-options": ["nosniff"]}),
        )
        .start();
    let (client, image) = (server.client(), Image::new(2));
    let digest = client.push_image("a/b", "v1", &image);
    let answer = client.pull_manifest("a/b", "v1").expect(200);
    let head = &answer.head;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    for line in [
        format!("\r\nDocker-Content-Digest: {digest}\r\n"),
        "\r\nDocker-Distribution-Api-Version: registry/2.0\r\n".to_owned(),
        format!("\r\nEtag: \"{digest}\"\r\n"),
        format!("\r\nContent-Type: {MEDIA_TYPE}\r\n"),
        "\r\nX-Content-Type-Options: nosniff\r\n".to_owned(),
        "\r\nDate: ".to_owned(),
    ] {
        assert!(head.contains(&line), "{line:?} in {head}");
    }
    let begun = client
        .send(Request::post("/v2/a/b/blobs/uploads/"))
        .expect(202);
    let location = "\r\nLocation: http://localhost/v2/a/b/blobs/uploads/";
    for line in ["\r\nDocker-Upload-Uuid: ", "\r\nRange: 0-0\r\n", location] {
        assert!(begun.head.contains(line), "{line:?} in {}", begun.head);
    }
}

#[test]
fn the_base_is_two_bytes_of_json() {
    let server = TestRegistry::new().start();
    let answer = server.client().get("/v2/").expect(200);
    assert_eq!(answer.header("content-length"), Some("2"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.text(), "{}");
    let root = server.client().get("/").expect(200);
    assert_eq!(root.header("docker-distribution-api-version"), None);
    assert_eq!(root.text(), "");
}

#[test]
fn every_answer_below_v2_names_the_version_of_the_api() {
    let server = TestRegistry::new().start();
    let client = server.client();
    let digest = client.push_blob("a/b", b"content");
    let unknown = Digest::sha256(b"unknown");
    for (request, status) in [
        (Request::get("/v2/"), 200),
        (Request::get("/v2"), 301),
        (Request::get(format!("/v2/a/b/blobs/{digest}")), 200),
        (Request::get(format!("/v2/a/b/blobs/{unknown}")), 404),
        (Request::get("/v2/a/b/manifests/none"), 404),
        (Request::get("/v2/no-such-path"), 404),
        (Request::get("/v2/a/b/blobs/sha256:short"), 400),
        (Request::get("/v2/UPPER/tags/list"), 400),
        (Request::delete(format!("/v2/a/b/blobs/{digest}")), 405),
        (Request::patch("/v2/_catalog"), 405),
        (
            Request::get(format!("/v2/a/b/blobs/{digest}")).header("Range", "bytes=7-"),
            416,
        ),
        (Request::put("/v2/a/b/manifests/v1").body(b"{"), 400),
        (Request::post("/v2/a/b/blobs/uploads/"), 202),
    ] {
        let told = format!("{} {}", request.method, request.target);
        let answer = client.send(request).expect(status);
        let version = answer.header("docker-distribution-api-version");
        assert_eq!(version, Some("registry/2.0"), "{told}");
    }
}
