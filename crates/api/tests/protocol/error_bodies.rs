//! Error bodies, byte for byte: JSON as Go's encoder writes it.

use crate::test_registry::{TestRegistry, sha256};

#[tokio::test]
async fn an_error_body_is_one_line_of_json() {
    let registry = TestRegistry::start();
    let location = registry.upload("a", "hello").await;
    let bare = location.split_once('?').unwrap().0;
    for (method, path, header, expected) in [
        (
            "GET",
            "/v2/_catalog?n=foo",
            ("x", ""),
            r#"{"errors":[{"code":"PAGINATION_NUMBER_INVALID","message":"invalid number of results requested","detail":{"n":"foo"}}]}"#,
        ),
        (
            "PUT",
            bare,
            ("x", ""),
            r#"{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match uploaded content","detail":"digest missing"}]}"#,
        ),
        (
            "PATCH",
            bare,
            ("content-range", "9-12"),
            r#"{"errors":[{"code":"RANGE_INVALID","message":"invalid content range","detail":"the upload has 5 bytes, go on from there"}]}"#,
        ),
        (
            "PUT",
            "/v2/a/manifests/v1",
            ("content-type", "x"),
            r#"{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid","detail":"the Content-Type \"x\" is malformed"}]}"#,
        ),
        (
            "GET",
            "/v2/a/blobs/uploads/none",
            ("x", ""),
            r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"blob upload unknown to registry","detail":"blob upload unknown"}]}"#,
        ),
        (
            "PUT",
            "/v2/a/manifests/.x",
            ("x", ""),
            r#"{"errors":[{"code":"TAG_INVALID","message":"manifest tag did not match URI","detail":"tag must be letters, digits, underscores, dots and hyphens, and not begin with a dot or hyphen: \".x\""}]}"#,
        ),
        (
            "PATCH",
            bare,
            ("content-range", "0-1"),
            r#"{"errors":[{"code":"SIZE_INVALID","message":"provided length did not match content length","detail":"the Content-Range has 2 bytes, the Content-Length is 0"}]}"#,
        ),
    ] {
        let ask = registry.ask(method, path).header(header.0, header.1);
        let sized = header.1 == "0-1";
        let answer = if sized { ask.announcing(0) } else { ask }.send().await;
        assert_eq!(answer.text(), format!("{expected}\n"), "{method} {path}");
        let content_type = answer.header("content-type");
        assert_eq!(content_type, Some("application/json"), "{method} {path}");
    }
}

#[tokio::test]
async fn json_is_escaped_as_go_escapes_it() {
    let registry = TestRegistry::start();
    for (n, escaped) in [
        ("%3Cscript%3E%26", r"\u003cscript\u003e\u0026"),
        ("%22%5C", r#"\"\\"#),
        ("%E2%80%A8%E2%80%A9", r"\u2028\u2029"),
        ("%01%0A%09", r"\u0001\n\t"),
        ("%C3%A9%7F", "\u{e9}\u{7f}"),
        ("%FF", "\u{fffd}"),
    ] {
        let answer = registry.get(&format!("/v2/_catalog?n={n}")).send().await;
        let expected = format!(
            "{{\"errors\":[{{\"code\":\"PAGINATION_NUMBER_INVALID\",\"message\":\"invalid number of \
             results requested\",\"detail\":{{\"n\":\"{escaped}\"}}}}]}}\n"
        );
        assert_eq!(answer.expect(400).text(), expected, "{n}");
    }
}

#[tokio::test]
async fn the_head_of_an_error_tells_the_length_of_its_body() {
    let registry = TestRegistry::start();
    let digest = sha256("never pushed");
    for path in [
        "/v2/_catalog?n=foo".to_owned(),
        "/v2/nothing/tags/list".to_owned(),
        "/v2/A/tags/list".to_owned(),
        format!("/v2/a/blobs/{digest}"),
        "/v2/a/manifests/v1".to_owned(),
        "/v2/a/blobs/uploads/none".to_owned(),
        "/v2/nothing".to_owned(),
    ] {
        let get = registry.get(&path).send().await;
        assert!(get.status.is_client_error(), "{path}");
        let head = registry.head(&path).send().await;
        assert_eq!(head.head(), get.head(), "{path}");
    }
}
