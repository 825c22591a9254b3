//! Uploads that go wrong: digests, lengths, broken connections, clients in each other's way.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::sync::mpsc;
use wharf_api::body::BoxError;

use crate::test_registry::{TestRegistry, blob, closing, sha256};

#[tokio::test]
async fn an_upload_ends_with_a_digest() {
    let registry = TestRegistry::start();
    let location = registry.upload("a", "hello").await;
    for path in [location.clone(), format!("{location}&digest=")] {
        let refused = registry.put(&path).send().await;
        let refused = refused.expect_error(400, "DIGEST_INVALID");
        assert_eq!(refused.detail(), "digest missing", "{path}");
    }
    registry.get(&location).send().await.expect(204);
}

#[tokio::test]
async fn a_malformed_digest_says_what_is_wrong() {
    let registry = TestRegistry::start();
    let location = registry.upload("a", "hello").await;
    for (digest, detail) in [
        ("nonsense", "invalid checksum digest format"),
        (
            "sha256:abc",
            "invalid checksum digest length: sha256 has 64 hex digits, found 3",
        ),
        ("blake3:abc", "unsupported digest algorithm \"blake3\""),
    ] {
        for path in [
            format!("{location}&digest={digest}"),
            format!("/v2/a/blobs/uploads/?digest={digest}"),
        ] {
            let method = if path.contains("_state") {
                "PUT"
            } else {
                "POST"
            };
            let refused = registry.ask(method, &path).body("x").send().await;
            let refused = refused.expect_error(400, "DIGEST_INVALID");
            let detail = format!("{detail}: {digest:?}");
            assert_eq!(refused.detail(), detail, "{path}");
        }
    }
    let status = registry.get(&location).send().await.expect(204);
    assert_eq!(status.header("range"), Some("0-4"));
}

#[tokio::test]
async fn bytes_that_do_not_match_their_digest_are_dropped() {
    let registry = TestRegistry::start();
    let (expected, actual) = (sha256("something else"), sha256("hello"));
    let chunked = closing(&registry.upload("a", "hello").await, &expected);
    let whole = closing(&registry.begin_upload("a").await, &expected);
    let single = format!("/v2/a/blobs/uploads/?digest={expected}");
    for (method, path, body) in [
        ("PUT", chunked, ""),
        ("PUT", whole, "hello"),
        ("POST", single, "hello"),
    ] {
        let refused = registry.ask(method, &path).body(body).send().await;
        let refused = refused.expect_error(400, "DIGEST_INVALID");
        let detail = format!(
            "invalid digest for referenced layer: {expected}, content does not match digest \
             (it has {actual})"
        );
        assert_eq!(refused.detail(), detail);
        if method == "PUT" {
            let gone = registry.get(&path).send().await;
            gone.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        }
    }
    for digest in [expected, actual] {
        registry.pull_blob("a", &digest).await.expect(404);
    }
    assert_eq!(registry.files().await, [""; 0]);
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_announced_is_refused() {
    let registry = TestRegistry::start();
    for (announced, received) in [(9, "0-4"), (3, "0-2")] {
        for method in ["PATCH", "PUT"] {
            let location = registry.begin_upload("a").await;
            let path = closing(&location, &sha256("hello"));
            let ask = registry.ask(method, &path).streamed(["he", "llo"]);
            let refused = ask.announcing(announced).send().await;
            let refused = refused.expect_error(400, "SIZE_INVALID");
            let detail = format!("the chunk was announced with {announced} bytes and has 5");
            assert_eq!(refused.detail(), detail);
            let status = registry.get(&location).send().await.expect(204);
            assert_eq!(status.header("range"), Some(received), "{method}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_its_range_is_refused() {
    let registry = TestRegistry::start();
    let location = registry.begin_upload("a").await;
    let ask = registry.patch(&location).header("content-range", "0-7");
    let refused = ask.body("hello").send().await;
    let refused = refused.expect_error(400, "SIZE_INVALID");
    let detail = "the Content-Range has 8 bytes, the Content-Length is 5";
    assert_eq!(refused.detail(), detail);
    let status = registry.get(&location).send().await;
    assert_eq!(status.header("range"), Some("0-0"), "nothing was read");

    let ask = registry.patch(&location).header("content-range", "0-7");
    let refused = ask.streamed(["hello"]).send().await;
    let refused = refused.expect_error(400, "SIZE_INVALID");
    let detail = "the chunk was announced with 8 bytes and has 5";
    assert_eq!(refused.detail(), detail);
}

#[tokio::test]
async fn a_range_that_cannot_be_read_is_refused() {
    let registry = TestRegistry::start();
    let location = registry.upload("a", "hello").await;
    for range in ["x", "5", "9-5", "5-9/3", "bytes=5-9", "items 5-9"] {
        let ask = registry.patch(&location).header("content-range", range);
        let refused = ask.body("world").send().await;
        let refused = refused.expect_error(416, "RANGE_INVALID");
        let detail = json!(format!("the Content-Range {range:?} is malformed"));
        assert_eq!(refused.detail(), detail);
    }
    let status = registry.get(&location).send().await;
    assert_eq!(status.header("range"), Some("0-4"));
}

#[tokio::test]
async fn what_came_before_a_connection_broke_is_kept() {
    for method in ["PATCH", "PUT"] {
        let registry = TestRegistry::start();
        let location = registry.upload("a", "hello").await;
        let digest = sha256("hello world");
        let path = closing(&location, &digest);
        let ask = registry.ask(method, &path).cut_off_after(" wor");
        let broken = ask.send().await.expect_error(400, "SIZE_INVALID");
        assert_eq!(broken.detail(), "the request's body was cut off");

        let status = registry.get(&location).send().await.expect(204);
        assert_eq!(status.header("range"), Some("0-8"), "{method}");
        let path = closing(&status.location(), &digest);
        registry.put(&path).body("ld").send().await.expect(201);
        let pulled = registry.pull_blob("a", &digest).await.expect(200);
        assert_eq!(pulled.text(), "hello world");
    }
}

#[tokio::test]
async fn a_single_post_that_fails_leaves_nothing_behind() {
    let registry = TestRegistry::start();
    let path = format!("/v2/a/blobs/uploads/?digest={}", sha256("hello world"));
    let broken = registry.post(&path).cut_off_after("hello").send().await;
    broken.expect_error(400, "SIZE_INVALID");
    let short = registry.post(&path).streamed(["hello"]).announcing(11);
    short.send().await.expect_error(400, "SIZE_INVALID");
    assert_eq!(registry.files().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_client_left_still_ends_in_order() {
    let registry = TestRegistry::start();
    let location = registry.begin_upload("a").await;
    let (client, body) = mpsc::channel(1);
    let body = stream::unfold(body, |mut body| async {
        let piece: Option<Result<Bytes, BoxError>> = body.recv().await;
        piece.map(|piece| (piece, body))
    });
    client.send(Ok(Bytes::from("hello"))).await.unwrap();
    let mut asked = Box::pin(registry.patch(&location).arriving(body).begin());
    tokio::select! {
        biased;
        _ = &mut asked => panic!("the body has not ended"),
        () = tokio::task::yield_now() => {}
    }
    drop(asked);
    client.send(Err("connection reset".into())).await.unwrap();

    // Whoever goes on waits until the first request has let go of the upload.
    let bare = location.split_once('?').unwrap().0;
    let path = format!("{bare}?digest={}", sha256("hello world"));
    registry.put(&path).body(" world").send().await.expect(201);
}

#[tokio::test(start_paused = true)]
async fn two_requests_do_not_write_to_one_upload() {
    let registry = TestRegistry::start();
    let location = registry.begin_upload("a").await;
    let slowly = stream::repeat_with(|| Ok(Bytes::from("y"))).then(|piece| async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        piece
    });
    let first = registry.patch(&location).arriving(slowly).begin();
    tokio::pin!(first);
    let other = async {
        tokio::task::yield_now().await;
        registry.patch(&location).body("x").send().await
    };
    let other = tokio::select! {
        biased;
        _ = &mut first => panic!("the body has not ended"),
        other = other => other,
    };
    let other = other.expect_error(409, "BLOB_UPLOAD_INVALID");
    assert_eq!(other.detail(), "another request is writing to this upload");
    registry.get(&location).send().await.expect(204);
}

#[tokio::test(start_paused = true)]
async fn a_stalled_request_leaves_its_upload_to_the_next() {
    let registry = TestRegistry::start();
    let location = registry.begin_upload("a").await;
    let stalled = registry
        .patch(&location)
        .arriving(stream::pending())
        .begin();
    let next = async {
        tokio::task::yield_now().await;
        registry.patch(&location).body("x").send().await
    };
    let (stalled, next) = tokio::join!(stalled, next);
    next.expect(202);
    assert_eq!(stalled.status(), 400);
}

#[tokio::test]
async fn an_unknown_upload_is_not_found() {
    let registry = TestRegistry::start();
    let path = "/v2/a/blobs/uploads/0b37acc6-6fd7-4b84-a6d2-5a5f0f1c3a0e";
    for method in ["GET", "HEAD", "PATCH", "PUT", "DELETE"] {
        let path = format!("{path}?digest={}", sha256("x"));
        let answer = registry
            .ask(method, &path)
            .body("x")
            .send()
            .await
            .expect(404);
        if method != "HEAD" {
            let answer = answer.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
            assert_eq!(answer.detail(), "blob upload unknown", "{method}");
        }
    }
    let never = registry.head(&blob("a", &sha256("x"))).send().await;
    never.expect(404);
}
