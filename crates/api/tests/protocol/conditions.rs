//! Conditional requests (RFC 9110, section 13) for blobs and manifests.

use crate::{
    document::Document,
    test_registry::{TestRegistry, blob, manifest, sha256},
};

#[tokio::test]
async fn a_client_that_has_the_content_is_told_so() {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    registry.push_manifest("a", "v1", &image).await;
    for (path, digest) in [
        (blob("a", &sha256("a layer")), sha256("a layer")),
        (manifest("a", "v1"), image.digest()),
        (manifest("a", image.digest().as_str()), image.digest()),
    ] {
        for condition in [
            format!("\"{digest}\""),
            digest.to_string(),
            format!("W/\"{digest}\""),
            format!("\"other\", \"{digest}\""),
            "*".to_owned(),
        ] {
            for method in ["GET", "HEAD"] {
                let ask = registry.ask(method, &path);
                let answer = ask.header("if-none-match", &condition).send().await;
                let mut expected = vec![
                    "304".to_owned(),
                    format!("docker-content-digest: {digest}"),
                    format!("etag: \"{digest}\""),
                ];
                if path.contains("/blobs/") {
                    expected.insert(1, "cache-control: max-age=31536000".to_owned());
                }
                assert_eq!(answer.head(), expected, "{method} {path} {condition}");
            }
        }
        let lines = registry.get(&path).header("if-none-match", "\"other\"");
        let lines = lines.header("if-none-match", &format!("\"{digest}\""));
        lines.send().await.expect(304);
    }
}

#[tokio::test]
async fn a_client_that_has_other_content_gets_this() {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    registry.push_manifest("a", "v1", &image).await;
    for path in [blob("a", &sha256("a layer")), manifest("a", "v1")] {
        for condition in [
            format!("\"{}\"", sha256("other")),
            String::new(),
            "\"".to_owned(),
        ] {
            let ask = registry.get(&path).header("if-none-match", &condition);
            ask.send().await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_client_that_expects_other_content_is_refused() {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    registry.push_manifest("a", "v1", &image).await;
    for (path, digest) in [
        (blob("a", &sha256("a layer")), sha256("a layer")),
        (manifest("a", "v1"), image.digest()),
    ] {
        let other = format!("\"{}\"", sha256("other"));
        let refused = registry.get(&path).header("if-match", &other).send().await;
        let refused = refused.expect(412);
        assert_eq!(refused.detail(), format!("the content is {digest}"));
        for condition in [
            format!("\"{digest}\""),
            format!("{other}, \"{digest}\""),
            "*".into(),
        ] {
            let ask = registry.get(&path).header("if-match", &condition);
            ask.send().await.expect(200);
        }
    }
}

#[tokio::test]
async fn conditions_on_what_is_not_there_do_not_matter() {
    let registry = TestRegistry::start();
    let digest = sha256("never pushed");
    for path in [
        blob("a", &digest),
        manifest("a", "v1"),
        manifest("a", digest.as_str()),
    ] {
        for condition in ["if-none-match", "if-match"] {
            for value in [format!("\"{digest}\""), "*".to_owned()] {
                let ask = registry.get(&path).header(condition, &value);
                ask.send().await.expect(404);
            }
        }
    }
}
