//! Whatever is done in whichever order: tags, catalog, manifests and referrers agree with a model
//! that knows nothing of links.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};
use wharf_oci::{Algorithm, Digest};

use crate::{
    document::Document,
    test_registry::{TestRegistry, manifest},
};

const REPOSITORIES: [&str; 3] = ["a", "a/b", "a-b"];
const TAGS: [&str; 3] = ["v1", "v2", "V1"];
const SEEDS: [&str; 4] = ["image 0", "image 1", "on 0", "on 1"];

#[derive(Debug, Clone)]
enum Step {
    Push { seed: usize, tag: Option<usize> },
    PushSha512 { seed: usize, tags: BTreeSet<usize> },
    DeleteTag { tag: usize },
    Delete { seed: usize, algorithm: Algorithm },
    ForgetReferrers,
}

/// What a repository should hold.
#[derive(Debug, Default)]
struct Model {
    tags: BTreeMap<&'static str, String>,
    manifests: BTreeMap<String, usize>,
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let seed = 0..SEEDS.len();
    let tag = 0..TAGS.len();
    let algorithm = prop_oneof![Just(Algorithm::Sha256), Just(Algorithm::Sha512)];
    let step = prop_oneof![
        4 => (seed.clone(), prop::option::of(tag.clone()))
            .prop_map(|(seed, tag)| Step::Push { seed, tag }),
        1 => (seed.clone(), prop::collection::btree_set(tag.clone(), 0..3))
            .prop_map(|(seed, tags)| Step::PushSha512 { seed, tags }),
        2 => tag.prop_map(|tag| Step::DeleteTag { tag }),
        2 => (seed, algorithm).prop_map(|(seed, algorithm)| Step::Delete { seed, algorithm }),
        1 => Just(Step::ForgetReferrers),
    ];
    prop::collection::vec((0..REPOSITORIES.len(), step), 0..25)
}

/// The images, and the artifacts about them: 2 is about 0, 3 about 1.
fn documents() -> Vec<Document> {
    let mut documents: Vec<Document> = SEEDS.map(Document::oci_image).into();
    for (artifact, subject) in [(2, 0), (3, 1)] {
        let about = json!({
            "mediaType": documents[subject].media_type,
            "digest": documents[subject].digest(),
            "size": documents[subject].bytes.len(),
        });
        documents[artifact] = documents[artifact].clone().with("subject", about);
    }
    documents
}

fn digest_of(document: &Document, algorithm: Algorithm) -> String {
    Digest::of(algorithm, &document.bytes).to_string()
}

/// Carries a step out in both worlds; each answer must be what the model says.
async fn carry_out(
    registry: &TestRegistry,
    name: &'static str,
    model: &mut Model,
    step: &Step,
    documents: &[Document],
) {
    match step {
        Step::Push { seed, tag } => {
            let digest = digest_of(&documents[*seed], Algorithm::Sha256);
            let reference = tag.map_or(digest.as_str(), |tag| TAGS[tag]);
            registry
                .push_manifest(name, reference, &documents[*seed])
                .await;
            model.manifests.insert(digest.clone(), *seed);
            if let Some(tag) = tag {
                model.tags.insert(TAGS[*tag], digest);
            }
        }
        Step::PushSha512 { seed, tags } => {
            let digest = digest_of(&documents[*seed], Algorithm::Sha512);
            for content in documents[*seed].blobs() {
                registry.push_blob(name, content).await;
            }
            let query: String = tags
                .iter()
                .map(|tag| format!("&tag={}", TAGS[*tag]))
                .collect();
            let path = format!("{}?{query}", manifest(name, &digest));
            let put = registry.put(&path);
            let put = put.header("content-type", documents[*seed].media_type.as_str());
            put.body(documents[*seed].bytes.clone())
                .send()
                .await
                .expect(201);
            model
                .tags
                .extend(tags.iter().map(|tag| (TAGS[*tag], digest.clone())));
            model.manifests.insert(digest, *seed);
        }
        Step::DeleteTag { tag } => {
            let there = model.tags.remove(TAGS[*tag]).is_some();
            let deleted = registry.delete(&manifest(name, TAGS[*tag])).send().await;
            deleted.expect(if there { 202 } else { 404 });
        }
        Step::Delete { seed, algorithm } => {
            let digest = digest_of(&documents[*seed], *algorithm);
            let there = model.manifests.remove(&digest).is_some();
            model.tags.retain(|_, current| *current != digest);
            let deleted = registry.delete(&manifest(name, &digest)).send().await;
            deleted.expect(if there { 202 } else { 404 });
        }
        Step::ForgetReferrers => registry.forget_referrers(name).await,
    }
}

/// Compares everything that can be asked with the model.
async fn compare(
    registry: &TestRegistry,
    models: &BTreeMap<&'static str, Model>,
    documents: &[Document],
) {
    let catalog = registry.get("/v2/_catalog").send().await.expect(200).json();
    // The catalog's order is that of components: a, a/b, a-b.
    let expected: Vec<&str> = REPOSITORIES
        .into_iter()
        .filter(|name| !models[name].manifests.is_empty())
        .collect();
    assert_eq!(catalog["repositories"], json!(expected));
    for (name, model) in models {
        let list = registry.get(&format!("/v2/{name}/tags/list")).send().await;
        if model.manifests.is_empty() {
            list.expect_error(404, "NAME_UNKNOWN");
        } else {
            let expected: Vec<_> = model.tags.keys().collect();
            assert_eq!(list.expect(200).json()["tags"], json!(expected), "{name}");
        }
        for tag in TAGS {
            let pulled = registry.pull_manifest(name, tag).await;
            match model.tags.get(tag) {
                Some(digest) => assert_eq!(pulled.expect(200).digest(), digest),
                None => drop(pulled.expect(404)),
            }
        }
        for document in documents {
            let asked = digest_of(document, Algorithm::Sha256);
            let path = format!("/v2/{name}/referrers/{asked}");
            let answer = registry.get(&path).send().await.expect(200);
            let index: Value = serde_json::from_slice(&answer.body).unwrap();
            let listed: Vec<&str> = index["manifests"]
                .as_array()
                .unwrap()
                .iter()
                .map(|entry| entry["digest"].as_str().unwrap())
                .collect();
            let about = |seed: &usize| {
                documents[*seed].json()["subject"]["digest"].as_str() == Some(asked.as_str())
            };
            let expected: Vec<&String> = model
                .manifests
                .iter()
                .filter(|(_, seed)| about(seed))
                .map(|(digest, _)| digest)
                .collect();
            assert_eq!(listed, expected, "{name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_answer_agrees_with_what_was_done(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let registry = TestRegistry::start();
            let documents = documents();
            let mut models: BTreeMap<_, Model> =
                REPOSITORIES.into_iter().map(|name| (name, Model::default())).collect();
            for (repository, step) in &steps {
                let name = REPOSITORIES[*repository];
                let model = models.get_mut(name).unwrap();
                carry_out(&registry, name, model, step, &documents).await;
                compare(&registry, &models, &documents).await;
            }
            // A restart knows all of it.
            compare(&registry.again().start(), &models, &documents).await;
        });
    }
}
