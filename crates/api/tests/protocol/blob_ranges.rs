//! Ranges of blobs (RFC 9110, section 14), and `If-Range`.

use serde_json::json;

use crate::test_registry::{TestRegistry, blob, sha256};

const CONTENT: &str = "hello world";

#[tokio::test]
async fn a_range_of_a_blob_is_served() {
    let registry = TestRegistry::start();
    let path = blob("a", &registry.push_blob("a", CONTENT).await);
    for (range, content, content_range) in [
        ("bytes=2-4", "llo", "bytes 2-4/11"),
        ("bytes=0-0", "h", "bytes 0-0/11"),
        ("bytes=-3", "rld", "bytes 8-10/11"),
        ("bytes=5-", " world", "bytes 5-10/11"),
        ("bytes=0-", CONTENT, "bytes 0-10/11"),
        ("bytes=8-5000", "rld", "bytes 8-10/11"),
        ("bytes=-5000", CONTENT, "bytes 0-10/11"),
        ("bytes=10-10", "d", "bytes 10-10/11"),
        ("BYTES=2-4", "llo", "bytes 2-4/11"),
    ] {
        for method in ["GET", "HEAD"] {
            let ask = registry.ask(method, &path).header("range", range);
            let answer = ask.send().await.expect(206);
            let length = content.len().to_string();
            assert_eq!(
                answer.header("content-range"),
                Some(content_range),
                "{range}"
            );
            assert_eq!(answer.header("content-length"), Some(length.as_str()));
            assert_eq!(answer.digest(), sha256(CONTENT).as_str(), "{range}");
            if method == "GET" {
                assert_eq!(answer.text(), content, "{range}");
            }
        }
    }
}

#[tokio::test]
async fn a_range_past_the_end_is_told_the_size() {
    let registry = TestRegistry::start();
    let path = blob("a", &registry.push_blob("a", CONTENT).await);
    for range in ["bytes=11-", "bytes=11-12", "bytes=5000-10000", "bytes=-0"] {
        let answer = registry.get(&path).header("range", range).send().await;
        let answer = answer.expect_error(416, "RANGE_INVALID");
        assert_eq!(
            answer.header("content-range"),
            Some("bytes */11"),
            "{range}"
        );
        assert_eq!(
            answer.detail(),
            "the range lies outside the blob's 11 bytes"
        );
    }
}

#[tokio::test]
async fn a_malformed_range_is_refused() {
    let registry = TestRegistry::start();
    let path = blob("a", &registry.push_blob("a", CONTENT).await);
    for range in [
        "foo",
        "bytes=5-2",
        "bytes=500-0",
        "bytes=a-b",
        "bytes=-",
        "bytes=0-1,x",
    ] {
        let answer = registry.get(&path).header("range", range).send().await;
        let answer = answer.expect_error(416, "RANGE_INVALID");
        assert_eq!(
            answer.detail(),
            json!(format!("the Range {range:?} is malformed"))
        );
    }
}

#[tokio::test]
async fn several_ranges_and_other_units_get_the_whole() {
    let registry = TestRegistry::start();
    let path = blob("a", &registry.push_blob("a", CONTENT).await);
    for range in ["bytes=0-1,3-4", "items=0-1"] {
        let answer = registry.get(&path).header("range", range).send().await;
        let answer = answer.expect(200);
        assert_eq!(answer.text(), CONTENT, "{range}");
        assert_eq!(answer.header("content-range"), None, "{range}");
    }
}

#[tokio::test]
async fn a_range_of_an_unknown_blob_is_not_found() {
    let registry = TestRegistry::start();
    let path = blob("a", &sha256("never pushed"));
    for range in ["bytes=0-1", "bytes=5-2", "foo"] {
        let answer = registry.get(&path).header("range", range).send().await;
        answer.expect_error(404, "BLOB_UNKNOWN");
    }
}

#[tokio::test]
async fn every_range_of_an_empty_blob_is_the_whole() {
    let registry = TestRegistry::start();
    let path = blob("a", &registry.push_blob("a", "").await);
    for range in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
        let answer = registry.get(&path).header("range", range).send().await;
        let answer = answer.expect(200);
        assert_eq!(answer.header("content-length"), Some("0"), "{range}");
        assert_eq!(answer.header("content-range"), None, "{range}");
    }
}

#[tokio::test]
async fn a_range_is_honoured_if_the_client_has_this_content() {
    let registry = TestRegistry::start();
    let digest = registry.push_blob("a", CONTENT).await;
    let path = blob("a", &digest);
    for (condition, status) in [
        (format!("\"{digest}\""), 206),
        (format!("\"{}\"", sha256("other")), 200),
        (format!("W/\"{digest}\""), 200),
        ("Sat, 29 Oct 1994 19:43:31 GMT".to_owned(), 200),
    ] {
        for range in ["bytes=0-4", "bytes=11-"] {
            let ask = registry.get(&path).header("range", range);
            let answer = ask.header("if-range", &condition).send().await;
            let expected = match (status, range) {
                (206, "bytes=11-") => 416,
                _ => status,
            };
            answer.expect(expected);
        }
    }
}
