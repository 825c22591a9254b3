//! Chunks that do not continue their upload, and states that do not fit: refused, with nothing
//! changed, and the client told where to go on.

use crate::test_registry::{TestRegistry, closing, sha256};

/// Finishes an upload of "hello" at its location.
async fn finish(registry: &TestRegistry, name: &str, location: &str) {
    let digest = sha256("hello world");
    let path = closing(location, &digest);
    registry.put(&path).body(" world").send().await.expect(201);
    let pulled = registry.pull_blob(name, &digest).await.expect(200);
    assert_eq!(pulled.text(), "hello world");
}

#[tokio::test]
async fn a_chunk_that_does_not_continue_the_upload_is_refused() {
    for content_range in ["6-10", "0-4", "4-8", "100-104", "bytes 6-10/20", "6-10/*"] {
        for method in ["PATCH", "PUT"] {
            for with_length in [true, false] {
                let registry = TestRegistry::start();
                let location = registry.upload("a", "hello").await;
                let path = closing(&location, &sha256("hellowrong"));
                let ask = registry.ask(method, &path);
                let ask = match with_length {
                    true => ask.body("wrong"),
                    false => ask.streamed(["wro", "ng"]),
                };
                let refused = ask.header("content-range", content_range).send().await;
                let refused = refused.expect_error(416, "RANGE_INVALID");
                assert_eq!(refused.header("range"), Some("0-4"), "{content_range}");
                assert_eq!(
                    refused.json()["errors"][0]["detail"],
                    "the upload has 5 bytes, go on from there"
                );
                let id = refused.header("docker-upload-uuid").unwrap();
                assert!(location.contains(id), "{location}");
                finish(&registry, "a", &refused.location()).await;
            }
        }
    }
}

#[tokio::test]
async fn the_first_chunk_begins_at_the_first_byte() {
    let registry = TestRegistry::start();
    let location = registry.begin_upload("a").await;
    let ask = registry.patch(&location).body("hello");
    let refused = ask.header("content-range", "1-5").send().await;
    let refused = refused.expect_error(416, "RANGE_INVALID");
    assert_eq!(refused.header("range"), Some("0-0"));
    let ask = registry.patch(&refused.location()).body("hello");
    let sent = ask.header("content-range", "0-4").send().await.expect(202);
    finish(&registry, "a", &sent.location()).await;
}

#[tokio::test]
async fn a_chunk_may_say_its_range_in_both_forms() {
    let registry = TestRegistry::start();
    for content_range in ["5-5", "bytes 5-5/11", "bytes 5-5/*", "5-5/*", "5-5/11"] {
        for streamed in [false, true] {
            let location = registry.upload("a", "hello").await;
            let ask = registry
                .patch(&location)
                .header("content-range", content_range);
            let ask = if streamed {
                ask.streamed([" "])
            } else {
                ask.body(" ")
            };
            let sent = ask.send().await.expect(202);
            assert_eq!(sent.header("range"), Some("0-5"), "{content_range}");
        }
    }
}

#[tokio::test]
async fn a_request_made_for_an_older_state_is_refused() {
    for method in ["PATCH", "PUT"] {
        let registry = TestRegistry::start();
        let old = registry.begin_upload("a").await;
        let sent = registry.patch(&old).body("hello").send().await.expect(202);
        let path = closing(&old, &sha256("hellohello"));
        let refused = registry.ask(method, &path).body("hello").send().await;
        let refused = refused.expect_error(416, "RANGE_INVALID");
        assert_eq!(refused.header("range"), Some("0-4"), "{method}");
        assert_eq!(refused.location().len(), sent.location().len());
        finish(&registry, "a", &refused.location()).await;
    }
}

#[tokio::test]
async fn a_state_that_nobody_sent_is_not_missed() {
    let registry = TestRegistry::start();
    let location = registry.upload("a", "hello").await;
    let bare = location.split_once('?').unwrap().0;
    let path = format!("{bare}?digest={}", sha256("hello world"));
    registry.put(&path).body(" world").send().await.expect(201);
}

#[tokio::test]
async fn the_state_of_another_upload_is_refused() {
    let registry = TestRegistry::start();
    let mine = registry.upload("a", "hello").await;
    let other = registry.begin_upload("a").await;
    let elsewhere = registry.begin_upload("b").await;
    let path = mine.split_once('?').unwrap().0;
    for foreign in [other, elsewhere] {
        let state = foreign.split_once('?').unwrap().1;
        for method in ["PATCH", "PUT"] {
            let path = closing(&format!("{path}?{state}"), &sha256("x"));
            let refused = registry.ask(method, &path).body("x").send().await;
            let refused = refused.expect_error(404, "BLOB_UPLOAD_INVALID");
            assert_eq!(refused.detail(), "the state belongs to another upload");
        }
    }
    finish(&registry, "a", &mine).await;
}

#[tokio::test]
async fn a_forged_state_is_refused_where_a_secret_is_configured() {
    let registry = TestRegistry::set_up().with_secret("secret").start();
    let location = registry.upload("a", "hello").await;
    let path = location.split_once('?').unwrap().0;
    let twisted = location.replace("_state=", "_state=x");
    for forged in [
        format!("{path}?_state=AAAA"),
        format!("{path}?_state=%00"),
        twisted,
    ] {
        let refused = registry.patch(&forged).body("x").send().await;
        let refused = refused.expect_error(404, "BLOB_UPLOAD_INVALID");
        assert_eq!(refused.detail(), "invalid secret", "{forged}");
    }
    let status = registry.get(&format!("{path}?_state=AAAA")).send().await;
    status.expect(204);
    finish(&registry, "a", &location).await;
}

#[tokio::test]
async fn an_upload_goes_on_after_a_restart() {
    let registry = TestRegistry::start();
    let location = registry.upload("a", "hello").await;
    let restarted = registry.again().start();
    finish(&restarted, "a", &location).await;
}

#[tokio::test]
async fn replicas_with_one_secret_share_an_upload() {
    let one = TestRegistry::set_up().with_secret("shared").start();
    let other = one.again().with_secret("shared").start();
    let stranger = one.again().with_secret("another").start();
    let begun = one.begin_upload("a").await;
    let sent = other.patch(&begun).body("hello").send().await.expect(202);
    let stale = one.patch(&begun).body("hello").send().await;
    stale.expect_error(416, "RANGE_INVALID");
    let refused = stranger.patch(&sent.location()).body("x").send().await;
    refused.expect_error(404, "BLOB_UPLOAD_INVALID");
    finish(&one, "a", &sent.location()).await;
}
