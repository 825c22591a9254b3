//! Blobs mounted from another repository.

use crate::test_registry::{TestRegistry, blob, closing, sha256};

fn mount(name: &str, query: &str) -> String {
    format!("/v2/{name}/blobs/uploads/?{query}")
}

#[tokio::test]
async fn a_blob_is_mounted_from_another_repository() {
    let registry = TestRegistry::start();
    let digest = registry.push_blob("library/base", "layer").await;
    for (name, query) in [
        ("plain", format!("mount={digest}&from=library/base")),
        (
            "encoded",
            format!(
                "from=library%2Fbase&mount={}",
                digest.to_string().replace(':', "%3A")
            ),
        ),
        (
            "with/digest",
            format!("mount={digest}&from=library/base&digest={digest}"),
        ),
    ] {
        let answer = registry.post(&mount(name, &query)).send().await;
        let expected = [
            "201".to_owned(),
            "content-length: 0".to_owned(),
            format!("docker-content-digest: {digest}"),
            format!("location: http://registry.test{}", blob(name, &digest)),
        ];
        assert_eq!(answer.head(), expected, "{query}");
        let pulled = registry.get(&answer.location()).send().await;
        assert_eq!(pulled.expect(200).text(), "layer");
    }
    assert_eq!(registry.upload_files().await, [""; 0]);
}

#[tokio::test]
async fn a_mounted_blob_stays_when_its_source_goes() {
    let registry = TestRegistry::start();
    let digest = registry.push_blob("a", "layer").await;
    let path = mount("b", &format!("mount={digest}&from=a"));
    registry.post(&path).send().await.expect(201);
    let deleted = registry.delete(&blob("a", &digest)).send().await;
    deleted.expect(202);
    registry.pull_blob("a", &digest).await.expect(404);
    let pulled = registry.pull_blob("b", &digest).await.expect(200);
    assert_eq!(pulled.text(), "layer");
}

#[tokio::test]
async fn a_mount_that_cannot_be_done_becomes_an_upload() {
    let registry = TestRegistry::start();
    let there = registry.push_blob("a", "layer").await;
    let missing = sha256("missing");
    for query in [
        format!("mount={missing}&from=a"),
        format!("mount={there}&from=nothing/here"),
        format!("mount={there}"),
        format!("mount={there}&from="),
        format!("mount={there}&from=A/.."),
        "mount=sha256:abc&from=a".to_owned(),
        "mount=nonsense&from=a".to_owned(),
        format!("mount={missing}&from=a&digest={missing}"),
    ] {
        let answer = registry.post(&mount("b", &query)).send().await;
        let answer = answer.expect(202);
        assert_eq!(answer.header("range"), Some("0-0"), "{query}");
        assert_eq!(answer.header("docker-content-digest"), None, "{query}");
        let path = closing(&answer.location(), &sha256("own"));
        registry.put(&path).body("own").send().await.expect(201);
    }
    registry.pull_blob("b", &there).await.expect(404);
}

#[tokio::test]
async fn an_empty_mount_is_none() {
    let registry = TestRegistry::start();
    let digest = sha256("whole");
    let path = mount("a", &format!("mount=&from=&digest={digest}"));
    registry.post(&path).body("whole").send().await.expect(201);
}
