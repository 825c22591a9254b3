//! Collections while clients push, pull and mount: nothing that was promised is lost, and what is
//! garbage leaves its place at once.

use wharf_oci::Reference;

use super::*;
use crate::{
    Error, Repository,
    testing::{image_document, try_push_blob},
    trash::{Kept, list, restore},
};

/// Says that the leases of all that was set aside are over.
async fn end_leases(test: &TestRegistry) {
    for file in test.files().await {
        if file.ends_with("/lease") {
            test.write(&file, "0").await;
        }
    }
}

async fn files_aside(test: &TestRegistry) -> Vec<String> {
    let mut files = test.files().await;
    files.retain(|file| file.contains("/trash/") || file.contains("/_trash/"));
    files.retain(|file| file.contains("/sha256/"));
    files
}

#[tokio::test]
async fn garbage_is_set_aside_and_goes_when_its_lease_is_over() {
    let folder = tempfile::tempdir().unwrap();
    for test in [TestRegistry::new(), TestRegistry::in_folder(&folder)] {
        let _server = test.registry.announce().await.unwrap();
        let repository = test.repository("a");
        let image = push_image(&repository, "kept", Some("v1")).await;
        let garbage = push_blob(&repository, "garbage").await;
        let collected = report(&test, COLLECT).await;
        assert_eq!((collected.blobs, collected.bytes), (1, 7));
        let set_aside = SetAside {
            bytes: 7,
            lease: DEFAULT_LEASE,
        };
        assert_eq!(collected.set_aside, Some(set_aside));
        assert_eq!(test.read(&blob_path(&garbage)).await, None);
        assert_eq!(files_aside(&test).await.len(), 2);
        assert!(!is_trash_due(&test.registry).await.unwrap());
        let early = empty_trash(&test.registry, Trash::Due, &Progress::default())
            .await
            .unwrap();
        assert_eq!((early.blobs, early.blobs_left, early.bytes_left), (0, 1, 7));

        end_leases(&test).await;
        assert!(is_trash_due(&test.registry).await.unwrap());
        let emptied = empty_trash(&test.registry, Trash::Due, &Progress::default())
            .await
            .unwrap();
        assert_eq!(
            (emptied.blobs, emptied.bytes, emptied.moved_back),
            (1, 7, 0)
        );
        assert!(is_whole(&test, "a", &image).await);
        assert!(!test.files().await.iter().any(|f| f.contains(garbage.hex())));
        assert_eq!(files_aside(&test).await, [""; 0]);
    }
}

#[tokio::test]
async fn whoever_asks_for_what_was_set_aside_gets_it_back() {
    let test = TestRegistry::new();
    let _server = test.registry.announce().await.unwrap();
    let repository = test.repository("a");
    let digest = push_blob(&repository, "layer").await;
    for ask in 0..4 {
        assert_eq!(report(&test, COLLECT).await.blobs, 1);
        assert_eq!(test.read(&blob_path(&digest)).await, None);
        match ask {
            0 => drop(repository.blobs.stat(&digest).await.unwrap()),
            1 => drop(pull_blob(&repository, &digest).await.unwrap()),
            2 => drop(push_blob(&repository, "layer").await),
            _ => {
                let other = test.repository("b");
                let mounted = other.uploads.mount(&repository.name, &digest);
                drop(mounted.await.unwrap());
            }
        }
        assert!(test.read(&blob_path(&digest)).await.is_some(), "{ask}");
        pull_blob(&repository, &digest).await.unwrap();
    }
    // A repository that never had it has not got it now.
    let stranger = test.repository("c").blobs.stat(&digest).await;
    assert!(matches!(stranger, Err(Error::BlobUnknown { .. })));
}

#[tokio::test]
async fn what_was_told_to_be_there_can_be_named_after_a_collection() {
    let test = TestRegistry::new();
    let _server = test.registry.announce().await.unwrap();
    let repository = test.repository("a");
    push_parts(&repository, "x").await;
    let child = push_image(&repository, "child", None).await;
    for _ in 0..2 {
        report(&test, DELETE_UNTAGGED).await;
    }
    assert!(!test.files().await.iter().any(|f| f.starts_with("blobs/")));
    let image = push_manifest(&repository, image("x"), Some("v1")).await;
    let index = push_manifest(&repository, index(&[&child]), Some("v2")).await;
    assert!(is_whole(&test, "a", &image).await);
    assert!(is_whole(&test, "a", &index).await);
    end_leases(&test).await;
    report(&test, DELETE_UNTAGGED).await;
    assert!(is_whole(&test, "a", &image).await);
    assert!(is_whole(&test, "a", &index).await);
}

/// A push is cut off between its tag and its second look.
#[tokio::test]
async fn a_collection_moves_back_what_it_finds_named() {
    let test = TestRegistry::new();
    let _server = test.registry.announce().await.unwrap();
    let repository = test.repository("a");
    let image = push_image(&repository, "x", None).await;
    report(&test, DELETE_UNTAGGED).await;
    assert_eq!(files_aside(&test).await.len(), 6);
    let tag = "repositories/a/_manifests/tags/v1/current/link";
    test.write(tag, image.digest().to_string()).await;
    for options in [COLLECT, DELETE_UNTAGGED] {
        end_leases(&test).await;
        report(&test, options).await;
        assert!(is_whole(&test, "a", &image).await);
    }
    assert_eq!(files_aside(&test).await, [""; 0]);
}

#[tokio::test]
async fn what_a_client_deletes_does_not_come_back() {
    let test = TestRegistry::new();
    let _server = test.registry.announce().await.unwrap();
    let repository = test.repository("a");
    let blob = push_blob(&repository, "layer").await;
    let image = push_image(&repository, "x", None).await;
    for round in 0..2 {
        report(&test, DELETE_UNTAGGED).await;
        if round == 0 {
            // Pushed again, so that it is in its place and in the trash.
            push_blob(&repository, "layer").await;
            push_image(&repository, "x", None).await;
        }
        repository.blobs.delete(&blob).await.unwrap();
        repository
            .manifests
            .delete(image.digest(), ALWAYS)
            .await
            .unwrap();
        let gone = repository.blobs.stat(&blob).await;
        assert!(matches!(gone, Err(Error::BlobUnknown { .. })), "{round}");
        let gone = repository.manifests.get(image.digest()).await;
        assert!(
            matches!(gone, Err(Error::ManifestUnknown { .. })),
            "{round}"
        );
        push_blob(&repository, "layer").await;
        push_image(&repository, "x", None).await;
    }
}

#[tokio::test]
async fn without_a_lease_or_a_server_the_space_is_free_at_the_end() {
    let test = TestRegistry::new();
    let garbage = push_blob(&test.repository("a"), "garbage").await;
    let without_lease = CollectOptions {
        lease: Duration::ZERO,
        ..COLLECT
    };
    let server = test.registry.announce().await.unwrap().unwrap();
    let collected = report(&test, without_lease).await;
    assert_eq!((collected.set_aside, collected.emptied.blobs), (None, 1));
    assert!(!test.files().await.iter().any(|f| f.contains(garbage.hex())));

    push_blob(&test.repository("a"), "garbage").await;
    report(&test, COLLECT).await;
    assert!(test.files().await.iter().any(|f| f.contains(garbage.hex())));
    server.end().await.unwrap();
    let collected = report(&test, COLLECT).await;
    assert_eq!((collected.set_aside, collected.emptied.blobs), (None, 1));
    assert_eq!(test.files().await, [""; 0]);
}

#[tokio::test]
async fn the_trash_can_be_shown_restored_and_emptied() {
    let test = TestRegistry::new();
    let _server = test.registry.announce().await.unwrap();
    let repository = test.repository("a/b");
    let image = push_image(&repository, "x", None).await;
    let garbage = push_blob(&test.repository("only/blobs"), "garbage").await;
    let before = test.files().await;
    let bytes = image.size() + "x configx layergarbage".len() as u64;
    for _ in 0..2 {
        report(&test, DELETE_UNTAGGED).await;
        let collected = list(&test.registry).await.unwrap();
        assert_eq!((collected[0].blobs, collected[0].bytes), (4, bytes));
        assert!(collected[0].left > DEFAULT_LEASE / 2);
        assert_eq!(collected.len(), 1);
        // Four blobs, three layer links and a manifest's.
        assert_eq!(restore(&test.registry).await.unwrap(), 8);
        assert!(is_whole(&test, "a/b", &image).await);
        assert_eq!(test.files().await, before);
        assert_eq!(list(&test.registry).await.unwrap(), []);
        assert_eq!(restore(&test.registry).await.unwrap(), 0);
    }
    report(&test, DELETE_UNTAGGED).await;
    let emptied = empty_trash(&test.registry, Trash::All, &Progress::default())
        .await
        .unwrap();
    assert_eq!((emptied.blobs, emptied.bytes), (4, bytes));
    assert!(!test.files().await.iter().any(|f| f.contains(garbage.hex())));
    assert!(is_gone(&test, &image).await);
}

#[tokio::test]
async fn one_collects_at_a_time() {
    let test = TestRegistry::new();
    let collector = test.registry.store.collector().await.unwrap();
    let other = test.restarted();
    let refused =
        garbage_collect(&other.registry, COLLECT, &Progress::default(), &mut |_| {}).await;
    assert!(matches!(refused, Err(Error::AlreadyCollecting)));
    let refused = empty_trash(&other.registry, Trash::Due, &Progress::default()).await;
    assert!(matches!(refused, Err(Error::AlreadyCollecting)));
    collector.end(&test.registry.store).await.unwrap();
    report(&other, COLLECT).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_waits_until_a_collector_that_counts_on_being_alone_has_seen_it() {
    let test = TestRegistry::new();
    let store = &test.registry.store;
    let collector = store.collector().await.unwrap();
    assert!(store.begin_offline().await.unwrap());
    let server = test.registry.announce();
    let seen = async {
        while !store.has_servers().await.unwrap() {
            tokio::task::yield_now().await;
        }
        store.end_offline().await.unwrap();
    };
    let (server, ()) = tokio::join!(server, seen);
    assert!(
        !store.begin_offline().await.unwrap(),
        "there is a server now"
    );
    drop(server);
    assert!(
        store.begin_offline().await.unwrap(),
        "and now there is none"
    );
    // It is killed. The next server does not wait for it.
    drop(collector);
    drop(test.registry.announce().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_whatever_a_collector_does_just_then() {
    let folder = tempfile::tempdir().unwrap();
    let test = TestRegistry::in_folder(&folder);
    let collector = test.restarted();
    let looking = tokio::spawn(async move {
        loop {
            // As a collection does before it decides whether it is alone.
            let store = &collector.registry.store;
            if let Ok(right) = store.collector().await {
                if store.begin_offline().await.unwrap() {
                    store.end_offline().await.unwrap();
                }
                right.end(store).await.unwrap();
            }
        }
    });
    for _ in 0..300 {
        let server = test.registry.announce().await.unwrap().unwrap();
        assert!(test.registry.store.has_servers().await.unwrap());
        server.end().await.unwrap();
    }
    looking.abort();
    assert!(looking.await.unwrap_err().is_cancelled(), "no call failed");
}

/// Pushes an image with a layer that all pushers share, and tells whether all went well.
async fn push(repository: &Repository, seed: &str) -> Result<Manifest, Error> {
    let document = image_document(&format!("{seed} config"), &["shared", seed]);
    let pushed = manifest(&document);
    for part in [
        format!("{seed} config"),
        "shared".to_owned(),
        seed.to_owned(),
    ] {
        // As clients do: what is there is not sent again.
        if repository.blobs.stat(&sha256(&part)).await.is_err() {
            try_push_blob(repository, part).await?;
        }
    }
    let tags = [tag("latest")];
    repository.manifests.put(&pushed, &tags, ALWAYS).await?;
    Ok(pushed)
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_beside_endless_collections_all_succeed_and_stay() {
    let folder = tempfile::tempdir().unwrap();
    for test in [TestRegistry::new(), TestRegistry::in_folder(&folder)] {
        // Two servers, and a collector that shares nothing with them but the store.
        let servers = [&test, &test.restarted()].map(Clone::clone);
        let mut presences = Vec::new();
        for server in &servers {
            presences.push(server.registry.announce().await.unwrap());
        }
        let mut pushers = tokio::task::JoinSet::new();
        for pusher in 0..6 {
            let server = servers[pusher % 2].clone();
            pushers.spawn(async move {
                let name = format!("repository-{}", pusher % 3);
                let repository = server.repository(&name);
                let mut acknowledged = Vec::new();
                for round in 0..15 {
                    let seed = format!("{pusher} {round}");
                    acknowledged.push(push(&repository, &seed).await.unwrap());
                }
                (name, acknowledged)
            });
        }
        let collector = test.restarted();
        let mut collections = 0;
        let mut pushed = Vec::new();
        loop {
            report(&collector, DELETE_UNTAGGED).await;
            collections += 1;
            while let Some(done) = pushers.try_join_next() {
                pushed.push(done.unwrap());
            }
            if pushers.is_empty() {
                break;
            }
        }
        assert!(collections > 1, "{collections}");
        // The tag names one of the last; the others were overwritten, and are garbage by rights.
        for (name, acknowledged) in &pushed {
            let repository = test.repository(name);
            let tagged = repository.tags.resolve(&tag("latest")).await.unwrap();
            let manifest = repository.manifests.get(&tagged).await.unwrap();
            assert!(is_whole(&test, name, &manifest).await, "{name}");
            let last = acknowledged.last().unwrap().digest().clone();
            let got = repository.manifests.get(&last).await;
            let reference = Reference::Digest(last.clone());
            match got {
                Ok(manifest) => assert!(is_whole(&test, name, &manifest).await, "{reference}"),
                Err(error) => panic!("{reference} is within its lease: {error}"),
            }
        }
    }
}

#[tokio::test]
async fn what_comes_back_is_in_the_list_of_its_subject_again() {
    let test = TestRegistry::new();
    let _server = test.registry.announce().await.unwrap();
    let repository = test.repository("a");
    let subject = push_image(&repository, "subject", None).await;
    push_parts(&repository, "signature").await;
    let signature = attached("signature", &subject);
    push_manifest(&repository, signature.clone(), None).await;
    let listed = async || {
        let request = crate::ReferrersRequest {
            after: None,
            limit: 10,
            artifact_type: None,
        };
        let of = repository.manifests.referrers(subject.digest(), request);
        let listed = of.await.unwrap().items;
        listed
            .into_iter()
            .map(|item| item.digest)
            .collect::<Vec<_>>()
    };
    assert_eq!(listed().await, [signature.digest().clone()]);
    for way_back in ["restored", "asked for"] {
        assert_eq!(report(&test, DELETE_UNTAGGED).await.manifests, 2);
        assert_eq!(listed().await, [], "{way_back}");
        if way_back == "restored" {
            restore(&test.registry).await.unwrap();
        } else {
            repository.manifests.get(signature.digest()).await.unwrap();
        }
        assert_eq!(listed().await, [signature.digest().clone()], "{way_back}");
    }
}

/// A server that starts in the middle of a collection does not wait for its end, and from then on
/// nothing is deleted.
#[tokio::test]
async fn a_server_that_starts_is_let_in_and_what_is_left_is_set_aside() {
    let test = TestRegistry::new();
    let store = &test.registry.store;
    let repository = test.repository("a");
    let before = push_blob(&repository, "taken before").await;
    let after = push_blob(&repository, "taken after").await;
    let collector = store.collector().await.unwrap();
    let alone = Alone::new(store.begin_offline().await.unwrap());
    let lease = Lease {
        length: DEFAULT_LEASE,
        blobs: 2,
        bytes: 23,
    };
    let progress = Progress::default();
    let fate = Fate::Taken(&alone);
    let mut taker = Taker::new(store, fate, new_run(), lease, &progress);
    taker.take(Kept::Blob(&before), 12).await.unwrap();
    taker.flush().await.unwrap();
    assert!(*alone.hold().await);
    let server = tokio::select! {
        server = test.registry.announce() => server.unwrap(),
        never = alone.watch(store) => match never {},
    };
    assert!(server.is_some());
    assert!(!*alone.hold().await);
    taker.take(Kept::Blob(&after), 11).await.unwrap();
    let taken = taker.end().await.unwrap();
    assert_eq!((taken.freed, taken.is_aside), (12, true));
    collector.end(store).await.unwrap();
    pull_blob(&repository, &before).await.unwrap_err();
    pull_blob(&repository, &after).await.unwrap();
}

/// What a power cut can leave: the record of a lease is gone, and a repository's part is there.
#[tokio::test]
async fn what_is_in_the_trash_of_a_repository_alone_goes_or_comes_back() {
    let test = TestRegistry::new();
    let server = test.registry.announce().await.unwrap();
    let repository = test.repository("a");
    let garbage = push_blob(&repository, "garbage").await;
    push_parts(&repository, "x").await;
    assert_eq!(report(&test, COLLECT).await.layer_links, 3);
    drop(server);
    push_parts(&repository, "x").await;
    push_manifest(&repository, image("x"), Some("v1")).await;
    test.remove("_wharf/trash").await;
    assert_eq!(files_aside(&test).await.len(), 3);
    report(&test, COLLECT).await;
    assert_eq!(files_aside(&test).await, [""; 0]);
    pull_blob(&repository, &sha256("x layer")).await.unwrap();
    pull_blob(&repository, &garbage).await.unwrap_err();
}
