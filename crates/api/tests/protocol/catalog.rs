//! The catalog, and its pages.

use serde_json::{Value, json};

use crate::{
    document::Document,
    test_registry::{TestRegistry, manifest},
};

async fn with_repositories(names: &[&str]) -> TestRegistry {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    for name in names {
        registry.push_manifest(name, "v1", &image).await;
    }
    registry
}

#[tokio::test]
async fn repositories_are_listed_component_by_component() {
    let registry = with_repositories(&["b", "a-b", "ab/c", "aa", "a", "a/b", "a.b", "a/b/c"]).await;
    let answer = registry.get("/v2/_catalog").send().await;
    assert_eq!(
        answer.text(),
        "{\"repositories\":[\"a\",\"a/b\",\"a/b/c\",\"a-b\",\"a.b\",\"aa\",\"ab/c\",\"b\"]}\n"
    );
    let expected = [
        "200".to_owned(),
        format!("content-length: {}", answer.body.len()),
        "content-type: application/json".to_owned(),
    ];
    assert_eq!(answer.head(), expected);
    let head = registry.head("/v2/_catalog").send().await;
    assert_eq!(head.head(), expected);
}

#[tokio::test]
async fn an_empty_registry_has_an_empty_catalog() {
    let registry = TestRegistry::start();
    let answer = registry.get("/v2/_catalog").send().await.expect(200);
    assert_eq!(answer.text(), "{\"repositories\":[]}\n");
}

#[tokio::test]
async fn a_page_links_to_the_next() {
    let registry = with_repositories(&["a", "a/b", "a-b", "aa", "b"]).await;
    for (query, names, link) in [
        ("?n=2", r#"["a","a/b"]"#, Some("last=a%2Fb&n=2")),
        ("?n=2&last=a%2Fb", r#"["a-b","aa"]"#, Some("last=aa&n=2")),
        ("?n=2&last=a/b", r#"["a-b","aa"]"#, Some("last=aa&n=2")),
        ("?last=aa&n=2", r#"["b"]"#, None),
        ("?n=5", r#"["a","a/b","a-b","aa","b"]"#, None),
        ("?n=1&x=y", r#"["a"]"#, Some("last=a&n=1")),
        ("?last=a/a", r#"["a/b","a-b","aa","b"]"#, None),
        ("?last=b", "[]", None),
        ("?n=0", "[]", None),
    ] {
        let path = format!("/v2/_catalog{query}");
        let answer = registry.get(&path).send().await.expect(200);
        let expected = format!("{{\"repositories\":{names}}}\n");
        let link = link.map(|link| format!("</v2/_catalog?{link}>; rel=\"next\""));
        assert_eq!(answer.text(), expected, "{query}");
        assert_eq!(answer.header("link"), link.as_deref(), "{query}");
    }
}

#[tokio::test]
async fn a_number_of_repositories_that_is_none_is_refused() {
    let registry = TestRegistry::start();
    for (n, detail) in [
        ("-1", json!({"n": -1})),
        ("foo", json!({"n": "foo"})),
        ("1001", json!({"n": 1001})),
        ("99999999999999999999", json!({"n": "99999999999999999999"})),
    ] {
        let path = format!("/v2/_catalog?n={n}");
        let answer = registry.get(&path).send().await;
        let answer = answer.expect_error(400, "PAGINATION_NUMBER_INVALID");
        assert_eq!(answer.detail(), detail);
    }
    registry.get("/v2/_catalog?n=1000").send().await.expect(200);
}

#[tokio::test]
async fn a_page_has_a_hundred_repositories_unless_fewer_are_configured() {
    let names: Vec<String> = (0..=100).map(|n| format!("r{n:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let registry = with_repositories(&names).await;
    for (largest, count, last) in [(1000, 100, "r099"), (10, 10, "r009")] {
        let registry = registry.again().with_largest_pages(largest, 1000).start();
        let answer = registry.get("/v2/_catalog").send().await.expect(200);
        let listed = answer.json()["repositories"].clone();
        assert_eq!(listed, json!(names[..count]));
        let link = format!("</v2/_catalog?last={last}&n={count}>; rel=\"next\"");
        assert_eq!(answer.header("link"), Some(link.as_str()));
    }
}

#[tokio::test]
async fn a_repository_without_manifests_is_not_listed() {
    let registry = with_repositories(&["a", "b"]).await;
    registry.push_blob("blobs/only", "content").await;
    registry.begin_upload("upload/only").await;
    let path = manifest("a", Document::oci_image("a").digest().as_str());
    registry.delete(&path).send().await.expect(202);
    let answer = registry.get("/v2/_catalog").send().await.expect(200);
    assert_eq!(answer.json()["repositories"], Value::from(vec!["b"]));
}
