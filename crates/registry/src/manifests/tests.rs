//! Manifests: what is checked before one is accepted, what is stored, read and deleted, and what a
//! failure in between leaves behind.

mod parts;

use std::sync::Arc;

use regex::RegexSet;
use serde_json::{Value, json};
use wharf_oci::{Algorithm, Digest, Manifest, MediaType, Reference};

use crate::{
    Error, Instead, ManifestRules, MissingPart, PlatformRule, Repository, RequiredPlatforms, Rules,
    UrlRules,
    testing::{
        ALWAYS, TestRegistry, attached, blob_path, descriptor, image, image_document, index, link,
        manifest, push_blob, push_image, push_manifest, push_parts, sha256, tag,
    },
};

fn missing(refused: Result<(), Error>) -> Vec<MissingPart> {
    match refused.unwrap_err() {
        Error::ManifestPartsUnknown(missing) => missing,
        error => panic!("{error}"),
    }
}

async fn put(repository: &Repository, manifest: &Manifest) -> Result<(), Error> {
    repository.manifests.put(manifest, &[], ALWAYS).await
}

fn rules(urls: UrlRules, platforms: RequiredPlatforms) -> Rules {
    Rules {
        deletion: true,
        manifests: ManifestRules::Checked { urls, platforms },
    }
}

/// Whether a tag leads to a whole manifest; a tag that leads nowhere at all is none.
async fn pull(repository: &Repository, tag_name: &str) -> Option<Manifest> {
    let digest = repository.tags.resolve(&tag(tag_name)).await.ok()?;
    let pulled = repository.manifests.get(&digest).await.unwrap();
    for part in pulled.references() {
        repository.blobs.stat(&part.digest).await.unwrap();
    }
    Some(pulled)
}

#[tokio::test]
async fn a_manifest_comes_back_byte_for_byte_under_its_tag_and_digest() {
    let test = TestRegistry::new();
    let repository = test.repository("a/b");
    push_parts(&repository, "x").await;
    let pretty = serde_json::to_string_pretty(&image_document("x config", &["x layer"])).unwrap();
    let bytes = format!(" {pretty}\n\n");
    let pushed = Manifest::parse(MediaType::OCI_MANIFEST, bytes.clone().into()).unwrap();
    push_manifest(&repository, pushed.clone(), Some("v1")).await;
    assert_eq!(pull(&repository, "v1").await.unwrap(), pushed);
    assert_eq!(pushed.bytes(), bytes.as_bytes());
}

#[tokio::test]
async fn every_missing_part_is_named_in_order() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let layers = ["one", "two", "three", "one"];
    let pushed = manifest(&image_document("config", &layers));
    let blob = |content| MissingPart::Blob(sha256(content));
    assert_eq!(
        missing(put(&repository, &pushed).await),
        [
            blob("config"),
            blob("one"),
            blob("two"),
            blob("three"),
            blob("one")
        ]
    );
    push_blob(&repository, "two").await;
    assert_eq!(
        missing(put(&repository, &pushed).await),
        [blob("config"), blob("one"), blob("three"), blob("one")]
    );
    let files = test.files().await;
    assert!(!files.iter().any(|file| file.contains("_manifests")));
    for content in ["config", "one", "three"] {
        push_blob(&repository, content).await;
    }
    put(&repository, &pushed).await.unwrap();
}

#[tokio::test]
async fn what_another_repository_has_is_missing_here() {
    let test = TestRegistry::new();
    let (there, here) = (test.repository("a"), test.repository("b"));
    let pushed = push_image(&there, "x", None).await;
    assert_eq!(missing(put(&here, &pushed).await).len(), 2);
    let index = index(&[&pushed]);
    assert_eq!(
        missing(put(&here, &index).await),
        [MissingPart::Manifest(pushed.digest().clone())]
    );
    let unknown = here.manifests.get(pushed.digest()).await.unwrap_err();
    assert!(matches!(unknown, Error::ManifestUnknown { .. }));
}

#[tokio::test]
async fn a_part_whose_bytes_were_collected_is_missing() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    push_parts(&repository, "x").await;
    test.remove(&blob_path(&sha256("x layer"))).await;
    assert_eq!(
        missing(put(&repository, &image("x")).await),
        [MissingPart::Blob(sha256("x layer"))]
    );
}

#[tokio::test]
async fn pushing_again_changes_nothing() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    push_image(&repository, "x", Some("v1")).await;
    let files = test.files().await;
    push_image(&repository, "x", Some("v1")).await;
    assert_eq!(test.files().await, files);
    assert!(pull(&repository, "v1").await.is_some());
}

#[tokio::test]
async fn a_tag_moves_and_remembers_where_it_was() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let first = push_image(&repository, "1", Some("latest")).await;
    let second = push_image(&repository, "2", Some("latest")).await;
    assert_eq!(pull(&repository, "latest").await.unwrap(), second);
    let folder = "repositories/a/_manifests/tags/latest";
    let current = test.read(&format!("{folder}/current/link")).await;
    assert_eq!(current.unwrap(), second.digest().as_str());
    for digest in [first.digest(), second.digest()] {
        let entry = test.read(&format!("{folder}/index/{}", link(digest))).await;
        assert_eq!(entry.unwrap(), digest.as_str());
    }
    assert_eq!(
        repository.manifests.get(first.digest()).await.unwrap(),
        first
    );
}

#[tokio::test]
async fn damaged_content_is_told_and_put_right_by_pushing_again() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let pushed = push_image(&repository, "x", Some("v1")).await;
    let other = image("y");
    for damage in ["", "{", std::str::from_utf8(other.bytes()).unwrap()] {
        let damage = damage.to_owned();
        test.write(&blob_path(pushed.digest()), damage).await;
        let damaged = repository.manifests.get(pushed.digest()).await.unwrap_err();
        assert!(
            matches!(&damaged, Error::Damaged { what } if what.contains(pushed.digest().as_str())),
            "{damaged}"
        );
        push_image(&repository, "x", None).await;
        assert!(pull(&repository, "v1").await.is_some());
    }
}

#[tokio::test]
async fn a_link_to_another_manifest_is_damage() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let one = push_image(&repository, "1", None).await;
    let two = push_image(&repository, "2", None).await;
    let revision = format!("repositories/a/_manifests/revisions/{}", link(one.digest()));
    test.write(&revision, two.digest().to_string()).await;
    let damaged = repository.manifests.get(one.digest()).await.unwrap_err();
    assert!(matches!(damaged, Error::Damaged { .. }), "{damaged}");
}

#[tokio::test]
async fn damaged_links_count_as_absent_until_the_next_push() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let pushed = push_image(&repository, "x", Some("v1")).await;
    let links = [
        format!(
            "repositories/a/_manifests/revisions/{}",
            link(pushed.digest())
        ),
        "repositories/a/_manifests/tags/v1/current/link".to_owned(),
    ];
    for damage in ["", "\0\0\0", "sha256:", "latest", "sha256:abc", "\u{fffd}"] {
        for path in &links {
            test.write(path, damage).await;
        }
        let unknown = [
            repository.manifests.get(pushed.digest()).await.map(drop),
            repository
                .manifests
                .delete(pushed.digest(), ALWAYS)
                .await
                .map(drop),
            repository.tags.resolve(&tag("v1")).await.map(drop),
            repository.tags.delete(&tag("v1"), ALWAYS).await,
        ];
        for unknown in unknown {
            let unknown = unknown.unwrap_err();
            assert!(
                matches!(unknown, Error::ManifestUnknown { .. }),
                "{damage:?}: {unknown}"
            );
        }
        push_image(&repository, "x", Some("v1")).await;
        assert_eq!(pull(&repository, "v1").await.unwrap(), pushed);
    }
    // Other tools end a text with a newline.
    for path in &links {
        test.write(path, format!("{}\n", pushed.digest())).await;
    }
    assert_eq!(pull(&repository, "v1").await.unwrap(), pushed);
}

#[tokio::test]
async fn a_failing_store_is_an_error_and_never_an_absence() {
    let (test, faulty) = TestRegistry::faulty();
    let repository = test.repository("a");
    let pushed = push_image(&repository, "x", Some("v1")).await;
    for n in 0..3 {
        faulty.fail_at(n);
        let read = async {
            let digest = repository.tags.resolve(&tag("v1")).await?;
            repository.manifests.get(&digest).await
        };
        let error = read.await.unwrap_err();
        assert!(matches!(error, Error::Storage(_)), "{n}: {error}");
    }
    for n in 0..6 {
        faulty.fail_at(n);
        let error = put(&repository, &pushed).await.unwrap_err();
        assert!(matches!(error, Error::Storage(_)), "{n}: {error}");
    }
}

#[tokio::test]
async fn whoever_deletes_what_is_not_there_is_told_what_is() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let old = push_image(&repository, "old", Some("v1")).await;
    let new = push_image(&repository, "new", Some("v1")).await;
    repository
        .manifests
        .delete(old.digest(), ALWAYS)
        .await
        .unwrap();
    let stale = repository.manifests.delete(old.digest(), ALWAYS).await;
    let expected = Instead::Tag {
        tag: tag("v1"),
        current: new.digest().clone(),
    };
    assert!(matches!(stale, Err(Error::ManifestGone { instead, .. }) if instead == expected));
    let layer = sha256("new layer");
    let blob = repository.manifests.delete(&layer, ALWAYS).await;
    assert!(matches!(
        blob,
        Err(Error::ManifestGone {
            instead: Instead::Blob,
            ..
        })
    ));
    let never = repository.manifests.delete(&sha256("never"), ALWAYS).await;
    assert!(matches!(never, Err(Error::ManifestUnknown { .. })));
    let elsewhere = test.repository("b").manifests.delete(&layer, ALWAYS).await;
    assert!(matches!(elsewhere, Err(Error::ManifestUnknown { .. })));
}

#[tokio::test]
async fn deleting_takes_every_tag_that_points_at_it_and_no_other() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let old = push_image(&repository, "old", Some("moved")).await;
    for name in ["v2", "latest", "v10"] {
        push_image(&repository, "new", Some(name)).await;
    }
    push_image(&repository, "other", Some("moved")).await;
    push_image(&repository, "old", Some("stays")).await;
    push_image(&test.repository("b"), "new", Some("latest")).await;
    let new = image("new");
    let deleted = repository
        .manifests
        .delete(new.digest(), ALWAYS)
        .await
        .unwrap();
    assert_eq!(deleted, ["latest", "v10", "v2"].map(tag));

    for name in ["v2", "latest", "v10"] {
        let unknown = repository.tags.resolve(&tag(name)).await.unwrap_err();
        assert!(matches!(unknown, Error::ManifestUnknown { .. }));
    }
    let unknown = repository.manifests.get(new.digest()).await.unwrap_err();
    assert!(
        matches!(&unknown, Error::ManifestUnknown { reference: Reference::Digest(digest), .. }
            if digest == new.digest()),
        "{unknown}"
    );
    assert_eq!(pull(&repository, "stays").await.unwrap(), old);
    assert_eq!(pull(&repository, "moved").await.unwrap(), image("other"));
    assert_eq!(pull(&test.repository("b"), "latest").await.unwrap(), new);
    repository.blobs.stat(&sha256("new layer")).await.unwrap();
    push_image(&repository, "new", Some("latest")).await;
    assert_eq!(pull(&repository, "latest").await.unwrap(), new);
}

#[tokio::test]
async fn what_is_not_there_cannot_be_deleted() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let pushed = push_image(&repository, "x", None).await;
    repository
        .manifests
        .delete(pushed.digest(), ALWAYS)
        .await
        .unwrap();
    for digest in [pushed.digest(), image("never").digest(), &sha256("x layer")] {
        let unknown = repository
            .manifests
            .delete(digest, ALWAYS)
            .await
            .unwrap_err();
        let is_blob = *digest == sha256("x layer");
        let expected = match unknown {
            Error::ManifestUnknown { .. } => !is_blob,
            Error::ManifestGone { .. } => is_blob,
            _ => false,
        };
        assert!(expected, "{unknown}");
    }
}

#[tokio::test]
async fn nothing_is_deleted_while_deletion_is_off() {
    let test = TestRegistry::new();
    let pushed = push_image(&test.repository("a"), "x", Some("v1")).await;
    let files = test.files().await;
    let kept = test.with_rules(Rules::default()).repository("a");
    for refused in [
        kept.manifests
            .delete(pushed.digest(), ALWAYS)
            .await
            .map(drop),
        kept.manifests
            .delete(image("never").digest(), ALWAYS)
            .await
            .map(drop),
        kept.tags.delete(&tag("v1"), ALWAYS).await,
        kept.tags.delete(&tag("never"), ALWAYS).await,
        kept.blobs.delete(&sha256("x layer")).await,
        kept.blobs.delete(&sha256("never")).await,
    ] {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, Error::DeletionDisabled), "{refused}");
    }
    assert_eq!(test.files().await, files);
}

#[tokio::test]
async fn a_push_that_fails_at_any_call_leaves_no_tag_that_cannot_be_pulled() {
    for n in 0.. {
        let (test, faulty) = TestRegistry::faulty();
        let repository = test.repository("a");
        let old = push_image(&repository, "old", Some("moved")).await;
        push_parts(&repository, "new").await;
        let new = image("new");
        faulty.fail_at(n);
        let moved = repository
            .manifests
            .put(&new, &[tag("moved")], ALWAYS)
            .await;
        let failed = faulty.has_failed();
        if !failed {
            moved.unwrap();
            assert!(n > 6, "calls are counted");
            break;
        }
        moved.unwrap_err();
        faulty.fail_at(n);
        let made = repository.manifests.put(&new, &[tag("new")], ALWAYS).await;
        made.unwrap_err();
        faulty.heal();

        let pulled = pull(&repository, "moved").await.unwrap();
        assert!(pulled == old || pulled == new, "failed at {n}");
        if let Some(pulled) = pull(&repository, "new").await {
            assert_eq!(pulled, new, "failed at {n}");
        }
        for name in ["moved", "new"] {
            push_manifest(&repository, new.clone(), Some(name)).await;
            assert_eq!(pull(&repository, name).await.unwrap(), new);
        }
    }
}

#[tokio::test]
async fn a_deletion_that_fails_at_any_call_leaves_no_tag_that_cannot_be_pulled() {
    for n in 0.. {
        let (test, faulty) = TestRegistry::faulty();
        let repository = test.repository("a");
        push_image(&repository, "x", Some("one")).await;
        push_image(&repository, "x", Some("two")).await;
        push_image(&repository, "y", Some("other")).await;
        let digest = image("x").digest().clone();
        faulty.fail_at(n);
        let deleted = repository.manifests.delete(&digest, ALWAYS).await;
        let failed = faulty.has_failed();
        faulty.heal();
        if failed {
            deleted.unwrap_err();
            pull(&repository, "one").await;
            pull(&repository, "two").await;
            repository.manifests.delete(&digest, ALWAYS).await.unwrap();
        } else {
            assert!(n > 8, "calls are counted");
        }
        for name in ["one", "two"] {
            assert!(repository.tags.resolve(&tag(name)).await.is_err());
        }
        assert!(repository.manifests.get(&digest).await.is_err());
        assert!(pull(&repository, "other").await.is_some());
        if !failed {
            break;
        }
    }
}

/// A tag is written and its manifest deleted by requests that do not know of each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushes_beside_deletions_leave_no_tag_that_cannot_be_pulled() {
    let folder = tempfile::tempdir().unwrap();
    let test = TestRegistry::in_folder(&folder);
    let repository = Arc::new(test.repository("a"));
    push_parts(&repository, "x").await;
    let digest = image("x").digest().clone();
    for _ in 0..20 {
        let pushes = (0..4).map(|n| {
            let repository = Arc::clone(&repository);
            tokio::spawn(async move {
                push_manifest(&repository, image("x"), Some(&format!("v{n}"))).await;
            })
        });
        let pushes: Vec<_> = pushes.collect();
        let deleted = repository.manifests.delete(&digest, ALWAYS).await;
        assert!(matches!(
            deleted,
            Ok(_) | Err(Error::ManifestUnknown { .. })
        ));
        for push in pushes {
            push.await.unwrap();
        }
        for n in 0..4 {
            pull(&repository, &format!("v{n}")).await;
        }
    }
}

#[tokio::test]
async fn docker_types_are_stored_and_told_again() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    push_blob(&repository, "config").await;
    push_blob(&repository, "layer").await;
    let document: Value = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::DOCKER_MANIFEST,
        "config": descriptor(&MediaType::DOCKER_CONFIG, "config"),
        "layers": [descriptor(&MediaType::DOCKER_LAYER, "layer")],
    });
    let image = push_manifest(&repository, manifest(&document), Some("image")).await;
    let list = manifest(&json!({
        "schemaVersion": 2,
        "mediaType": MediaType::DOCKER_MANIFEST_LIST,
        "manifests": [image.descriptor()],
    }));
    let list = push_manifest(&repository, list, Some("list")).await;
    for (pushed, name) in [(image, "image"), (list, "list")] {
        let digest = repository.tags.resolve(&tag(name)).await.unwrap();
        let pulled = repository.manifests.get(&digest).await.unwrap();
        assert_eq!(pulled.media_type(), pushed.media_type());
        assert_eq!(pulled, pushed);
    }
}
