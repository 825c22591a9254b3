//! Purging: what is old goes, by the time it tells or by the time of its files.

use std::{
    collections::BTreeSet,
    fs::File,
    time::{Duration, SystemTime},
};

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::testing::{TestRegistry, begin_upload, push_image};

const WEEK: PurgeOptions = PurgeOptions {
    age: Duration::from_secs(168 * HOUR),
    dry_run: false,
};
const HOUR: u64 = 60 * 60;

async fn purge_week(test: &TestRegistry) -> PurgeReport {
    purge_uploads(&test.registry, WEEK).await.unwrap()
}

/// What is told of so many uploads of five bytes.
fn purged(purged: u64) -> PurgeReport {
    let bytes = 5 * purged;
    PurgeReport {
        purged,
        bytes,
        errors: 0,
    }
}

/// Begins an upload that tells that it began so many hours ago.
async fn upload_of_age(test: &TestRegistry, name: &str, hours: i64) -> UploadId {
    let id = begin_upload(&test.repository(name), "bytes").await;
    let began = Timestamp::now() - SignedDuration::from_hours(hours);
    let path = format!("repositories/{name}/_uploads/{id}/startedat");
    test.write(&path, began.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .await;
    id
}

async fn is_there(test: &TestRegistry, name: &str, id: &UploadId) -> bool {
    let folder = format!("repositories/{name}/_uploads/{id}/");
    test.files().await.iter().any(|f| f.starts_with(&folder))
}

/// Lets everything in an upload's folder, and the folder, look as if it last changed then.
fn last_changed(store: &tempfile::TempDir, name: &str, id: &UploadId, hours: u64) {
    let folder = store.path().join(format!(
        "docker/registry/v2/repositories/{name}/_uploads/{id}"
    ));
    let then = SystemTime::now() - Duration::from_secs(hours * HOUR);
    for path in [folder.join("data"), folder] {
        if path.exists() {
            File::open(path).unwrap().set_modified(then).unwrap();
        }
    }
}

#[tokio::test]
async fn uploads_older_than_the_age_are_dropped_in_every_repository() {
    let test = TestRegistry::new();
    let mut old = Vec::new();
    let mut young = Vec::new();
    // Most uploads are in repositories that hold no manifest yet.
    push_image(&test.repository("a"), "x", Some("v1")).await;
    for name in ["a", "a/b/c", "a-b"] {
        old.push((name, upload_of_age(&test, name, 169).await));
        old.push((name, upload_of_age(&test, name, 9000).await));
        young.push((name, upload_of_age(&test, name, 167).await));
        young.push((name, begin_upload(&test.repository(name), "x").await));
    }
    let before = test.files().await;
    assert_eq!(purge_week(&test).await, purged(6));
    for (name, id) in &old {
        assert!(!is_there(&test, name, id).await);
    }
    for (name, id) in &young {
        assert!(is_there(&test, name, id).await);
        test.repository(name).uploads.status(id).await.unwrap();
    }
    let after = test.files().await;
    assert_eq!(after.len(), before.len() - 6 * 3, "and nothing else");
    assert_eq!(purge_week(&test).await, purged(0));
}

#[tokio::test]
async fn a_dry_run_counts_and_deletes_nothing() {
    let test = TestRegistry::new();
    upload_of_age(&test, "a", 200).await;
    upload_of_age(&test, "b", 200).await;
    let before = test.files().await;
    let dry_run = PurgeOptions {
        dry_run: true,
        ..WEEK
    };
    let report = purge_uploads(&test.registry, dry_run).await.unwrap();
    assert_eq!(report, purged(2));
    assert_eq!(test.files().await, before);
}

#[tokio::test]
async fn an_upload_from_the_future_stays() {
    let test = TestRegistry::new();
    let id = upload_of_age(&test, "a", -1000).await;
    assert_eq!(purge_week(&test).await, purged(0));
    let at_once = PurgeOptions {
        age: Duration::ZERO,
        dry_run: false,
    };
    let report = purge_uploads(&test.registry, at_once).await.unwrap();
    assert_eq!(report, purged(0));
    assert!(is_there(&test, "a", &id).await);
}

#[tokio::test]
async fn without_a_start_that_can_be_read_the_time_of_the_bytes_counts() {
    let folder = tempfile::tempdir().unwrap();
    let test = TestRegistry::in_folder(&folder);
    for damage in [None, Some(""), Some("\0\0\0"), Some("yesterday")] {
        let young = begin_upload(&test.repository("a"), "bytes").await;
        let old = begin_upload(&test.repository("a"), "bytes").await;
        for (id, hours) in [(&young, 100), (&old, 200)] {
            let started_at = format!("repositories/a/_uploads/{id}/startedat");
            match damage {
                Some(damage) => test.write(&started_at, damage).await,
                None => test.remove(&started_at).await,
            }
            last_changed(&folder, "a", id, hours);
        }
        assert_eq!(purge_week(&test).await, purged(1), "{damage:?}");
        assert!(is_there(&test, "a", &young).await);
        assert!(!is_there(&test, "a", &old).await);
        test.remove(&format!("repositories/a/_uploads/{young}"))
            .await;
    }
}

#[tokio::test]
async fn what_a_cut_off_deletion_leaves_goes_too() {
    let folder = tempfile::tempdir().unwrap();
    let test = TestRegistry::in_folder(&folder);
    let id = begin_upload(&test.repository("a"), "bytes").await;
    for file in ["startedat", "data"] {
        test.remove(&format!("repositories/a/_uploads/{id}/{file}"))
            .await;
    }
    assert_eq!(purge_week(&test).await, purged(0), "it just changed");
    last_changed(&folder, "a", &id, 200);
    let found = purge_week(&test).await;
    assert_eq!((found.purged, found.bytes, found.errors), (1, 0, 0));
    assert!(!is_there(&test, "a", &id).await);
}

#[tokio::test]
async fn the_start_counts_and_not_the_time_of_the_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let test = TestRegistry::in_folder(&folder);
    let old = upload_of_age(&test, "a", 200).await;
    let young = upload_of_age(&test, "a", 1).await;
    last_changed(&folder, "a", &young, 200);
    assert_eq!(purge_week(&test).await, purged(1));
    assert!(!is_there(&test, "a", &old).await);
    assert!(is_there(&test, "a", &young).await);
}

#[tokio::test]
async fn starts_are_read_as_other_tools_write_them() {
    let test = TestRegistry::new();
    for text in [
        "2020-01-02T03:04:05Z",
        "2020-01-02T03:04:05.678Z\n",
        "2020-01-02T03:04:05+02:00",
    ] {
        let id = begin_upload(&test.repository("a"), "bytes").await;
        test.write(&format!("repositories/a/_uploads/{id}/startedat"), text)
            .await;
        assert_eq!(purge_week(&test).await, purged(1), "{text:?}");
    }
}

#[tokio::test]
async fn an_empty_store_has_nothing_to_purge() {
    assert_eq!(purge_week(&TestRegistry::new()).await, purged(0));
}

#[tokio::test]
async fn what_fails_is_counted_and_the_rest_is_purged() {
    let mut purged_beside_a_failure = BTreeSet::new();
    for n in 0.. {
        let (test, faulty) = TestRegistry::faulty();
        for name in ["a", "b"] {
            upload_of_age(&test, name, 200).await;
            upload_of_age(&test, name, 200).await;
        }
        faulty.fail_at(n);
        let report = purge_uploads(&test.registry, WEEK).await;
        let failed = faulty.has_failed();
        faulty.heal();
        match report {
            Ok(report) if failed => {
                assert_eq!(report.errors, 1, "failed at {n}");
                purged_beside_a_failure.insert(report.purged);
                let rest = purge_week(&test).await;
                assert_eq!(report.purged + rest.purged, 4, "failed at {n}");
            }
            Ok(report) => {
                assert_eq!(report, purged(4));
                assert!(n > 12, "calls are counted");
                break;
            }
            // Without the list of repositories nothing can be done.
            Err(error) => assert!(matches!(error, Error::Storage(_))),
        }
    }
    let without_one_upload = 3;
    let without_one_repository = 2;
    assert_eq!(
        purged_beside_a_failure,
        BTreeSet::from([without_one_repository, without_one_upload])
    );
}
