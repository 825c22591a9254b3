//! Collecting around what cannot be understood, what nobody finished, and what is empty: each is
//! named once, nothing goes that it might name, and the rest is collected.

use std::path::Path;

use super::*;
use crate::testing::image_document;

const A: &str = "repositories/a";

/// Collects with a garbage blob in another repository, which goes whatever is broken in `a`.
/// Returns the report and what it found besides that blob.
async fn collect_around(test: &TestRegistry, options: CollectOptions) -> CollectReport {
    let elsewhere = push_blob(&test.repository("b"), "garbage for sure").await;
    let (report, _) = collect(test, options).await;
    assert!(test.read(&blob_path(&elsewhere)).await.is_none());
    report
}

/// An image of `a` without a tag, a garbage blob of `a`, and what could name them.
async fn untagged_and_garbage(test: &TestRegistry) -> (Manifest, Digest) {
    let repository = test.repository("a");
    push_image(&repository, "tagged", Some("v1")).await;
    let untagged = push_image(&repository, "untagged", None).await;
    let garbage = push_blob(&repository, "garbage, or named by what is broken").await;
    (untagged, garbage)
}

#[tokio::test]
async fn a_folder_that_is_no_digest_among_the_manifests_keeps_what_its_repository_has() {
    for options in [COLLECT, DELETE_UNTAGGED] {
        let test = TestRegistry::new();
        let (untagged, garbage) = untagged_and_garbage(&test).await;
        let foreign = "_manifests/revisions/sha256/not-a-digest";
        test.write(&format!("{A}/{foreign}/link"), garbage.to_string())
            .await;
        let report = collect_around(&test, options).await;
        assert_eq!((report.blobs, report.manifests), (1, 0));
        assert_eq!(report.broken.len(), 1);
        assert!(report.broken[0].starts_with("a: ") && report.broken[0].contains(foreign));
        assert!(is_whole(&test, "a", &untagged).await);
        assert!(test.read(&blob_path(&garbage)).await.is_some());
    }
}

#[tokio::test]
async fn a_folder_that_is_no_digest_among_the_blobs_is_named_and_left() {
    let test = TestRegistry::new();
    let (_, garbage) = untagged_and_garbage(&test).await;
    test.write("blobs/sha256/ab/not-a-digest/data", "x").await;
    let elsewhere = format!("blobs/sha256/xy/{}/data", sha256("x").hex());
    test.write(&elsewhere, "x").await;
    test.write(&format!("{A}/_layers/sha256/nor-is-this/link"), "x")
        .await;
    let report = collect_around(&test, COLLECT).await;
    assert_eq!(report.blobs, 2);
    assert_eq!(report.broken.len(), 2, "{:?}", report.broken);
    assert!(report.broken[1].contains("/blobs/sha256/xy: "));
    assert!(test.read(&elsewhere).await.is_some());
    assert!(
        report.broken[0].contains("/blobs/sha256/ab: ")
            && report.broken[0].contains("not-a-digest")
    );
    assert!(
        test.read("blobs/sha256/ab/not-a-digest/data")
            .await
            .is_some()
    );
    assert!(
        test.read(&format!("{A}/_layers/sha256/nor-is-this/link"))
            .await
            .is_some()
    );
    assert!(test.read(&blob_path(&garbage)).await.is_none());
}

#[tokio::test]
async fn a_tag_that_might_point_at_anything_keeps_every_manifest() {
    for (broken, told) in [
        (
            "_manifests/tags/v1/current/link",
            "the link of tag v1 holds no digest",
        ),
        (
            "_manifests/tags/-no-tag/current/link",
            "\"-no-tag\" is no tag",
        ),
    ] {
        let test = TestRegistry::new();
        let (untagged, garbage) = untagged_and_garbage(&test).await;
        test.remove(&format!("{A}/_manifests/tags/v1/index")).await;
        test.write(&format!("{A}/{broken}"), "").await;
        let report = collect_around(&test, DELETE_UNTAGGED).await;
        assert_eq!((report.blobs, report.manifests), (1, 0), "{broken}");
        assert_eq!(report.broken.len(), 1);
        assert!(report.broken[0].contains(told), "{:?}", report.broken);
        assert!(is_whole(&test, "a", &untagged).await);
        assert!(test.read(&blob_path(&garbage)).await.is_some());
    }
}

#[tokio::test]
async fn what_a_tag_names_stays_although_the_link_of_its_manifest_is_lost() {
    for options in [COLLECT, DELETE_UNTAGGED] {
        let test = TestRegistry::new();
        let repository = test.repository("a");
        let pushed = push_image(&repository, "x", Some("v1")).await;
        push_image(&repository, "y", Some("v2")).await;
        let revision = format!("{A}/_manifests/revisions/{}", link(pushed.digest()));
        test.remove(&revision).await;
        let report = collect_around(&test, options).await;
        assert_eq!((report.blobs, report.manifests), (1, 0));
        let digest = pushed.digest();
        let told = format!("a: tag v1: the repository has no link to manifest {digest}");
        assert_eq!(report.broken, [told]);
        test.write(&revision, digest.to_string()).await;
        assert!(is_whole(&test, "a", &pushed).await);
    }
}

/// Nobody moves anything back who only looks.
#[tokio::test]
async fn a_dry_run_leaves_the_trash_alone_and_tells_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let test = TestRegistry::in_folder(&folder);
    let _server = test.registry.announce().await.unwrap();
    let repository = test.repository("a");
    let untagged = push_image(&repository, "untagged", None).await;
    let size = report(&test, DELETE_UNTAGGED).await.bytes;
    let current = format!("{A}/_manifests/tags/v1/current/link");
    test.write(&current, untagged.digest().to_string()).await;
    let before = test.files().await;
    for untagged in [Untagged::Keep, Untagged::Delete] {
        let dry = CollectOptions {
            untagged,
            effect: Effect::Report,
            ..COLLECT
        };
        let found = report(&test, dry).await;
        assert_eq!((found.marked, found.blobs), (3, 0));
        assert_eq!(
            (found.emptied.blobs_left, found.emptied.bytes_left),
            (3, size)
        );
        assert_eq!(test.files().await, before);
    }
    assert_eq!(report(&test, DELETE_UNTAGGED).await.manifests, 0);
    assert!(is_whole(&test, "a", &untagged).await);
}

#[tokio::test]
async fn an_empty_link_of_a_manifest_is_named_and_the_rest_is_collected() {
    for options in [COLLECT, DELETE_UNTAGGED] {
        let test = TestRegistry::new();
        let repository = test.repository("a");
        let pushed = push_image(&repository, "x", Some("v1")).await;
        push_blob(&repository, "garbage").await;
        let path = format!("{A}/_manifests/revisions/{}", link(pushed.digest()));
        test.write(&path, "").await;
        let report = collect_around(&test, options).await;
        assert_eq!((report.blobs, report.manifests), (2, 0));
        let told = format!("a: the link of manifest {} is empty", pushed.digest());
        assert_eq!(report.broken, [told]);
    }
}

/// Counts what is asked of the store, which is what takes the time.
async fn calls_for(manifests: usize) -> u64 {
    let (test, faulty) = TestRegistry::faulty();
    let repository = test.repository("a");
    push_blob(&repository, "config").await;
    let mut last = None;
    for n in 0..manifests {
        let layer = format!("layer {n}");
        push_blob(&repository, layer.clone()).await;
        let image = manifest(&image_document("config", &[&layer]));
        push_manifest(&repository, image, Some("moving")).await;
        let image = manifest(&image_document("config", &[&layer, &layer]));
        push_manifest(&repository, image, Some(&format!("v{n}"))).await;
        // A chain, each link of which is attached to the one before.
        if let Some(subject) = &last {
            push_parts(&repository, &layer).await;
            last = Some(push_manifest(&repository, attached(&layer, subject), None).await);
        } else {
            last = Some(push_image(&repository, "first", Some("first")).await);
        }
    }
    faulty.heal();
    let report = report(&test, DELETE_UNTAGGED).await;
    assert_eq!(report.manifests, manifests - 1, "what the moving tag left");
    faulty.calls()
}

#[tokio::test]
async fn what_is_asked_of_the_store_grows_with_what_is_there() {
    let (few, many) = (calls_for(12).await, calls_for(48).await);
    assert!(few > 12 * 5, "calls are counted: {few}");
    assert!(many < few * 9 / 2, "{few} calls for 12, {many} for 48");
}

/// The empty folders of a store, but those that every store has.
fn empty_folders(store: &Path) -> Vec<String> {
    let always = ["blobs", "repositories"].map(|name| store.join(name).display().to_string());
    let mut found = empty_folders_below(store);
    found.retain(|folder| !always.contains(folder));
    found
}

fn empty_folders_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let entries: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
    if entries.is_empty() {
        found.push(folder.display().to_string());
    }
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(empty_folders_below(&path));
        }
    }
    found
}

#[tokio::test]
async fn no_empty_folder_is_left_of_what_went() {
    let folder = tempfile::tempdir().unwrap();
    let test = TestRegistry::in_folder(&folder);
    let kept = push_image(&test.repository("kept"), "kept", Some("v1")).await;
    for name in ["kept", "a", "a/b/c", "Example.com/d"] {
        let gone = test.repository(name);
        let seed = &format!("goes from {name}");
        push_image(&gone, seed, None).await;
        push_parts(&gone, "signature").await;
        push_manifest(&gone, attached("signature", &image(seed)), None).await;
        gone.manifests
            .referrers(
                image(seed).digest(),
                crate::ReferrersRequest {
                    after: None,
                    limit: 10,
                    artifact_type: None,
                },
            )
            .await
            .unwrap();
    }
    let store = folder.path().join("docker/registry/v2");
    let of_no_blob = store.join(blob_path(&sha256("none")));
    std::fs::create_dir_all(of_no_blob.parent().unwrap()).unwrap();
    assert_eq!(report(&test, DELETE_UNTAGGED).await.manifests, 8);
    assert_eq!(empty_folders(&store), [""; 0]);
    assert!(!store.join("repositories/a").exists());
    assert!(!store.join("repositories/Example.com").exists());
    assert!(is_whole(&test, "kept", &kept).await);
    push_image(&test.repository("a/b/c"), "again", Some("v1")).await;
}

#[tokio::test]
async fn uploads_that_nobody_finished_go_when_they_are_old_enough() {
    let folder = tempfile::tempdir().unwrap();
    for (age, dry_run, effect, purged) in [
        (Duration::from_secs(3600), false, Effect::Delete, 0),
        (Duration::ZERO, true, Effect::Delete, 1),
        (Duration::ZERO, false, Effect::Report, 1),
        (Duration::ZERO, false, Effect::Delete, 1),
    ] {
        let test = TestRegistry::in_folder(&folder);
        let id = begin_upload(&test.repository("a"), "unfinished").await;
        // A crash between the two leaves such.
        test.remove(&format!("{A}/_uploads/{id}/startedat")).await;
        let options = CollectOptions {
            uploads: Some(PurgeOptions { age, dry_run }),
            effect,
            ..COLLECT
        };
        let found = report(&test, options).await;
        assert_eq!(
            (found.uploads.purged, found.uploads.bytes),
            (purged, 10 * purged)
        );
        let goes = purged == 1 && !dry_run && effect == Effect::Delete;
        assert_eq!(found.freed, if goes { 10 } else { 0 });
        let upload = format!("{A}/_uploads/{id}");
        let is_there = test.read(&format!("{upload}/data")).await.is_some();
        assert_eq!(is_there, !goes);
        if is_there {
            test.remove(&upload).await;
        }
    }
    assert_eq!(
        empty_folders(&folder.path().join("docker/registry/v2")),
        [""; 0]
    );
}
