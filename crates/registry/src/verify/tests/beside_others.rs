//! Verifying a store that fails, or that others change meanwhile.

use super::{watched::Watched, *};
use crate::{
    local::LocalRepository,
    testing::{ALWAYS, tag},
};

fn watched() -> (TestRegistry, Watched) {
    let driver = Watched::default();
    (TestRegistry::on(Arc::new(driver.clone())), driver)
}

#[tokio::test]
async fn each_blob_is_read_once_however_many_repositories_have_it() {
    let (test, driver) = watched();
    for name in ["a", "b", "c/d"] {
        let repository = test.repository(name);
        let image = push_image(&repository, "x", Some("v1")).await;
        push_manifest(&repository, index(&[&image]), Some("all")).await;
    }
    expect_lines(&told(&test).await, &[]);
    assert_eq!(driver.opened("/data"), [1; 4]);
    // One that is not whole is read again before it is told, and no more.
    test.write(&blob_path(&sha256("x layer")), "damaged").await;
    assert_eq!(told(&test).await.len(), 3);
    let mut opened = driver.opened("/data");
    opened.sort_unstable();
    assert_eq!(opened, [2, 2, 2, 3]);
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_stops_nothing() {
    let (test, driver) = watched();
    for name in ["a", "b", "c"] {
        push_image(&test.repository(name), name, Some("v1")).await;
    }
    test.remove(&blob_path(&sha256("c layer"))).await;
    let broken = sha256("a layer");
    for (part, begin) in [
        (
            broken.hex(),
            format!(
                "problem: a: tags v1: layer {broken}, named by {}: it cannot be read: ",
                image("a").digest()
            ),
        ),
        (
            "repositories/b/_manifests/tags",
            "problem: b: /docker/registry/v2/repositories/b/_manifests/tags: it cannot be read: "
                .to_owned(),
        ),
        (
            "repositories/b",
            "problem: /docker/registry/v2/repositories/b: it cannot be read: ".to_owned(),
        ),
        (
            "blobs/sha256",
            "problem: /docker/registry/v2/blobs/sha256: it cannot be read: ".to_owned(),
        ),
    ] {
        driver.break_all(part);
        for options in [REPORT, REPAIR] {
            let (lines, report) = verified(&test, options).await;
            assert!(
                lines
                    .iter()
                    .any(|line| line.starts_with(&begin) && line.contains("input/output error")),
                "{begin}\n{lines:#?}"
            );
            let other = format!("layer {}", sha256("c layer"));
            assert!(lines.iter().any(|line| line.contains(&other)), "{lines:#?}");
            assert!(!report.is_sound());
        }
    }
}

/// An error that is over on the second look, or a push that was on its way, is none.
#[tokio::test]
async fn a_failure_of_any_one_call_ends_nothing_and_hides_nothing() {
    let (test, faulty) = TestRegistry::faulty();
    let image = push_image(&test.repository("a"), "x", Some("v1")).await;
    test.write(&revision("a", image.digest()), "").await;
    let expected = format!(
        "problem: a: tags v1: manifest {}: its link is empty",
        image.digest()
    );
    let options = VerifyOptions {
        jobs: NonZeroUsize::MIN,
        ..REPORT
    };
    faulty.heal();
    verified(&test, options).await;
    let calls = faulty.calls();
    assert!(calls > 30, "{calls}");
    for n in 1..calls {
        faulty.fail_at(n);
        let (lines, _) = verified(&test, options).await;
        assert!(faulty.has_failed(), "{n}");
        let is_told = lines.iter().any(|line| line.starts_with(&expected));
        let is_hidden = lines.iter().any(|line| line.contains("failed on purpose"));
        assert!(is_told || is_hidden, "{n}: {lines:?}");
    }
    faulty.fail_at(0);
    let failed = verify(&test.registry, options, &Arc::default(), &mut |_| {}).await;
    assert!(matches!(failed, Err(Error::Storage(_))));
}

#[tokio::test]
async fn a_repair_does_not_run_beside_a_collection_and_a_look_does() {
    let (test, _) = one_image().await;
    let collector = test.registry.store.collector().await.unwrap();
    let refused = verify(&test.registry, REPAIR, &Arc::default(), &mut |_| {}).await;
    assert!(matches!(refused, Err(Error::AlreadyCollecting)));
    expect_lines(&told(&test).await, &[]);
    collector.end(&test.registry.store).await.unwrap();
    // One that was killed has left servers waiting, which they shall not do for a repair.
    test.write("_wharf/offline", "").await;
    expect_lines(&repaired(&test).await, &[]);
    let files = test.files().await;
    assert!(
        !files.iter().any(|file| file.starts_with("_wharf")),
        "{files:?}"
    );
}

#[tokio::test]
async fn what_is_pushed_at_the_moment_of_a_repair_stays() {
    let (test, driver) = watched();
    let repository = test.repository("a");
    push_image(&repository, "x", Some("v1")).await;
    let blob = sha256("x layer");
    test.write(&blob_path(&blob), "damaged").await;
    driver.write_before_move(&blob_path(&blob), "x layer");
    repaired(&test).await;
    assert_eq!(pull_blob(&repository, &blob).await.unwrap(), b"x layer");

    let gone = push_blob(&repository, "gone").await;
    test.remove(&blob_path(&gone)).await;
    test.write(&layer("a", &gone), "").await;
    driver.write_before_move(&layer("a", &gone), gone.as_str());
    repaired(&test).await;
    assert_eq!(test.read(&layer("a", &gone)).await.unwrap(), gone.as_str());

    let late = sha256("late");
    let history = format!(
        "repositories/a/_manifests/tags/v2/index/{}",
        link(&sha256("never"))
    );
    test.write(&history, sha256("never").to_string()).await;
    test.write(&current("a", "v2"), "").await;
    driver.write_before_move(&current("a", "v2"), late.as_str());
    repaired(&test).await;
    assert_eq!(repository.tags.resolve(&tag("v2")).await.unwrap(), late);
    let files = test.files().await;
    assert!(
        !files.iter().any(|file| file.contains("doubtful")),
        "{files:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn content_is_read_no_faster_than_is_allowed() {
    let (test, _) = one_image().await;
    let began = tokio::time::Instant::now();
    let options = VerifyOptions {
        bytes_per_second: NonZeroU64::new(10),
        ..REPORT
    };
    let (_, report) = verified(&test, options).await;
    assert_eq!(began.elapsed().as_secs(), report.bytes / 10);
    assert!(report.bytes > 100);
}

#[tokio::test]
async fn progress_counts_phases_blobs_and_bytes() {
    let (test, _) = one_image().await;
    let progress = Arc::new(Progress::default());
    let report = verify(&test.registry, REPORT, &progress, &mut |_| {}).await;
    let report = report.unwrap();
    let ended = progress.take_ended();
    let phases: Vec<(&str, u64, u64)> = ended
        .iter()
        .map(|reached| (reached.phase.doing, reached.count, reached.bytes))
        .collect();
    assert_eq!(
        phases,
        [
            ("finding blobs", 3, 0),
            ("reading blobs", 3, report.bytes),
            ("checking repositories", 1, 0),
        ]
    );
    assert_eq!(ended[1].phase.bytes, Some(report.bytes));
    assert_eq!(ended[1].phase.count, Some(3));
}

/// Folders without files, uploads, a repository without manifests: what Distribution leaves.
#[tokio::test]
async fn a_store_as_distribution_leaves_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let test = TestRegistry::in_folder(&folder);
    let image = image("x");
    let root = folder.path().join("docker/registry/v2");
    let digest = image.digest();
    for (path, content) in [
        (blob_path(digest), image.bytes().to_vec()),
        (blob_path(&sha256("x config")), b"x config".to_vec()),
        (blob_path(&sha256("x layer")), b"x layer".to_vec()),
        (
            revision("team/app", digest),
            digest.to_string().into_bytes(),
        ),
        (current("team/app", "v1"), digest.to_string().into_bytes()),
        (
            format!(
                "repositories/team/app/_manifests/tags/v1/index/{}",
                link(digest)
            ),
            digest.to_string().into_bytes(),
        ),
        (
            layer("team/app", &sha256("x config")),
            sha256("x config").to_string().into_bytes(),
        ),
        (
            layer("team/app", &sha256("x layer")),
            sha256("x layer").to_string().into_bytes(),
        ),
    ] {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let hex = sha256("collected").hex().to_owned();
    for empty in [
        "repositories/team/app/_uploads".to_owned(),
        "repositories/team/app/_manifests/tags/deleted".to_owned(),
        format!("repositories/team/app/_manifests/revisions/sha256/{hex}"),
        format!("repositories/team/app/_layers/sha256/{hex}"),
        format!("blobs/sha256/{}/{hex}", &hex[..2]),
        "repositories/empty/_layers/sha256".to_owned(),
    ] {
        std::fs::create_dir_all(root.join(empty)).unwrap();
    }
    let (lines, report) = verified(&test, REPORT).await;
    expect_lines(&lines, &[]);
    assert_eq!(
        (
            report.repositories,
            report.tags,
            report.manifests,
            report.blobs
        ),
        (1, 1, 1, 3)
    );
}

/// What nobody could look at may name any of it, and a collection would go by what is moved.
#[tokio::test]
async fn nothing_is_moved_or_called_an_orphan_where_not_all_was_seen() {
    let (test, driver) = watched();
    push_image(&test.repository("a"), "x", Some("v1")).await;
    let repository = test.repository("b");
    let image = push_image(&repository, "y", None).await;
    push_parts(&repository, "signature").await;
    let signature = push_manifest(&repository, attached("signature", &image), None).await;
    test.write(&blob_path(image.digest()), "damaged").await;
    for part in ["repositories/b/_manifests/revisions", "repositories/b"] {
        driver.break_all(part);
        let lines = repaired(&test).await;
        let is_unread = |line: &String| line.contains("it cannot be read");
        assert!(lines.iter().any(is_unread), "{lines:#?}");
        let is_wrong = |line: &String| line.starts_with("note: ") || line.contains("in the list");
        assert!(!lines.iter().any(is_wrong), "{lines:#?}");
        assert!(!told(&test).await.iter().any(is_wrong), "{part}");
    }
    driver.break_all("nothing");
    let damaged = test.read(&blob_path(image.digest())).await.unwrap();
    assert_eq!(damaged, "damaged");
    // Neither is what is about something taken out of its list.
    let list = format!("repositories/b/_referrers/sha256/{}", image.digest().hex());
    let entry = format!("{list}/{}", link(signature.digest()));
    assert!(test.read(&entry).await.is_some());
}

/// What was found may be over when it is to be repaired.
#[tokio::test]
async fn a_repair_that_comes_too_late_changes_nothing() {
    let (test, image) = one_image().await;
    let repository = test.repository("a");
    push_parts(&repository, "signature").await;
    let signature = push_manifest(&repository, attached("signature", &image), None).await;
    let local = LocalRepository {
        name: crate::testing::name("a"),
        store: Arc::clone(&test.registry.store),
    };
    let verifier = Verifier {
        store: Arc::clone(&local.store),
        options: REPAIR,
        contents: Contents::default(),
        throttle: Throttle::new(None),
        progress: Arc::default(),
        bytes_read: AtomicU64::new(0),
    };
    let (deleted, never) = (
        push_image(&repository, "y", Some("v2")).await,
        sha256("never"),
    );
    let (gone, blob) = (deleted.digest().clone(), sha256("y layer"));
    repository.manifests.delete(&gone, ALWAYS).await.unwrap();
    repository.blobs.delete(&blob).await.unwrap();
    let object = |digest: &Digest| Object::Manifest(digest.clone());
    let stale = Object::Referrer {
        subject: image.digest().clone(),
        referrer: signature.digest().clone(),
    };
    let before = test.files().await;
    for (object, fault) in [
        (stale, Fault::Stale),
        (object(&gone), Fault::LinkMissing),
        (object(&gone), Fault::LinkEmpty),
        (object(&never), Fault::LinkEmpty),
        (Object::Layer(blob.clone()), Fault::LinkMissing),
        (Object::Layer(blob), Fault::LinkEmpty),
        (Object::Tag(tag("v1")), Fault::LinkEmpty),
        (Object::History(tag("v2"), gone.clone()), Fault::LinkEmpty),
    ] {
        let finding = Finding {
            repository: None,
            tags: vec![tag("v1"), tag("v2")],
            named_by: vec![gone.clone()],
            object,
            fault,
        };
        let repair = verifier.repair(&local, &finding).await;
        assert_eq!(repair, Repair::None, "{finding:?}");
        assert_eq!(test.files().await, before, "{finding:?}");
    }
}

#[tokio::test]
async fn a_push_of_a_tag_counts_more_than_its_repair() {
    let (test, driver) = watched();
    let repository = test.repository("a");
    push_image(&repository, "x", Some("v1")).await;
    let newer = push_image(&repository, "y", None).await;
    test.write(&current("a", "v1"), "").await;
    let link = link(newer.digest());
    let history = format!("repositories/a/_manifests/tags/v1/index/{link}");
    driver.write_before_change(&current("a", "v1"), &history, newer.digest().as_str());
    let lines = repaired(&test).await;
    assert!(
        lines.len() == 1 && lines[0].starts_with("repaired: a: tag v1"),
        "{lines:?}"
    );
    let resolved = repository.tags.resolve(&tag("v1")).await.unwrap();
    assert_eq!(resolved, *newer.digest());
}
