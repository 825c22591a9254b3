//! Lists of referrers: what is in them, in which order, and where it comes from.

use std::sync::Arc;

use serde_json::json;
use wharf_oci::{Algorithm, MediaType};
use wharf_storage::{
    config::{DEFAULT_MAX_THREADS, Durability, FilesystemConfig},
    filesystem::Filesystem,
    inmemory::InMemory,
    testing::Faulty,
};

use super::*;
use crate::{
    Repository,
    testing::{
        ALWAYS, TestRegistry, attached, blob_path, image, image_document, index, link, manifest,
        push_image, push_manifest, push_parts, sha256, tag,
    },
};

fn everything() -> ReferrersRequest {
    ReferrersRequest {
        after: None,
        limit: usize::MAX,
        artifact_type: None,
    }
}

async fn digests(repository: &Repository, subject: &Digest) -> Vec<Digest> {
    let listing = repository.manifests.referrers(subject, everything()).await;
    let listing = listing.unwrap();
    assert!(!listing.more);
    listing.items.into_iter().map(|item| item.digest).collect()
}

/// Pushes an artifact that is about a subject, with its blobs.
async fn attach(repository: &Repository, seed: &str, subject: &Manifest) -> Manifest {
    push_parts(repository, seed).await;
    push_manifest(repository, attached(seed, subject), None).await
}

/// Stores a manifest as Distribution does, which knows nothing of subjects.
async fn store_as_distribution(test: &TestRegistry, manifest: &Manifest) {
    let digest = manifest.digest();
    test.write(&blob_path(digest), manifest.bytes().clone())
        .await;
    let revision = format!("repositories/a/_manifests/revisions/{}", link(digest));
    test.write(&revision, digest.to_string()).await;
}

fn sorted(manifests: &[&Manifest]) -> Vec<Digest> {
    let mut digests: Vec<_> = manifests.iter().map(|m| m.digest().clone()).collect();
    digests.sort();
    digests
}

#[tokio::test]
async fn what_is_about_a_subject_is_listed_whether_the_subject_is_there_or_not() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let subject = image("subject");
    assert_eq!(digests(&repository, subject.digest()).await, []);
    let before = attach(&repository, "before", &subject).await;
    push_image(&repository, "subject", Some("v1")).await;
    let after = attach(&repository, "after", &subject).await;
    let on_another = attach(&repository, "on another", &before).await;
    let listed = digests(&repository, subject.digest()).await;
    assert_eq!(listed, sorted(&[&before, &after]));
    assert_eq!(
        digests(&repository, before.digest()).await,
        sorted(&[&on_another])
    );
    let elsewhere = test.repository("b");
    assert_eq!(digests(&elsewhere, subject.digest()).await, []);
    // Pushed twice, listed once.
    push_manifest(&repository, before.clone(), Some("tagged")).await;
    assert_eq!(digests(&repository, subject.digest()).await, listed);

    repository
        .manifests
        .delete(before.digest(), ALWAYS)
        .await
        .unwrap();
    assert_eq!(
        digests(&repository, subject.digest()).await,
        sorted(&[&after])
    );
    repository
        .manifests
        .delete(subject.digest(), ALWAYS)
        .await
        .unwrap();
    assert_eq!(
        digests(&repository, subject.digest()).await,
        sorted(&[&after])
    );
    push_manifest(&repository, before.clone(), None).await;
    assert_eq!(digests(&repository, subject.digest()).await, listed);
    assert!(
        !test.files().await.iter().any(|f| f.contains("/b/")),
        "asking makes nothing"
    );
}

#[tokio::test]
async fn type_and_annotations_are_those_of_the_manifest() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let subject = push_image(&repository, "subject", None).await;
    let about = serde_json::to_value(subject.descriptor()).unwrap();
    push_parts(&repository, "x").await;
    let mut plain = image_document("x config", &["x layer"]);
    plain["subject"] = about.clone();
    plain["annotations"] = json!({"org.example": "", "b": "2"});
    let mut typed = plain.clone();
    typed["artifactType"] = json!("application/vnd.example");
    let mut list: serde_json::Value = serde_json::from_slice(index(&[&subject]).bytes()).unwrap();
    list["subject"] = about;
    let expected = [
        (
            &plain,
            Some(MediaType::OCI_CONFIG.to_string()),
            MediaType::OCI_MANIFEST,
        ),
        (
            &typed,
            Some("application/vnd.example".to_owned()),
            MediaType::OCI_MANIFEST,
        ),
        (&list, None, MediaType::OCI_INDEX),
    ];
    for (document, artifact_type, media_type) in expected {
        let pushed = push_manifest(&repository, manifest(document), None).await;
        let request = ReferrersRequest {
            artifact_type: artifact_type.clone(),
            ..everything()
        };
        let listing = repository
            .manifests
            .referrers(subject.digest(), request)
            .await;
        let found = listing
            .unwrap()
            .items
            .into_iter()
            .find(|d| d.digest == *pushed.digest());
        let found = found.unwrap();
        assert_eq!(found.artifact_type, artifact_type);
        assert_eq!(found.media_type, media_type);
        assert_eq!(found.size, pushed.size());
        assert_eq!(&found.annotations, pushed.annotations());
    }
    let request = ReferrersRequest {
        artifact_type: Some("application/vnd.example".to_owned()),
        ..everything()
    };
    let listing = repository
        .manifests
        .referrers(subject.digest(), request)
        .await;
    assert_eq!(listing.unwrap().items.len(), 1);
}

#[tokio::test]
async fn pages_hold_each_referrer_once() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let subject = image("subject");
    let mut all = Vec::new();
    for number in 0..7 {
        let seed = number.to_string();
        push_parts(&repository, &seed).await;
        let mut pushed = attached(&seed, &subject);
        if number % 2 == 0 {
            let sha512 = Digest::of(Algorithm::Sha512, pushed.bytes());
            pushed = pushed.with_digest(sha512);
        }
        all.push(
            push_manifest(&repository, pushed, None)
                .await
                .digest()
                .clone(),
        );
    }
    all.sort();
    for limit in 1..9 {
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let request = ReferrersRequest {
                after,
                limit,
                artifact_type: None,
            };
            let page = repository
                .manifests
                .referrers(subject.digest(), request)
                .await
                .unwrap();
            assert!(page.items.len() <= limit);
            listed.extend(page.items.into_iter().map(|item| item.digest));
            if !page.more {
                break;
            }
            after = listed.last().cloned();
        }
        assert_eq!(listed, all, "pages of {limit}");
    }
}

#[tokio::test]
async fn a_page_of_large_annotations_ends_early_and_is_never_empty() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let subject = image("subject");
    push_parts(&repository, "x").await;
    for number in 0..3 {
        let mut document: serde_json::Value =
            serde_json::from_slice(attached("x", &subject).bytes()).unwrap();
        document["annotations"] = json!({"large": number.to_string().repeat(PAGE_SIZE * 2 / 3)});
        push_manifest(&repository, manifest(&document), None).await;
    }
    let mut after = None;
    for more in [true, true, false] {
        let request = ReferrersRequest {
            after,
            ..everything()
        };
        let page = repository
            .manifests
            .referrers(subject.digest(), request)
            .await
            .unwrap();
        assert_eq!((page.items.len(), page.more), (1, more));
        after = page.items.into_iter().next().map(|item| item.digest);
    }
}

#[tokio::test]
async fn what_distribution_stored_is_found_at_any_time() {
    let folder = tempfile::tempdir().unwrap();
    for test in [TestRegistry::new(), TestRegistry::in_folder(&folder)] {
        let repository = test.repository("a");
        let subject = push_image(&repository, "subject", Some("v1")).await;
        let mut known = Vec::new();
        for seed in ["one", "two", "three"] {
            push_parts(&repository, seed).await;
            let stored = attached(seed, &subject);
            store_as_distribution(&test, &stored).await;
            // What its clients list in the tag for that is the same manifest.
            let fallback = index(&[&stored]);
            let fallback_tag = tag(&subject.digest().as_str().replace(':', "-"));
            let tags = [fallback_tag];
            let put = repository.manifests.put(&fallback, &tags, ALWAYS);
            put.await.unwrap();
            known.push(stored);
            let expected = sorted(&known.iter().collect::<Vec<_>>());
            for registry in [&test, &test.restarted()] {
                let repository = registry.repository("a");
                assert_eq!(digests(&repository, subject.digest()).await, expected);
                assert_eq!(digests(&repository, subject.digest()).await, expected);
            }
        }
        // It deletes the link alone, and so the manifest is gone.
        let gone = known.pop().unwrap();
        let revision = format!(
            "repositories/a/_manifests/revisions/{}",
            link(gone.digest())
        );
        test.remove(&revision).await;
        let expected = sorted(&known.iter().collect::<Vec<_>>());
        assert_eq!(digests(&repository, subject.digest()).await, expected);
        // Its link comes back where the folder still is.
        test.write(&revision, gone.digest().to_string()).await;
        assert_eq!(digests(&repository, subject.digest()).await.len(), 3);
        // What is ours can be made again.
        test.remove("repositories/a/_referrers").await;
        assert_eq!(digests(&repository, subject.digest()).await.len(), 3);
    }
}

#[tokio::test]
async fn nothing_is_looked_through_again_that_has_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let config = FilesystemConfig {
        rootdirectory: folder.path().to_owned(),
        maxthreads: DEFAULT_MAX_THREADS,
        durability: Durability::None,
    };
    let faulty = Faulty::new(Arc::new(Filesystem::open(config).unwrap()));
    let test = TestRegistry::on(Arc::new(faulty.clone()));
    let repository = test.repository("a");
    let subject = push_image(&repository, "subject", None).await;
    for number in 0..20 {
        attach(&repository, &number.to_string(), &image("another")).await;
    }
    let on_it = attach(&repository, "on it", &subject).await;
    let revisions = folder
        .path()
        .join("docker/registry/v2/repositories/a/_manifests/revisions/sha256");
    let past = SystemTime::now() - Duration::from_secs(3600);
    std::fs::File::open(revisions)
        .unwrap()
        .set_modified(past)
        .unwrap();

    assert_eq!(
        digests(&repository, subject.digest()).await,
        sorted(&[&on_it])
    );
    // A restart has forgotten what was looked at, but not that all was.
    let repository = test.restarted().repository("a");
    // Twenty-two manifests, and a handful of calls.
    faulty.fail_at(10);
    let listed = digests(&repository, subject.digest()).await;
    assert_eq!(listed, sorted(&[&on_it]));
    assert!(!faulty.has_failed());
}

/// An operator deletes the lists while manifests are pushed and lists are read.
#[tokio::test(flavor = "multi_thread")]
async fn lists_that_are_deleted_while_they_are_made_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let test = TestRegistry::in_folder(&folder);
    let lists = folder
        .path()
        .join("docker/registry/v2/repositories/a/_referrers");
    let repository = test.repository("a");
    let subject = image("subject");
    push_parts(&repository, "x").await;
    for round in 0..5 {
        let pushers = (0..2).map(|pusher| {
            let (repository, subject) = (repository.clone(), subject.clone());
            tokio::spawn(async move {
                for number in 0..10 {
                    let mut document: serde_json::Value =
                        serde_json::from_slice(attached("x", &subject).bytes()).unwrap();
                    document["annotations"] = json!({"n": format!("{round} {pusher} {number}")});
                    push_manifest(&repository, manifest(&document), None).await;
                    digests(&repository, subject.digest()).await;
                }
            })
        });
        let pushers: Vec<_> = pushers.collect();
        while std::fs::remove_dir_all(&lists).is_err() {
            tokio::task::yield_now().await;
        }
        for pusher in pushers {
            pusher.await.unwrap();
        }
        let listed = digests(&repository, subject.digest()).await;
        assert_eq!(listed.len(), (round + 1) * 20);
    }
}

/// A character may take six bytes in the answer.
#[tokio::test]
async fn a_page_is_as_large_as_it_is_written() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let subject = image("subject");
    push_parts(&repository, "x").await;
    for number in 0..4 {
        let mut document: serde_json::Value =
            serde_json::from_slice(attached("x", &subject).bytes()).unwrap();
        let large = "\u{1}".repeat(PAGE_SIZE / 7);
        document["annotations"] = json!({"large": format!("{large}{number}")});
        push_manifest(&repository, manifest(&document), None).await;
    }
    let page = repository
        .manifests
        .referrers(subject.digest(), everything())
        .await
        .unwrap();
    assert_eq!((page.items.len(), page.more), (1, true));
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_hides_no_other() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let subject = image("subject");
    let good = attach(&repository, "good", &subject).await;
    let bad = attach(&repository, "bad", &subject).await;
    test.write(&blob_path(bad.digest()), "damaged").await;
    assert_eq!(
        digests(&repository, subject.digest()).await,
        sorted(&[&good])
    );
    test.remove("repositories/a/_referrers").await;
    assert_eq!(
        digests(&repository, subject.digest()).await,
        sorted(&[&good])
    );
    let other = sha256("other");
    test.write(
        &format!(
            "repositories/a/_referrers/sha256/{}/{}",
            other.hex(),
            link(good.digest())
        ),
        "",
    )
    .await;
    assert_eq!(digests(&repository, &other).await, [], "a hint is no proof");
}

/// A failing store is an error, never a list without some.
#[tokio::test]
async fn a_list_is_whole_or_an_error_wherever_the_store_fails() {
    let faulty = Faulty::new(Arc::new(InMemory::new()));
    let test = TestRegistry::on(Arc::new(faulty.clone()));
    let repository = test.repository("a");
    let subject = image("subject");
    let first = attach(&repository, "first", &subject).await;
    push_parts(&repository, "second").await;
    let second = attached("second", &subject);
    store_as_distribution(&test, &second).await;
    let mut failures = 0;
    let marker = "repositories/a/_referrers/indexed";
    for call in 0.. {
        faulty.fail_at(call);
        let listing = test
            .restarted()
            .repository("a")
            .manifests
            .referrers(subject.digest(), everything())
            .await;
        let reached = faulty.has_failed();
        faulty.heal();
        match listing {
            Ok(listing) => assert_eq!(listing.items.len(), 2, "call {call}"),
            Err(error) => {
                assert!(matches!(error, Error::Storage(_)), "{error}");
                failures += 1;
            }
        }
        if !reached {
            break;
        }
        if test.read(marker).await.is_some() {
            test.remove(marker).await;
        }
    }
    assert!(failures > 5, "{failures}");
    assert_eq!(
        digests(&repository, subject.digest()).await,
        sorted(&[&first, &second])
    );
}
