//! Blobs mounted from another repository.

use crate::{
    gatekeeper::Gatekeeper,
    test_registry::{TestRegistry, blob, closing, sha256},
};

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
        format!("mount={missing}"),
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
async fn a_mount_without_a_source_finds_one_that_the_caller_may_read() {
    let gatekeeper = Gatekeeper(&[
        (
            "owner",
            &["repository:secret:pull", "repository:secret:push"],
        ),
        ("guest", &["repository:own:pull", "repository:own:push"]),
        (
            "friend",
            &[
                "repository:own:pull",
                "repository:own:push",
                "repository:secret:pull",
            ],
        ),
    ]);
    let registry = TestRegistry::set_up().guarded_by(gatekeeper).start();
    let digest = sha256("layer");
    let path = mount("secret", &format!("digest={digest}"));
    let pushed = registry.post(&path).header("authorization", "owner");
    pushed.body("layer").send().await.expect(201);
    for query in [format!("mount={digest}"), format!("mount={digest}&from=")] {
        for (who, expected) in [("guest", 202), ("friend", 201), ("guest", 201)] {
            let post = registry
                .post(&mount("own", &query))
                .header("authorization", who);
            let answer = post.send().await.expect(expected);
            let named = (expected == 201).then_some(digest.as_str());
            assert_eq!(
                answer.header("docker-content-digest"),
                named,
                "{who} {query}"
            );
        }
        let own = registry.again().start();
        own.delete(&blob("own", &digest)).send().await.expect(202);
    }
}

#[tokio::test]
async fn an_upload_may_say_what_it_is_to_be_hashed_with() {
    let registry = TestRegistry::start();
    for (algorithm, expected) in [("sha256", 202), ("sha512", 202), ("", 202), ("md5", 400)] {
        let path = mount("a", &format!("digest-algorithm={algorithm}"));
        let answer = registry.post(&path).send().await.expect(expected);
        if expected == 400 {
            answer.expect_error(400, "DIGEST_INVALID");
        }
    }
}

#[tokio::test]
async fn an_empty_mount_is_none() {
    let registry = TestRegistry::start();
    let digest = sha256("whole");
    let path = mount("a", &format!("mount=&from=&digest={digest}"));
    registry.post(&path).body("whole").send().await.expect(201);
}
