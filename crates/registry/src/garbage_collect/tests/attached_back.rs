//! What is attached to a manifest that somebody wants back, when it was garbage like its subject.

use std::thread;

use super::*;
use crate::Repository;

/// An image that no tag reaches, with a signature.
async fn push_signed(repository: &Repository) -> (Manifest, Manifest) {
    let subject = push_image(repository, "subject", None).await;
    push_parts(repository, "signature").await;
    let signature = attached("signature", &subject);
    push_manifest(repository, signature.clone(), None).await;
    (subject, signature)
}

async fn listed(repository: &Repository, subject: &Manifest) -> Vec<Digest> {
    let request = crate::ReferrersRequest {
        after: None,
        limit: 10,
        artifact_type: None,
    };
    let listed = repository.manifests.referrers(subject.digest(), request);
    let listed = listed.await.unwrap().items;
    listed.into_iter().map(|item| item.digest).collect()
}

async fn end_leases(test: &TestRegistry) {
    for file in test.files().await {
        if file.ends_with("/lease") {
            test.write(&file, "0").await;
        }
    }
}

/// Collects, and does something when all is marked and nothing is taken yet.
async fn collect_while(test: &TestRegistry, meanwhile: impl AsyncFn() + Send + Sync) {
    let mut observe = |event: CollectEvent<'_>| {
        if !matches!(event, CollectEvent::Marked { .. }) {
            return;
        }
        thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread();
                let runtime = { runtime }.enable_all().build().unwrap();
                runtime.block_on(meanwhile());
            });
        });
    };
    let progress = Progress::default();
    let collected = garbage_collect(&test.registry, DELETE_UNTAGGED, &progress, &mut observe);
    assert_eq!(collected.await.unwrap().manifests, 2);
}

#[tokio::test]
async fn what_is_tagged_while_it_is_collected_keeps_what_is_attached_to_it() {
    let test = TestRegistry::new();
    let _server = test.registry.announce().await.unwrap();
    let repository = test.repository("a");
    let (subject, signature) = push_signed(&repository).await;
    for by_index in [false, true] {
        let reached = if by_index {
            index(&[&subject])
        } else {
            subject.clone()
        };
        collect_while(&test, async || {
            let repository = test.repository("a");
            push_manifest(&repository, reached.clone(), Some("v1")).await;
        })
        .await;
        let signatures = listed(&repository, &subject).await;
        assert_eq!(signatures, [signature.digest().clone()], "{by_index}");
        end_leases(&test).await;
        for _ in 0..2 {
            report(&test, DELETE_UNTAGGED).await;
        }
        assert!(is_whole(&test, "a", &signature).await, "{by_index}");
        repository.tags.delete(&tag("v1"), ALWAYS).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_set_aside_with_its_subject_comes_back_with_it() {
    for options in [COLLECT, DELETE_UNTAGGED] {
        let test = TestRegistry::new();
        let _server = test.registry.announce().await.unwrap();
        let repository = test.repository("a");
        let (subject, signature) = push_signed(&repository).await;
        report(&test, DELETE_UNTAGGED).await;
        push_manifest(&repository, subject.clone(), Some("v1")).await;
        end_leases(&test).await;
        report(&test, options).await;
        let signatures = listed(&repository, &subject).await;
        assert_eq!(signatures, [signature.digest().clone()]);
        assert!(is_whole(&test, "a", &signature).await);
    }
}

#[tokio::test]
async fn what_was_set_aside_with_a_subject_that_nobody_wants_goes() {
    let test = TestRegistry::new();
    let _server = test.registry.announce().await.unwrap();
    push_signed(&test.repository("a")).await;
    report(&test, DELETE_UNTAGGED).await;
    end_leases(&test).await;
    let emptied = report(&test, COLLECT).await.emptied;
    assert_eq!((emptied.blobs, emptied.moved_back), (6, 0));
}

/// Its push has written the place in the list before the collection took it out, and the link after
/// the collection set that aside.
#[tokio::test]
async fn what_is_pushed_while_it_is_taken_is_in_the_list_of_its_subject() {
    let test = TestRegistry::new();
    let _server = test.registry.announce().await.unwrap();
    let repository = test.repository("a");
    push_image(&repository, "kept", Some("v1")).await;
    let (subject, signature) = push_signed(&repository).await;
    assert_eq!(listed(&repository, &subject).await.len(), 1);
    report(&test, DELETE_UNTAGGED).await;
    let revisions = "repositories/a/_manifests/revisions";
    let revision = format!("{revisions}/{}", link(signature.digest()));
    test.write(&revision, signature.digest().to_string()).await;
    let signatures = listed(&repository, &subject).await;
    assert_eq!(signatures, [signature.digest().clone()]);
}
