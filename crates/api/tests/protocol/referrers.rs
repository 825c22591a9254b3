//! Referrers (OCI distribution-spec, end-12), and what a push tells of its subject and tags.

use serde_json::{Value, json};
use wharf_oci::{Algorithm, Digest};

use crate::{
    answer::Answer,
    document::Document,
    test_registry::{TestRegistry, manifest, sha256},
};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn referrers(name: &str, subject: &Digest, query: &str) -> String {
    format!("/v2/{name}/referrers/{subject}{query}")
}

/// An artifact about a subject.
fn artifact(seed: &str, subject: &Digest, artifact_type: Option<&str>) -> Document {
    let about = json!({"mediaType": INDEX, "digest": subject, "size": 1});
    let document = Document::oci_image(seed).with("subject", about);
    match artifact_type {
        Some(text) => document.with("artifactType", json!(text)),
        None => document,
    }
}

/// What an answer lists, checked to be an index.
#[track_caller]
fn listed(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.header("content-type"), Some(INDEX));
    let mut index: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(index["schemaVersion"], 2);
    assert_eq!(index["mediaType"], INDEX);
    serde_json::from_value(index["manifests"].take()).unwrap()
}

#[tokio::test]
async fn there_is_always_a_list() {
    let registry = TestRegistry::start();
    let subject = sha256("subject");
    for name in ["nothing/here", "a"] {
        for query in ["", "?artifactType=application%2Fvnd.x", "?n=0", "?x=y"] {
            let path = referrers(name, &subject, query);
            let answer = registry.get(&path).send().await.expect(200);
            assert_eq!(listed(&answer), [Value::Null; 0], "{path}");
            let applied = query.contains("artifactType").then_some("artifactType");
            assert_eq!(answer.header("oci-filters-applied"), applied, "{path}");
            let head = registry.head(&path).send().await;
            assert_eq!(head.head(), answer.head());
        }
    }
    assert_eq!(registry.files().await, [""; 0]);
    for (path, code) in [
        ("/v2/a/referrers/sha256:abc".to_owned(), "DIGEST_INVALID"),
        ("/v2/a/referrers/v1".to_owned(), "DIGEST_INVALID"),
        ("/v2/a/referrers/Blake3:a".to_owned(), "DIGEST_INVALID"),
        (referrers("a", &subject, "?last=x"), "DIGEST_INVALID"),
        (
            referrers("a", &subject, "?n=x"),
            "PAGINATION_NUMBER_INVALID",
        ),
        (referrers("A", &subject, ""), "NAME_INVALID"),
    ] {
        registry.get(&path).send().await.expect_error(400, code);
    }
}

#[tokio::test]
async fn a_push_with_a_subject_tells_it_and_is_listed() {
    let registry = TestRegistry::start();
    let subject = Document::oci_image("subject");
    let with_type = artifact("a", &subject.digest(), Some("application/vnd.a+json"));
    let without =
        artifact("b", &subject.digest(), None).with("annotations", json!({"org.example": "<b>"}));
    let about = json!({"mediaType": INDEX, "digest": subject.digest(), "size": 1});
    let index = Document::oci_index(&[("linux/amd64", &subject)]).with("subject", about);
    registry.push_manifest("x/y", "v1", &subject).await;
    for (reference, document) in [("tagged", &with_type), ("", &without), ("", &index)] {
        let digest = document.digest();
        let reference = if reference.is_empty() {
            digest.as_str()
        } else {
            reference
        };
        registry
            .push_manifest("x/y", digest.as_str(), document)
            .await;
        let put = registry
            .put_manifest("x/y", reference, document)
            .await
            .expect(201);
        assert_eq!(put.header("oci-subject"), Some(subject.digest().as_str()));
    }
    let entry = |document: &Document, artifact_type: Option<&str>| {
        let mut entry = json!({
            "mediaType": document.media_type,
            "digest": document.digest(),
            "size": document.bytes.len(),
        });
        if let Some(text) = artifact_type {
            entry["artifactType"] = json!(text);
        }
        entry
    };
    let mut of_b = entry(&without, Some("application/vnd.oci.image.config.v1+json"));
    of_b["annotations"] = json!({"org.example": "<b>"});
    let of_a = entry(&with_type, Some("application/vnd.a+json"));
    let mut expected = vec![of_a.clone(), of_b.clone(), entry(&index, None)];
    expected.sort_by_key(|entry| entry["digest"].as_str().unwrap().to_owned());
    let all = registry
        .get(&referrers("x/y", &subject.digest(), ""))
        .send()
        .await;
    assert_eq!(listed(&all), expected);
    assert_eq!(all.header("link"), None);
    for (query, expected) in [
        (
            "?artifactType=application%2Fvnd.a%2Bjson",
            vec![of_a.clone()],
        ),
        ("?artifactType=application/vnd.a+json", vec![of_a]),
        (
            "?artifactType=application/vnd.oci.image.config.v1%2Bjson",
            vec![of_b],
        ),
        ("?artifactType=application/vnd.c", vec![]),
    ] {
        let answer = registry
            .get(&referrers("x/y", &subject.digest(), query))
            .send()
            .await;
        assert_eq!(listed(&answer), expected, "{query}");
        assert_eq!(answer.header("oci-filters-applied"), Some("artifactType"));
    }
    let plain = registry.put_manifest("x/y", "v1", &subject).await;
    assert_eq!(plain.header("oci-subject"), None);
    let deleted = registry
        .delete(&manifest("x/y", index.digest().as_str()))
        .send()
        .await;
    deleted.expect(202);
    let all = registry
        .get(&referrers("x/y", &subject.digest(), ""))
        .send()
        .await;
    assert_eq!(listed(&all).len(), 2);
}

#[tokio::test]
async fn pages_lead_to_one_another() {
    let registry = TestRegistry::start();
    let subject = sha256("never pushed");
    let mut pushed = Vec::new();
    for seed in ["a", "b", "c", "d", "e"] {
        let kind = if seed == "c" {
            "application/vnd.other"
        } else {
            "application/vnd.x+y"
        };
        let document = artifact(seed, &subject, Some(kind));
        registry
            .push_manifest("r", document.digest().as_str(), &document)
            .await;
        pushed.push(document.digest().to_string());
    }
    pushed.remove(2);
    pushed.sort();
    let mut next = Some(referrers(
        "r",
        &subject,
        "?n=3&artifactType=application/vnd.x%2By",
    ));
    let mut found = Vec::new();
    while let Some(path) = next {
        let page = registry.get(&path).send().await.expect(200);
        assert_eq!(page.header("oci-filters-applied"), Some("artifactType"));
        let entries = listed(&page);
        assert!((1..=3).contains(&entries.len()), "{entries:?}");
        found.extend(
            entries
                .into_iter()
                .map(|e| e["digest"].as_str().unwrap().to_owned()),
        );
        next = page.header("link").map(|link| {
            let (path, rest) = link[1..].split_once('>').unwrap();
            assert_eq!(rest, "; rel=\"next\"");
            path.to_owned()
        });
    }
    assert_eq!(found, pushed);
}

#[tokio::test]
async fn a_subject_of_an_unknown_algorithm_has_its_list() {
    let registry = TestRegistry::start();
    let subject = Digest::mentioned("multihash+base58:Q=m_-").unwrap();
    let document = artifact("a", &subject, None);
    registry.push_manifest("r", "v1", &document).await;
    let put = registry.put_manifest("r", "v1", &document).await;
    assert_eq!(put.header("oci-subject"), Some(subject.as_str()));
    for registry in [&registry, &registry.again().start()] {
        let answer = registry.get(&referrers("r", &subject, "")).send().await;
        assert_eq!(listed(&answer)[0]["digest"], document.digest().as_str());
        let other = Digest::mentioned("blake3:00").unwrap();
        let answer = registry.get(&referrers("r", &other, "")).send().await;
        assert_eq!(listed(&answer), [Value::Null; 0]);
    }
}

#[tokio::test]
async fn a_subject_of_another_algorithm_has_its_list() {
    let registry = TestRegistry::start();
    let subject = Digest::of(Algorithm::Sha512, b"subject");
    let document = artifact("a", &subject, None);
    let digest = Digest::of(Algorithm::Sha512, &document.bytes);
    registry
        .push_manifest("r", digest.as_str(), &document)
        .await;
    let answer = registry.get(&referrers("r", &subject, "")).send().await;
    assert_eq!(listed(&answer)[0]["digest"], digest.as_str());
}
