//! The list of a repository's tags, and its pages.

use serde_json::json;

use crate::{
    document::Document,
    test_registry::{TestRegistry, manifest},
};

async fn with_tags(tags: &[&str]) -> TestRegistry {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    for tag in tags {
        registry.push_manifest("a/b", tag, &image).await;
    }
    registry
}

async fn list(registry: &TestRegistry, query: &str) -> (String, Option<String>) {
    let path = format!("/v2/a/b/tags/list{query}");
    let answer = registry.get(&path).send().await.expect(200);
    let head = registry.head(&path).send().await;
    assert_eq!(head.head(), answer.head(), "{query}");
    let link = answer.header("link").map(str::to_owned);
    (answer.text().to_owned(), link)
}

#[tokio::test]
async fn tags_are_listed_in_the_order_of_their_bytes() {
    let registry = with_tags(&["v1", "Z", "a", "_", "10", "9", "v1.0", "v1-rc", "latest"]).await;
    let (text, link) = list(&registry, "").await;
    let tags = r#"["10","9","Z","_","a","latest","v1","v1-rc","v1.0"]"#;
    assert_eq!(text, format!("{{\"name\":\"a/b\",\"tags\":{tags}}}\n"));
    assert_eq!(link, None);
}

#[tokio::test]
async fn a_page_links_to_the_next() {
    let registry = with_tags(&["v1", "v2", "v3", "v4", "v5"]).await;
    for (query, tags, link) in [
        ("?n=2", r#"["v1","v2"]"#, Some("last=v2&n=2")),
        ("?n=2&last=v2", r#"["v3","v4"]"#, Some("last=v4&n=2")),
        ("?n=2&last=v4", r#"["v5"]"#, None),
        ("?n=3&last=v2", r#"["v3","v4","v5"]"#, None),
        ("?n=5", r#"["v1","v2","v3","v4","v5"]"#, None),
        ("?n=1&other=x", r#"["v1"]"#, Some("last=v1&n=1")),
        ("?last=v3", r#"["v4","v5"]"#, None),
        ("?last=v2.5&n=1", r#"["v3"]"#, Some("last=v3&n=1")),
        ("?last=", r#"["v1","v2","v3","v4","v5"]"#, None),
        ("?n=", r#"["v1","v2","v3","v4","v5"]"#, None),
        ("?last=v5", "[]", None),
        ("?last=zzz", "[]", None),
        ("?n=0", "[]", None),
        ("?n=0&last=v2", "[]", None),
    ] {
        let expected = format!("{{\"name\":\"a/b\",\"tags\":{tags}}}\n");
        let link = link.map(|link| format!("</v2/a/b/tags/list?{link}>; rel=\"next\""));
        assert_eq!(list(&registry, query).await, (expected, link), "{query}");
    }
}

#[tokio::test]
async fn following_the_links_meets_every_tag_once() {
    let tags = ["a", "a-b", "a.b", "a_b", "aa", "ab", "b", "b-1", "b1"];
    let registry = with_tags(&tags).await;
    for n in 1..=tags.len() + 1 {
        let mut met = Vec::new();
        let mut path = format!("/v2/a/b/tags/list?n={n}");
        loop {
            let page = registry.get(&path).send().await.expect(200);
            let tags = page.json()["tags"].as_array().unwrap().clone();
            assert!(!tags.is_empty() && tags.len() <= n, "{path}");
            met.extend(tags);
            let Some(link) = page.header("link") else {
                break;
            };
            let next = link.strip_suffix(">; rel=\"next\"").unwrap();
            path = next.strip_prefix('<').unwrap().to_owned();
        }
        assert_eq!(met, tags, "in pages of {n}");
    }
}

#[tokio::test]
async fn a_number_of_tags_that_is_none_is_refused() {
    let registry = with_tags(&["v1"]).await;
    for (n, detail) in [
        ("-1", json!({"n": -1})),
        ("foo", json!({"n": "foo"})),
        ("1.5", json!({"n": "1.5"})),
        ("%3Cb%3E", json!({"n": "<b>"})),
    ] {
        let path = format!("/v2/a/b/tags/list?n={n}");
        let answer = registry.get(&path).send().await;
        let answer = answer.expect_error(400, "PAGINATION_NUMBER_INVALID");
        assert_eq!(answer.detail(), detail);
    }
}

#[tokio::test]
async fn a_page_of_tags_is_never_larger_than_configured() {
    let registry = with_tags(&["v1", "v2", "v3"]).await;
    let registry = registry.again().with_largest_pages(1000, 2).start();
    for n in ["3", "1000000", "99999999999999999999999999"] {
        let (text, link) = list(&registry, &format!("?n={n}")).await;
        assert_eq!(text, "{\"name\":\"a/b\",\"tags\":[\"v1\",\"v2\"]}\n");
        let expected = "</v2/a/b/tags/list?last=v2&n=2>; rel=\"next\"";
        assert_eq!(link.as_deref(), Some(expected), "{n}");
    }
    let (text, link) = list(&registry, "").await;
    assert_eq!(text, "{\"name\":\"a/b\",\"tags\":[\"v1\",\"v2\",\"v3\"]}\n");
    assert_eq!(link, None, "without a page's size there are no pages");
}

#[tokio::test]
async fn a_repository_without_tags_has_an_empty_list() {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    registry
        .push_manifest("a/b", image.digest().as_str(), &image)
        .await;
    let (text, link) = list(&registry, "").await;
    assert_eq!(
        (text.as_str(), link),
        ("{\"name\":\"a/b\",\"tags\":[]}\n", None)
    );
}

#[tokio::test]
async fn the_tags_of_an_unknown_repository_are_not_found() {
    let registry = with_tags(&["v1"]).await;
    registry.push_blob("blobs/only", "content").await;
    for name in ["a", "a/b/c", "b", "blobs/only"] {
        for query in ["", "?n=1", "?n=0", "?last=x", "?n=1&last=x"] {
            let path = format!("/v2/{name}/tags/list{query}");
            let answer = registry.get(&path).send().await.expect(404);
            let expected = format!(
                "{{\"errors\":[{{\"code\":\"NAME_UNKNOWN\",\
                 \"message\":\"repository name not known to registry\",\
                 \"detail\":{{\"name\":\"{name}\"}}}}]}}\n"
            );
            assert_eq!(answer.text(), expected, "{path}");
        }
    }
}

#[tokio::test]
async fn the_link_keeps_the_path_of_the_request() {
    let registry = with_tags(&["v1", "v2"]).await;
    let answer = registry.get("/v2/a%2Fb/tags/list?n=1").send().await;
    let expected = "</v2/a%2Fb/tags/list?last=v1&n=1>; rel=\"next\"";
    assert_eq!(answer.header("link"), Some(expected));
    let registry = registry.again().with_prefix("/pre").start();
    let ask = registry.get("/pre/v2/a/b/tags/list?n=1");
    let answer = ask.header("x-forwarded-host", "outer.test").send().await;
    let expected = "</pre/v2/a/b/tags/list?last=v1&n=1>; rel=\"next\"";
    assert_eq!(answer.header("link"), Some(expected));
}

#[tokio::test]
async fn a_tag_that_was_deleted_is_not_listed() {
    let registry = with_tags(&["v1", "v2"]).await;
    let deleted = registry.delete(&manifest("a/b", "v1")).send().await;
    deleted.expect(202);
    assert_eq!(registry.tags("a/b").await, ["v2"]);
}
