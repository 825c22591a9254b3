//! Tags that a push names in its query (OCI distribution-spec, end-7b), and pushes and deletions
//! under a condition (RFC 9110, section 13).

use wharf_oci::{Algorithm, Digest};

use crate::{
    answer::Answer,
    document::Document,
    test_registry::{TestRegistry, manifest, sha256},
};

async fn put(
    registry: &TestRegistry,
    path: &str,
    document: &Document,
    condition: Option<(&'static str, &str)>,
) -> Answer {
    let mut ask = registry
        .put(path)
        .header("content-type", document.media_type.as_str());
    if let Some((name, value)) = condition {
        ask = ask.header(name, value);
    }
    ask.body(document.bytes.clone()).send().await
}

#[tokio::test]
async fn a_push_by_digest_sets_the_tags_that_it_names() {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    registry.push_manifest("a", "before", &image).await;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let digest = Digest::of(algorithm, &image.bytes);
        let names: Vec<String> = (0..12).map(|n| format!("{algorithm}.{n}")).collect();
        let query = names.join("&tag=");
        let path = format!(
            "{}?tag={query}&tag={algorithm}.3",
            manifest("a", digest.as_str())
        );
        let answer = put(&registry, &path, &image, None).await.expect(201);
        assert_eq!(answer.header("oci-tag"), Some(names.join(", ").as_str()));
        assert_eq!(answer.digest(), digest.as_str());
        for name in &names {
            let pulled = registry.pull_manifest("a", name).await.expect(200);
            assert_eq!(pulled.digest(), digest.as_str(), "{name}");
        }
    }
    let both = format!("{}?tag=beside", manifest("a", "v1"));
    let answer = put(&registry, &both, &image, None).await.expect(201);
    assert_eq!(answer.header("oci-tag"), Some("beside"));
    for tag in ["v1", "beside"] {
        registry.pull_manifest("a", tag).await.expect(200);
    }
    let plain = registry.put_manifest("a", "v1", &image).await;
    assert_eq!(plain.header("oci-tag"), None);
}

#[tokio::test]
async fn a_push_with_tags_that_cannot_be_set_stores_nothing() {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    for content in image.blobs() {
        registry.push_blob("a", content).await;
    }
    let path = manifest("a", image.digest().as_str());
    for query in ["tag=", "tag=.x", "tag=good&tag=a%2Fb"] {
        let refused = put(&registry, &format!("{path}?{query}"), &image, None).await;
        refused.expect_error(400, "TAG_INVALID");
    }
    let many: Vec<String> = (0..101).map(|n| format!("tag=t{n}")).collect();
    let refused = put(
        &registry,
        &format!("{path}?{}", many.join("&")),
        &image,
        None,
    )
    .await;
    let refused = refused.expect_error(414, "UNSUPPORTED");
    assert_eq!(refused.detail(), "more than 100 tags are named");
    registry
        .pull_manifest("a", image.digest().as_str())
        .await
        .expect(404);
    registry.pull_manifest("a", "good").await.expect(404);
}

#[tokio::test]
async fn a_push_overwrites_only_what_its_condition_expects() {
    let registry = TestRegistry::start();
    let (old, new) = (Document::oci_image("old"), Document::oci_image("new"));
    registry.push_manifest("a", "v1", &old).await;
    registry.push_manifest("a", "v2", &new).await;
    let [old_tag, new_tag] = [&old, &new].map(|document| format!("\"{}\"", document.digest()));
    let v1 = manifest("a", "v1");
    for (condition, path, is) in [
        (
            ("if-match", new_tag.as_str()),
            v1.clone(),
            format!("v1 is {}", old.digest()),
        ),
        (
            ("if-none-match", "*"),
            v1.clone(),
            format!("v1 is {}", old.digest()),
        ),
        (
            ("if-match", "*"),
            manifest("a", "absent"),
            "absent does not exist".to_owned(),
        ),
        (
            ("if-match", new_tag.as_str()),
            format!("{}?tag=v2&tag=v1", manifest("a", new.digest().as_str())),
            format!("v1 is {}", old.digest()),
        ),
        (
            ("if-none-match", "*"),
            manifest("a", new.digest().as_str()),
            format!("{0} is {0}", new.digest()),
        ),
    ] {
        let refused = put(&registry, &path, &new, Some(condition))
            .await
            .expect(412);
        let expected = format!("{is}, which the request's condition excludes");
        assert_eq!(refused.detail(), expected);
        assert_eq!(
            refused.json()["errors"][0]["message"],
            "the condition of the request does not hold"
        );
        assert_eq!(
            registry.pull_manifest("a", "v1").await.digest(),
            old.digest().as_str()
        );
    }
    let moved = put(&registry, &v1, &new, Some(("if-match", old_tag.as_str()))).await;
    moved.expect(201);
    let fresh = manifest("a", "fresh");
    for expected in [201, 412] {
        let made = put(&registry, &fresh, &new, Some(("if-none-match", "*"))).await;
        made.expect(expected);
    }
}

#[tokio::test]
async fn a_deletion_takes_only_what_its_condition_expects() {
    let registry = TestRegistry::start();
    let image = Document::oci_image("a");
    registry.push_manifest("a", "v1", &image).await;
    let other = format!("\"{}\"", sha256("other"));
    let digest = image.digest();
    for reference in ["v1", digest.as_str()] {
        let path = manifest("a", reference);
        let refused = registry
            .delete(&path)
            .header("if-match", &other)
            .send()
            .await;
        refused.expect(412);
        registry.pull_manifest("a", reference).await.expect(200);
        let own = format!("\"{digest}\"");
        let deleted = registry.delete(&path).header("if-match", &own).send().await;
        deleted.expect(202);
        registry.pull_manifest("a", reference).await.expect(404);
    }
}

/// Of many that expect the same, one goes on.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_expect_the_same_one_goes_on() {
    let registry = TestRegistry::start();
    let base = Document::oci_image("base");
    registry.push_manifest("a", "v1", &base).await;
    let documents: Vec<Document> = (0..8)
        .map(|n| Document::oci_image(&format!("image {n}")))
        .collect();
    for document in &documents {
        registry
            .push_manifest("a", document.digest().as_str(), document)
            .await;
    }
    let expected = format!("\"{}\"", base.digest());
    let path = manifest("a", "v1");
    let pushes = documents
        .iter()
        .map(|document| put(&registry, &path, document, Some(("if-match", &expected))));
    let answers = futures_util::future::join_all(pushes).await;
    let mut codes: Vec<u16> = answers
        .iter()
        .map(|answer| answer.status.as_u16())
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, [201, 412, 412, 412, 412, 412, 412, 412]);
}
