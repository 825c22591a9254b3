//! Garbage collection: what is kept, what goes, and what is told of it in which order.

mod around;
mod attached_back;
mod beside_servers;
mod stored_by_others;
mod unreadable;

use wharf_oci::{Algorithm, Digest, Manifest};

use super::*;
use crate::testing::{
    ALWAYS, TestRegistry, attached, begin_upload, blob_path, descriptor, image, index, link,
    manifest, pull_blob, push_blob, push_image, push_manifest, push_parts, sha256, tag,
};

const COLLECT: CollectOptions = CollectOptions {
    untagged: Untagged::Keep,
    effect: Effect::Delete,
    lease: DEFAULT_LEASE,
    uploads: None,
};
const DELETE_UNTAGGED: CollectOptions = CollectOptions {
    untagged: Untagged::Delete,
    effect: Effect::Delete,
    lease: DEFAULT_LEASE,
    uploads: None,
};

/// Collects, and returns the report with the lines that Distribution would have printed.
async fn collect(test: &TestRegistry, options: CollectOptions) -> (CollectReport, Vec<String>) {
    let mut lines = Vec::new();
    let report = garbage_collect(
        &test.registry,
        options,
        &Progress::default(),
        &mut |event| {
            lines.push(match event {
                CollectEvent::Repository(name) => name.to_string(),
                CollectEvent::NoTags(name) => format!("{name}: no tags"),
                CollectEvent::MarkingManifest(name, digest) => {
                    format!("{name}: marking manifest {digest}")
                }
                CollectEvent::MarkingBlob(name, digest) => format!("{name}: marking blob {digest}"),
                CollectEvent::ManifestEligible(name, digest, tags) => {
                    let tags: Vec<&str> = tags.iter().map(Tag::as_str).collect();
                    format!("manifest eligible: {name} {digest} {tags:?}")
                }
                CollectEvent::Marked {
                    marked,
                    blobs,
                    manifests,
                } => format!("{marked} marked, {blobs} blobs and {manifests} manifests eligible"),
                CollectEvent::BlobEligible(digest) => format!("blob eligible: {digest}"),
                CollectEvent::LayerLinkEligible(name, digest) => {
                    format!("{name}: layer link eligible: {digest}")
                }
            });
        },
    )
    .await
    .unwrap();
    (report, lines)
}

async fn report(test: &TestRegistry, options: CollectOptions) -> CollectReport {
    let (report, _) = collect(test, options).await;
    assert!(report.broken.is_empty(), "{:?}", report.broken);
    report
}

/// Whether a manifest and everything that it names can be pulled.
async fn is_whole(test: &TestRegistry, name: &str, manifest: &Manifest) -> bool {
    let repository = test.repository(name);
    let mut pending = vec![manifest.digest().clone()];
    while let Some(digest) = pending.pop() {
        let Ok(manifest) = repository.manifests.get(&digest).await else {
            return false;
        };
        for part in manifest.references() {
            if part.media_type.is_manifest() {
                pending.push(part.digest.clone());
            } else if pull_blob(&repository, &part.digest).await.is_err() {
                return false;
            }
        }
    }
    true
}

/// Whether nothing of an image is left: neither its links nor its bytes.
async fn is_gone(test: &TestRegistry, manifest: &Manifest) -> bool {
    let parts = manifest.references().map(|part| part.digest.clone());
    let digests: Vec<Digest> = parts.chain([manifest.digest().clone()]).collect();
    let files = test.files().await;
    let mentions = |file: &String| match file.split_once("/_referrers/") {
        // A list of referrers outlives its subject.
        Some((_, entry)) => digests.iter().any(|digest| entry.ends_with(&link(digest))),
        None => digests.iter().any(|digest| file.contains(digest.hex())),
    };
    !files.iter().any(mentions)
}

#[tokio::test]
async fn what_no_manifest_names_goes_and_the_rest_stays() {
    let test = TestRegistry::new();
    let tagged = push_image(&test.repository("a"), "tagged", Some("v1")).await;
    let untagged = push_image(&test.repository("a/b"), "untagged", None).await;
    let deleted = push_image(&test.repository("a"), "deleted", Some("v2")).await;
    let repository = test.repository("a");
    repository
        .manifests
        .delete(deleted.digest(), ALWAYS)
        .await
        .unwrap();
    let lonely = push_blob(&test.repository("blobs/only"), "12345").await;

    let report = report(&test, COLLECT).await;
    let bytes = deleted.size() + "deleted config".len() as u64 + "deleted layer".len() as u64 + 5;
    assert_eq!(
        report,
        CollectReport {
            marked: 6,
            blobs: 4,
            bytes,
            manifests: 0,
            layer_links: 3,
            freed: bytes,
            ..CollectReport::default()
        }
    );
    assert!(is_whole(&test, "a", &tagged).await);
    assert!(is_whole(&test, "a/b", &untagged).await);
    assert!(is_gone(&test, &deleted).await);
    assert!(!test.files().await.iter().any(|f| f.contains(lonely.hex())));

    let (again, _) = collect(&test, COLLECT).await;
    assert_eq!((again.marked, again.blobs, again.layer_links), (6, 0, 0));
}

#[tokio::test]
async fn the_steps_are_told_in_distributions_order() {
    let test = TestRegistry::new();
    let b = test.repository("b");
    push_image(&b, "x", Some("v1")).await;
    push_image(&test.repository("a"), "x", Some("v1")).await;
    push_blob(&test.repository("c"), "garbage").await;
    let (image, garbage) = (image("x"), sha256("garbage"));
    let (config, layer) = (sha256("x config"), sha256("x layer"));
    let digest = image.digest();
    let (_, lines) = collect(&test, COLLECT).await;
    assert_eq!(
        lines,
        [
            "a".to_owned(),
            format!("a: marking manifest {digest}"),
            format!("a: marking blob {config}"),
            format!("a: marking blob {layer}"),
            "b".to_owned(),
            format!("b: marking manifest {digest}"),
            "3 marked, 1 blobs and 0 manifests eligible".to_owned(),
            format!("blob eligible: {garbage}"),
            format!("c: layer link eligible: {garbage}"),
        ]
    );
}

#[tokio::test]
async fn untagged_manifests_are_told_after_all_are_marked() {
    let test = TestRegistry::new();
    push_image(&test.repository("a"), "old", Some("v1")).await;
    push_image(&test.repository("a"), "new", Some("v1")).await;
    push_image(&test.repository("a"), "new", Some("v2")).await;
    push_image(&test.repository("b"), "lonely", None).await;
    let (report, lines) = collect(&test, DELETE_UNTAGGED).await;
    let (old, new, lonely) = (image("old"), image("new"), image("lonely"));
    let (old, new, lonely) = (old.digest(), new.digest(), lonely.digest());
    assert_eq!(
        lines[..8],
        [
            "a".to_owned(),
            format!("a: marking manifest {new}"),
            format!("a: marking blob {}", sha256("new config")),
            format!("a: marking blob {}", sha256("new layer")),
            "b".to_owned(),
            "b: no tags".to_owned(),
            format!("manifest eligible: a {old} [\"v1\", \"v2\"]"),
            format!("manifest eligible: b {lonely} []"),
        ]
    );
    assert_eq!(lines[8], "3 marked, 6 blobs and 2 manifests eligible");
    assert!(lines[9..15].iter().all(|l| l.starts_with("blob eligible")));
    assert!(lines[15..].iter().all(|l| l.contains("layer link")));
    assert_eq!((lines.len(), report.layer_links), (15 + 4, 4));
}

#[tokio::test]
async fn a_manifest_that_lost_its_tag_is_deleted_with_its_history() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let old = push_image(&repository, "old", Some("latest")).await;
    push_image(&repository, "old", Some("moved")).await;
    let new = push_image(&repository, "new", Some("latest")).await;
    push_image(&repository, "new", Some("moved")).await;
    report(&test, COLLECT).await;
    assert!(is_whole(&test, "a", &old).await, "untagged, and kept");
    let deleted = report(&test, DELETE_UNTAGGED).await;
    assert_eq!((deleted.manifests, deleted.blobs), (1, 3));
    assert!(is_gone(&test, &old).await, "not even in a tag's history");
    assert!(is_whole(&test, "a", &new).await);
    for name in ["latest", "moved"] {
        let digest = repository.tags.resolve(&tag(name)).await.unwrap();
        assert_eq!(digest, *new.digest());
        let history = format!("repositories/a/_manifests/tags/{name}/index");
        let entry = format!("{history}/{}", link(new.digest()));
        assert!(test.read(&entry).await.is_some());
    }
}

#[tokio::test]
async fn the_children_of_a_tagged_index_are_kept_at_any_depth() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let mut children = Vec::new();
    for seed in ["amd64", "arm64"] {
        children.push(push_image(&repository, seed, None).await);
    }
    let inner = index(&[&children[0], &children[1]]);
    let inner = push_manifest(&repository, inner, None).await;
    let outer = push_manifest(&repository, index(&[&inner]), Some("v1")).await;
    let stray = push_image(&repository, "stray", None).await;
    let found = report(&test, DELETE_UNTAGGED).await;
    assert_eq!((found.marked, found.manifests), (2 + 2 * 3, 1));
    assert!(is_whole(&test, "a", &outer).await);
    assert!(is_gone(&test, &stray).await);

    repository.tags.delete(&tag("v1"), ALWAYS).await.unwrap();
    assert_eq!(report(&test, DELETE_UNTAGGED).await.manifests, 4);
    assert_eq!(test.files().await, [""; 0]);
}

#[tokio::test]
async fn what_is_attached_to_something_kept_is_kept_and_so_on() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let child = push_image(&repository, "child", None).await;
    push_manifest(&repository, index(&[&child]), Some("v1")).await;
    let untagged = push_image(&repository, "untagged", None).await;
    let signature = attached("signature", &child);
    let countersignature = attached("countersignature", &signature);
    let of_untagged = attached("of untagged", &untagged);
    let of_nothing = attached("of nothing", &image("never pushed"));
    for (seed, artifact) in [
        ("countersignature", &countersignature),
        ("signature", &signature),
        ("of untagged", &of_untagged),
        ("of nothing", &of_nothing),
    ] {
        push_parts(&repository, seed).await;
        push_manifest(&repository, artifact.clone(), None).await;
    }
    let found = report(&test, DELETE_UNTAGGED).await;
    assert_eq!(found.manifests, 3);
    for kept in [&child, &signature, &countersignature] {
        assert!(is_whole(&test, "a", kept).await);
    }
    for gone in [&untagged, &of_untagged, &of_nothing] {
        assert!(is_gone(&test, gone).await);
    }
}

#[tokio::test]
async fn a_tagged_referrer_does_not_keep_its_subject() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let subject = push_image(&repository, "subject", None).await;
    push_parts(&repository, "signature").await;
    let signature = attached("signature", &subject);
    push_manifest(&repository, signature.clone(), Some("signature")).await;
    report(&test, DELETE_UNTAGGED).await;
    assert!(is_whole(&test, "a", &signature).await);
    assert!(is_gone(&test, &subject).await);
}

#[tokio::test]
async fn what_one_repository_names_is_kept_for_it_when_another_lets_go() {
    let test = TestRegistry::new();
    let kept = push_image(&test.repository("a"), "shared", Some("v1")).await;
    push_image(&test.repository("b"), "shared", None).await;
    let deleted = report(&test, DELETE_UNTAGGED).await;
    assert_eq!((deleted.manifests, deleted.blobs), (1, 0));
    assert!(is_whole(&test, "a", &kept).await);
    let unknown = test.repository("b").manifests.get(kept.digest()).await;
    assert!(matches!(unknown, Err(Error::ManifestUnknown { .. })));
}

#[tokio::test]
async fn uploads_in_progress_are_not_touched() {
    let test = TestRegistry::new();
    let id = begin_upload(&test.repository("a"), "begun").await;
    report(&test, DELETE_UNTAGGED).await;
    let session = test.repository("a").uploads.resume(&id).await.unwrap();
    session.commit(&sha256("begun")).await.unwrap();
}

#[tokio::test]
async fn a_sha512_name_is_kept_as_long_as_its_content() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let mut aliases = Vec::new();
    for content in ["kept", "garbage"] {
        let sha512 = Digest::of(Algorithm::Sha512, content.as_bytes());
        let id = begin_upload(&repository, content).await;
        let session = repository.uploads.resume(&id).await.unwrap();
        session.commit(&sha512).await.unwrap();
        aliases.push(sha512);
    }
    push_blob(&repository, "config").await;
    // One manifest names the content by its sha512; its sha256 is nowhere to be read.
    let mut document = crate::testing::image_document("config", &["kept"]);
    document["layers"][0]["digest"] = serde_json::json!(aliases[0]);
    push_manifest(&repository, manifest(&document), Some("v1")).await;
    let found = report(&test, COLLECT).await;
    assert_eq!((found.blobs, found.layer_links), (1, 2));
    let kept = pull_blob(&repository, &aliases[0]).await.unwrap();
    assert_eq!(kept, b"kept");
    let kept = pull_blob(&repository, &sha256("kept")).await.unwrap();
    assert_eq!(kept, b"kept");
    repository.blobs.stat(&aliases[1]).await.unwrap_err();
    let files = test.files().await;
    assert!(!files.iter().any(|f| f.contains(aliases[1].hex())));
}

#[tokio::test]
async fn a_build_cache_keeps_the_layers_that_it_lists() {
    let test = TestRegistry::new();
    let repository = test.repository("cache");
    push_blob(&repository, "layer").await;
    let cache = manifest(&serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [descriptor(&wharf_oci::MediaType::OCI_LAYER_GZIP, "layer")],
    }));
    push_manifest(&repository, cache, Some("v1")).await;
    let found = report(&test, DELETE_UNTAGGED).await;
    assert_eq!((found.marked, found.blobs), (2, 0));
    pull_blob(&repository, &sha256("layer")).await.unwrap();
}

#[tokio::test]
async fn a_dry_run_tells_the_same_and_deletes_nothing() {
    for untagged in [Untagged::Keep, Untagged::Delete] {
        let test = TestRegistry::new();
        let repository = test.repository("a");
        push_image(&repository, "old", Some("v1")).await;
        push_image(&repository, "new", Some("v1")).await;
        push_blob(&repository, "garbage").await;
        let before = test.files().await;
        let real = CollectOptions {
            untagged,
            ..COLLECT
        };
        let dry = CollectOptions {
            effect: Effect::Report,
            ..real
        };
        let mut told = collect(&test, dry).await;
        told.0.freed = told.0.bytes;
        assert_eq!(test.files().await, before);
        assert_eq!(collect(&test, real).await, told);
        assert!(test.files().await.len() < before.len());
    }
}

#[tokio::test]
async fn an_empty_store_has_no_garbage() {
    let folder = tempfile::tempdir().unwrap();
    for test in [TestRegistry::new(), TestRegistry::in_folder(&folder)] {
        for options in [COLLECT, DELETE_UNTAGGED] {
            let (report, lines) = collect(&test, options).await;
            assert_eq!(report, CollectReport::default());
            assert_eq!(lines, ["0 marked, 0 blobs and 0 manifests eligible"]);
        }
    }
}

/// Deletes in an order in which a stop leaves no manifest without its parts.
#[tokio::test]
async fn a_collection_that_fails_at_any_call_leaves_what_is_kept_whole() {
    for n in 0.. {
        let (test, faulty) = TestRegistry::faulty();
        let repository = test.repository("a");
        let old = push_image(&repository, "old", Some("v1")).await;
        let kept = push_image(&repository, "new", Some("v1")).await;
        push_blob(&test.repository("b"), "garbage").await;
        faulty.fail_at(n);
        let collected = garbage_collect(
            &test.registry,
            DELETE_UNTAGGED,
            &Progress::default(),
            &mut |_| {},
        )
        .await;
        let failed = faulty.has_failed();
        faulty.heal();
        assert!(is_whole(&test, "a", &kept).await, "failed at {n}");
        if repository.manifests.get(old.digest()).await.is_ok() {
            assert!(is_whole(&test, "a", &old).await, "failed at {n}");
        }
        if !failed {
            assert_eq!(collected.unwrap().manifests, 1);
            assert!(n > 20, "calls are counted");
            break;
        }
        match collected {
            Ok(report) => assert_eq!(report.broken.len(), 1, "failed at {n}"),
            Err(error) => assert!(matches!(error, Error::Storage(_)), "failed at {n}"),
        }
        collect(&test, DELETE_UNTAGGED).await;
        assert!(is_gone(&test, &old).await, "failed at {n}");
        assert!(is_whole(&test, "a", &kept).await, "failed at {n}");
        assert!(
            test.repository("b")
                .blobs
                .stat(&sha256("garbage"))
                .await
                .is_err()
        );
    }
}

#[tokio::test]
async fn a_mounted_blob_is_kept_where_it_is_named() {
    let test = TestRegistry::new();
    let (source, target) = (test.repository("a"), test.repository("b"));
    push_parts(&source, "x").await;
    for digest in [sha256("x config"), sha256("x layer")] {
        let mounted = target.uploads.mount(&source.name, &digest).await;
        mounted.unwrap();
    }
    let pushed = push_manifest(&target, image("x"), Some("v1")).await;
    let found = report(&test, DELETE_UNTAGGED).await;
    assert_eq!((found.blobs, found.layer_links), (0, 0));
    assert!(is_whole(&test, "b", &pushed).await);
}
