//! What verifying finds and puts right: each fault made by hand, its line, and the store after.

mod beside_others;
mod links;
mod lists;
mod tags;
mod watched;

use serde_json::json;
use wharf_oci::{Algorithm, Digest, Manifest};
use wharf_storage::Sync;

use super::*;
use crate::{
    ManifestRules, Rules,
    testing::{
        TestRegistry, attached, begin_upload, blob_path, image, image_document, index, link,
        manifest, pull_blob, push_blob, push_image, push_manifest, push_parts, sha256, tag,
    },
    trash::Kept,
};

const REPORT: VerifyOptions = VerifyOptions {
    jobs: NonZeroUsize::new(3).unwrap(),
    bytes_per_second: None,
    content: Content::Whole,
    effect: Effect::Report,
    settled: Duration::ZERO,
    pause: Duration::ZERO,
};
const REPAIR: VerifyOptions = VerifyOptions {
    effect: Effect::Repair,
    ..REPORT
};

async fn verified(test: &TestRegistry, options: VerifyOptions) -> (Vec<String>, VerifyReport) {
    let mut lines = Vec::new();
    let mut observe = |told: &Told| lines.push(told.to_string());
    let progress = Arc::default();
    let report = verify(&test.registry, options, &progress, &mut observe).await;
    let report = report.unwrap();
    (lines, report)
}

/// The lines of a look at a store.
async fn told(test: &TestRegistry) -> Vec<String> {
    verified(test, REPORT).await.0
}

/// The lines of a repair.
async fn repaired(test: &TestRegistry) -> Vec<String> {
    verified(test, REPAIR).await.0
}

#[track_caller]
fn expect_lines(lines: &[String], expected: &[&str]) {
    assert_eq!(lines, expected, "\n{lines:#?}\n{expected:#?}");
}

fn revision(repository: &str, digest: &Digest) -> String {
    format!(
        "repositories/{repository}/_manifests/revisions/{}",
        link(digest)
    )
}

fn layer(repository: &str, digest: &Digest) -> String {
    format!("repositories/{repository}/_layers/{}", link(digest))
}

fn current(repository: &str, tag: &str) -> String {
    format!("repositories/{repository}/_manifests/tags/{tag}/current/link")
}

/// A repository `a` with an image under `v1` and `latest`.
async fn one_image() -> (TestRegistry, Manifest) {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let image = push_image(&repository, "x", Some("v1")).await;
    push_manifest(&repository, image.clone(), Some("latest")).await;
    (test, image)
}

#[tokio::test]
async fn a_whole_store_has_nothing_wrong_and_all_of_it_was_looked_at() {
    let (test, image) = one_image().await;
    let (repository, other) = (test.repository("a"), test.repository("b/c"));
    push_image(&other, "x", Some("v1")).await;
    let child = push_image(&other, "y", None).await;
    push_manifest(&other, index(&[&child]), Some("all")).await;
    push_parts(&repository, "signature").await;
    push_manifest(&repository, attached("signature", &image), None).await;
    // A blob that was pushed as sha512 is stored by its sha256, and linked under both.
    let long = Digest::of(Algorithm::Sha512, b"long");
    let mut session = other.uploads.start().await.unwrap();
    crate::testing::append(&mut session, "long").await;
    session.commit(&long).await.unwrap();
    let document = image_document("y config", &["y layer"]);
    let bytes = format!("{document} ");
    let named = Digest::of(Algorithm::Sha512, bytes.as_bytes());
    let media_type = document["mediaType"].as_str().unwrap().parse().unwrap();
    let parsed = Manifest::parse(media_type, bytes.into()).unwrap();
    push_manifest(&other, parsed.with_digest(named), Some("long")).await;
    let before = test.files().await;
    for options in [REPORT, REPAIR] {
        let (lines, report) = verified(&test, options).await;
        expect_lines(&lines, &[]);
        assert!(report.is_sound());
        let counted = (report.repositories, report.tags, report.manifests);
        assert_eq!(counted, (2, 5, 6));
        assert_eq!(report.blobs, 6 + 5 + 1);
        let mut size = 0;
        for file in test.files().await {
            if file.starts_with("blobs/") {
                size += test.read(&file).await.unwrap().len() as u64;
            }
        }
        assert_eq!(report.bytes, size);
        assert_eq!(test.files().await, before);
    }
}

#[tokio::test]
async fn a_missing_layer_is_told_with_all_who_suffer() {
    let (test, image) = one_image().await;
    let other = test.repository("b");
    push_image(&other, "x", Some("v7")).await;
    push_manifest(&other, index(&[&image]), Some("all")).await;
    let missing = sha256("x layer");
    test.remove(&blob_path(&missing)).await;
    let digest = image.digest();
    let what = "its content is missing; push the image again, or delete what names it";
    let expected = [
        format!("problem: a: tags latest, v1: layer {missing}, named by {digest}: {what}"),
        format!("problem: b: tags all, v7: layer {missing}, named by {digest}: {what}"),
    ];
    let (lines, report) = verified(&test, REPORT).await;
    assert_eq!(lines, expected);
    assert_eq!(report.problems, BTreeMap::from([("missing", 2)]));
    // Nothing can be done about it, and a push heals it.
    assert_eq!(repaired(&test).await, expected);
    push_blob(&other, "x layer").await;
    expect_lines(&told(&test).await, &[]);
}

#[tokio::test]
async fn damaged_and_empty_layers_are_moved_out_of_the_way_of_a_push() {
    for (content, fault) in [
        ("damaged", "its content is damaged, and has the digest"),
        ("", "its content is empty"),
    ] {
        let (test, image) = one_image().await;
        let layer = sha256("x layer");
        test.write(&blob_path(&layer), content).await;
        let lines = told(&test).await;
        assert_eq!(lines.len(), 1, "{lines:?}");
        let begin = format!(
            "problem: a: tags latest, v1: layer {layer}, named by {}: {fault}",
            image.digest()
        );
        assert!(lines[0].starts_with(&begin), "{lines:?}");
        let (lines, report) = verified(&test, REPAIR).await;
        assert!(lines[0].starts_with(&begin), "{lines:?}");
        let begin = format!(
            "repaired: blob {layer}: its damaged content keeps it from being pushed; it is moved to /docker/registry/v2/_wharf/damaged/sha256/"
        );
        assert!(lines[1].starts_with(&begin), "{lines:?}");
        assert_eq!(
            (lines.len(), report.repaired, report.is_sound()),
            (2, 1, false)
        );
        // Not a byte is lost, and whoever asks is told to send it.
        let files = test.files().await;
        let aside = files
            .iter()
            .find(|file| file.starts_with("_wharf/damaged/"));
        assert_eq!(test.read(aside.unwrap()).await.unwrap(), content);
        assert!(test.repository("a").blobs.stat(&layer).await.is_err());
        let lines = repaired(&test).await;
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("its content is missing"), "{lines:?}");
        push_blob(&test.repository("a"), "x layer").await;
        expect_lines(&told(&test).await, &[]);
    }
}

#[tokio::test]
async fn a_manifest_that_is_damaged_or_none_stays_where_it_is() {
    let (test, image) = one_image().await;
    let path = blob_path(image.digest());
    let actual = sha256("damaged");
    test.write(&path, "damaged").await;
    let expected = format!(
        "problem: a: tags latest, v1: manifest {}: its content is damaged, and has the digest {actual}; push the image again, or delete what names it",
        image.digest()
    );
    for _ in 0..2 {
        expect_lines(&repaired(&test).await, &[&expected]);
    }
    assert_eq!(test.read(&path).await.unwrap(), "damaged");
    push_manifest(&test.repository("a"), image, None).await;
    expect_lines(&told(&test).await, &[]);

    // What is a layer by mistake is not read into memory.
    let large = " ".repeat(64 * 1024 * 1024 + 1);
    let digest = sha256(&large);
    test.write(&blob_path(&digest), large).await;
    test.write(&revision("a", &digest), digest.to_string())
        .await;
    let lines = told(&test).await;
    let expected = format!(
        "problem: a: manifest {digest}: it is no manifest: 67108865 bytes are more than any manifest has; push the image again, or delete what names it"
    );
    expect_lines(&lines, &[&expected]);
    test.remove(&revision("a", &digest)).await;
    test.remove(&blob_path(&digest)).await;

    let none = sha256("no JSON");
    for (path, content) in [
        (blob_path(&none), "no JSON".to_owned()),
        (revision("a", &none), none.to_string()),
        (current("a", "none"), none.to_string()),
    ] {
        test.write(&path, content).await;
    }
    let lines = told(&test).await;
    let begin = format!("problem: a: tags none: manifest {none}: it is no manifest: ");
    assert!(
        lines.len() == 1 && lines[0].starts_with(&begin),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_size_that_is_not_the_named_one_is_told() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    push_parts(&repository, "x").await;
    let mut document = image_document("x config", &["x layer"]);
    document["layers"][0]["size"] = json!(70);
    let image = push_manifest(&repository, manifest(&document), Some("v1")).await;
    let expected = format!(
        "problem: a: tags v1: layer {}, named by {}: it has 7 bytes, where the manifest says 70; push the image again with a manifest that tells the size",
        sha256("x layer"),
        image.digest()
    );
    expect_lines(&repaired(&test).await, &[&expected]);
}

#[tokio::test]
async fn a_child_that_is_not_there_is_a_problem_only_where_it_must_be() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let (child, other) = (
        push_image(&repository, "x", None).await,
        push_image(&repository, "y", None).await,
    );
    let index = push_manifest(&repository, index(&[&child, &other]), Some("all")).await;
    test.remove(&revision("a", child.digest())).await;
    test.remove(&blob_path(child.digest())).await;
    let line = format!(
        "a: tags all: child {}, named by {}",
        child.digest(),
        index.digest()
    );
    let missing = format!(
        "problem: {line}: its content is missing; push the image again, or delete what names it"
    );
    expect_lines(&repaired(&test).await, &[&missing]);
    let sparse = test.with_rules(Rules {
        manifests: ManifestRules::Checked {
            urls: crate::UrlRules::default(),
            platforms: crate::RequiredPlatforms::None,
        },
        ..Rules::default()
    });
    let (lines, report) = verified(&sparse, REPORT).await;
    expect_lines(
        &lines,
        &[&format!(
            "warning: {line}: it is not there, and need not be"
        )],
    );
    assert!(report.is_sound() && report.warnings == 1);
}

#[tokio::test]
async fn the_content_of_a_child_that_is_not_linked_is_no_orphan_and_stays() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let child = push_image(&repository, "x", None).await;
    push_manifest(&repository, index(&[&child]), Some("all")).await;
    test.remove(&revision("a", child.digest())).await;
    let lines = repaired(&test).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].ends_with("there is no link to it; push the image again"),
        "{lines:?}"
    );
    test.write(&blob_path(child.digest()), "damaged").await;
    let lines = repaired(&test).await;
    assert!(
        lines.len() == 1 && lines[0].contains("is damaged"),
        "{lines:?}"
    );
    assert!(test.files().await.contains(&blob_path(child.digest())));
}

#[tokio::test]
async fn parts_that_need_not_be_layers_of_the_repository_are_not_missed() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let inner = push_image(&repository, "x", None).await;
    let elsewhere = json!({
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": sha256("published elsewhere"),
        "size": 19,
        "urls": ["https://example.com/layer"],
    });
    let mut document = image_document("x config", &["x layer"]);
    let layers = document["layers"].as_array_mut().unwrap();
    layers.push(elsewhere);
    layers.push(serde_json::to_value(inner.descriptor()).unwrap());
    push_manifest(&repository, manifest(&document), Some("v1")).await;
    expect_lines(&told(&test).await, &[]);
    // The manifest that is a part is looked at as a manifest, for the tag that has it.
    test.remove(&blob_path(inner.digest())).await;
    let lines = told(&test).await;
    let begin = format!("problem: a: tags v1: manifest {}: ", inner.digest());
    assert!(
        lines.len() == 1 && lines[0].starts_with(&begin),
        "{lines:?}"
    );
}

#[tokio::test]
async fn what_a_collection_set_aside_and_a_manifest_names_is_moved_back() {
    let (test, image) = one_image().await;
    let repository = test.repository("a");
    let (config, blob) = (sha256("x config"), sha256("x layer"));
    let run = "20260101T000000Z-00000000";
    test.write(&format!("_wharf/trash/{run}/lease"), "0 1 1\n")
        .await;
    let aside = [
        Kept::Blob(&blob),
        Kept::Layer(&crate::testing::name("a"), &config),
        Kept::Revision(&crate::testing::name("a"), image.digest()),
    ]
    .map(|kept| (kept.place(), kept.aside(run)));
    for (place, aside) in &aside {
        test.driver.rename(place, aside, Sync::Lazy).await.unwrap();
    }
    let objects = [
        format!("manifest {}", image.digest()),
        format!("layer {config}, named by {}", image.digest()),
        format!("layer {blob}, named by {}", image.digest()),
    ];
    let lines = |begin: &str, end: &str| {
        let line = |object| {
            format!(
                "{begin}: a: tags latest, v1: {object}: a collection has set it aside, and it is needed; {end}"
            )
        };
        objects.each_ref().map(line)
    };
    assert_eq!(
        told(&test).await,
        lines("warning", "the next collection moves it back, or --repair")
    );
    assert_eq!(repaired(&test).await, lines("repaired", "it is moved back"));
    for (place, aside) in &aside {
        assert!(test.driver.stat(place).await.is_ok(), "{place}");
        assert!(test.driver.stat(aside).await.is_err(), "{aside}");
    }
    pull_blob(&repository, &blob).await.unwrap();
    expect_lines(&told(&test).await, &[]);
}

#[tokio::test]
async fn what_is_for_others_to_clear_away_is_only_noted() {
    let (test, _) = one_image().await;
    let repository = test.repository("a");
    let (orphan, nowhere) = (
        push_blob(&repository, "orphan").await,
        push_blob(&repository, "nowhere").await,
    );
    test.remove(&layer("a", &orphan)).await;
    test.remove(&blob_path(&nowhere)).await;
    let upload = begin_upload(&repository, "half").await;
    test.write(
        &format!("repositories/a/_uploads/{upload}/startedat"),
        "2020-01-01T00:00:00Z",
    )
    .await;
    let before = test.files().await;
    let (lines, report) = verified(&test, REPAIR).await;
    expect_lines(
        &lines,
        &[
            &format!(
                "note: a: layer {nowhere}: its content is missing, and no manifest names it; garbage-collect removes it"
            ),
            &format!(
                "note: a: upload {upload}: nobody has gone on with it for long; storage.maintenance.uploadpurging removes it"
            ),
            &format!(
                "note: blob {orphan}: no repository has it (6 bytes); garbage-collect removes it"
            ),
        ],
    );
    assert!(report.is_sound() && report.notes == 3);
    assert_eq!(test.files().await, before);
    // What has just come may be part of a push.
    let settled = VerifyOptions {
        settled: SETTLED,
        ..REPORT
    };
    assert!(
        !verified(&test, settled)
            .await
            .0
            .iter()
            .any(|line| line.contains("blob"))
    );
}

#[tokio::test]
async fn damaged_content_that_no_repository_has_is_a_problem_all_the_same() {
    let (test, _) = one_image().await;
    let orphan = sha256("orphan");
    test.write(&blob_path(&orphan), "damaged").await;
    let lines = told(&test).await;
    let begin = format!("problem: blob {orphan}: its content is damaged");
    assert!(
        lines.len() == 1 && lines[0].starts_with(&begin),
        "{lines:?}"
    );
    repaired(&test).await;
    expect_lines(&told(&test).await, &[]);
}

#[tokio::test]
async fn names_that_mean_nothing_are_told() {
    let (test, image) = one_image().await;
    let hex = image.digest().hex();
    for path in [
        "blobs/md5/ab/abcd/data".to_owned(),
        "blobs/sha256/ab/abc/data".to_owned(),
        format!("blobs/sha256/zz/{hex}/data"),
        "repositories/a/_layers/sha256/short/link".to_owned(),
        "repositories/a/_manifests/tags/-bad/current/link".to_owned(),
    ] {
        test.write(&path, "x").await;
    }
    test.write("repositories/UPPER/_manifests/tags/v1/current/link", "x")
        .await;
    let lines = told(&test).await;
    let name = |path: String| {
        format!(
            "/docker/registry/v2/{path}: a name that means nothing here; remove it by hand if nobody needs it"
        )
    };
    for expected in [
        format!("problem: {}", name("blobs/md5".to_owned())),
        format!("problem: {}", name("blobs/sha256/ab/abc".to_owned())),
        format!("problem: {}", name(format!("blobs/sha256/zz/{hex}"))),
        format!("problem: a: {}", name("repositories/a/_layers/sha256/short".to_owned())),
        format!("problem: a: {}", name("repositories/a/_manifests/tags/-bad".to_owned())),
        "problem: /docker/registry/v2/repositories/UPPER: what is there is not looked at: the name is not that of a repository; move it to a name that is accepted".to_owned(),
    ] {
        assert!(lines.contains(&expected), "{expected}\n{lines:#?}");
    }
    assert_eq!(lines.len(), 6, "{lines:#?}");
}

#[tokio::test]
async fn only_sizes_are_compared_when_that_is_asked_for() {
    let (test, _) = one_image().await;
    let (config, blob) = (sha256("x config"), sha256("x layer"));
    test.write(&blob_path(&blob), "damaged").await;
    test.write(&blob_path(&config), "").await;
    let sizes = VerifyOptions {
        content: Content::Sizes,
        ..REPORT
    };
    let (lines, report) = verified(&test, sizes).await;
    assert_eq!(report.bytes, 0);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(&format!("layer {config}")) && lines[0].contains("is empty"));
}
