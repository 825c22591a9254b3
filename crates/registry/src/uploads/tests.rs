//! Uploads: resumed, cut off, cancelled, finished, and what is left in the store by each.

mod chunks;
mod failures;

use std::{sync::Arc, task::Poll, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use proptest::prelude::*;
use wharf_oci::{Algorithm, Digest};
use wharf_storage::testing::lossy::{Fault, Lossy};

use crate::{
    Chunk, Error, Repository, StorageError, UploadId, UploadStatus,
    testing::{
        TestRegistry, append, begin_upload, blob_path, body, chunk, link, name, pull_blob,
        push_blob, sha256, try_push_blob,
    },
};

const TEXT: &str = "a text that is pushed in pieces, and whose digest must come out right";

/// Continues an upload with the rest of [`TEXT`] and finishes it.
async fn finish(repository: &Repository, id: &UploadId) {
    let mut session = repository.uploads.resume(id).await.unwrap();
    let offset = session.status().offset as usize;
    append(&mut session, &TEXT.as_bytes()[offset..]).await;
    session.commit(&sha256(TEXT)).await.unwrap();
    let pulled = pull_blob(repository, &sha256(TEXT)).await.unwrap();
    assert_eq!(pulled, TEXT.as_bytes());
}

fn uploads(files: &[String]) -> Vec<&String> {
    files.iter().filter(|f| f.contains("/_uploads/")).collect()
}

async fn offset(repository: &Repository, id: &UploadId) -> u64 {
    repository.uploads.status(id).await.unwrap().offset
}

#[tokio::test]
async fn a_blob_is_pushed_in_chunks_over_several_requests() {
    let test = TestRegistry::new();
    let repository = test.repository("a/b");
    let id = begin_upload(&repository, "").await;
    for (start, end) in [(0, 10), (10, 10), (10, 40)] {
        let mut session = repository.uploads.resume(&id).await.unwrap();
        assert_eq!(session.status().offset, start as u64);
        let chunk = Chunk {
            start: Some(start as u64),
            length: Some((end - start) as u64),
            body: body([TEXT[start..end].to_owned()]),
        };
        session.append(chunk).await.unwrap();
        let status = session.suspend().await.unwrap();
        assert_eq!((status.offset, &status.id), (end as u64, &id));
        assert_eq!(repository.uploads.status(&id).await.unwrap(), status);
    }
    finish(&repository, &id).await;
    assert_eq!(uploads(&test.files().await), [""; 0]);
}

#[tokio::test]
async fn the_start_is_told_as_it_is_stored() {
    let test = TestRegistry::new();
    let session = test.repository("a").uploads.start().await.unwrap();
    let UploadStatus { id, started_at, .. } = session.status();
    let stored = test
        .read(&format!("repositories/a/_uploads/{id}/startedat"))
        .await;
    assert_eq!(stored.unwrap(), started_at);
    let began: jiff::Timestamp = started_at.parse().unwrap();
    assert!(began.duration_until(jiff::Timestamp::now()).as_secs() < 60);
    assert!(
        started_at.len() == 20 && started_at.ends_with('Z'),
        "whole seconds of UTC: {started_at}"
    );
}

#[tokio::test]
async fn an_upload_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    for test in [TestRegistry::new(), TestRegistry::in_folder(&folder)] {
        let id = begin_upload(&test.repository("a"), &TEXT[..33]).await;
        let restarted = test.restarted().repository("a");
        assert_eq!(offset(&restarted, &id).await, 33);
        finish(&restarted, &id).await;
    }
}

/// Bytes that a request wrote before it was cut off are there, and no hash state tells of them.
async fn interrupted_upload(test: &TestRegistry) -> UploadId {
    let repository = test.repository("a");
    let id = begin_upload(&repository, &TEXT[..10]).await;
    let mut session = repository.uploads.resume(&id).await.unwrap();
    append(&mut session, &TEXT[10..20]).await;
    session.suspend().await.unwrap();
    let mut session = repository.uploads.resume(&id).await.unwrap();
    append(&mut session, &TEXT[20..31]).await;
    drop(session);
    id
}

#[tokio::test]
async fn what_no_hash_state_tells_of_is_read_again() {
    let test = TestRegistry::new();
    let id = interrupted_upload(&test).await;
    let repository = test.restarted().repository("a");
    assert_eq!(offset(&repository, &id).await, 31);
    finish(&repository, &id).await;
}

#[tokio::test]
async fn what_a_hash_state_tells_of_is_not_read_again() {
    let test = TestRegistry::new();
    let id = interrupted_upload(&test).await;
    // Were the first bytes read again, the digest would tell.
    let unread = format!("{}{}", "?".repeat(20), &TEXT[20..31]);
    test.write(&format!("repositories/a/_uploads/{id}/data"), unread)
        .await;
    let repository = test.restarted().repository("a");
    let mut session = repository.uploads.resume(&id).await.unwrap();
    append(&mut session, &TEXT[31..]).await;
    session.commit(&sha256(TEXT)).await.unwrap();
}

#[tokio::test]
async fn a_hash_state_of_bytes_that_are_lost_is_passed_over() {
    let test = TestRegistry::new();
    let id = interrupted_upload(&test).await;
    test.write(&format!("repositories/a/_uploads/{id}/data"), &TEXT[..15])
        .await;
    finish(&test.restarted().repository("a"), &id).await;
}

#[tokio::test]
async fn bytes_that_could_not_be_written_are_in_no_hash_state() {
    let (test, faulty) = TestRegistry::faulty();
    let repository = test.repository("a");
    let id = begin_upload(&repository, &TEXT[..20]).await;
    let mut session = repository.uploads.resume(&id).await.unwrap();
    faulty.fail_at(0);
    let lost = Bytes::from(vec![b'?'; 20]);
    let failed = session.append(chunk(lost)).await.unwrap_err();
    assert!(matches!(failed, Error::Storage(_)), "{failed}");
    session.suspend().await.unwrap();
    let mut session = repository.uploads.resume(&id).await.unwrap();
    append(&mut session, &TEXT[20..50]).await;
    drop(session);
    finish(&repository, &id).await;
}

#[tokio::test]
async fn missing_hash_states_are_made_up_for() {
    let test = TestRegistry::new();
    let id = interrupted_upload(&test).await;
    test.remove(&format!("repositories/a/_uploads/{id}/hashstates"))
        .await;
    finish(&test.restarted().repository("a"), &id).await;
}

#[tokio::test]
async fn damaged_hash_states_are_passed_over() {
    let good = {
        let test = TestRegistry::new();
        let id = interrupted_upload(&test).await;
        let path = format!("repositories/a/_uploads/{id}/hashstates/sha256/20");
        test.read(&path).await.unwrap()
    };
    let states: [&[u8]; 5] = [b"", b"x", &[0; 108], &good[..107], &good];
    for damaged in states {
        let test = TestRegistry::new();
        let id = interrupted_upload(&test).await;
        let folder = format!("repositories/a/_uploads/{id}/hashstates/sha256");
        // The last of them is whole, and of another offset.
        for at in ["10", "15", "31"] {
            let damaged = Bytes::copy_from_slice(damaged);
            test.write(&format!("{folder}/{at}"), damaged).await;
        }
        test.write(&format!("{folder}/99"), good.clone()).await;
        test.write(&format!("{folder}/none"), good.clone()).await;
        finish(&test.restarted().repository("a"), &id).await;
    }
}

#[tokio::test]
async fn content_with_another_digest_leaves_nothing_behind() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
        let id = begin_upload(&repository, TEXT).await;
        let session = repository.uploads.resume(&id).await.unwrap();
        let wrong = Digest::of(algorithm, b"something else");
        let refused = session.commit(&wrong).await.unwrap_err();
        assert!(
            matches!(&refused, Error::DigestMismatch { expected, actual }
                if *expected == wrong && *actual == Digest::of(algorithm, TEXT.as_bytes())),
            "{refused}"
        );
        assert!(test.files().await.is_empty());
        let gone = repository.uploads.status(&id).await.unwrap_err();
        assert!(matches!(gone, Error::UploadUnknown { .. }), "{gone}");
    }
}

#[tokio::test]
async fn content_pushed_as_sha512_is_stored_by_its_sha256_and_found_by_both() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    for algorithm in [Algorithm::Sha512, Algorithm::Sha384] {
        let asked = Digest::of(algorithm, TEXT.as_bytes());
        let id = begin_upload(&repository, &TEXT[..5]).await;
        let mut session = repository.uploads.resume(&id).await.unwrap();
        append(&mut session, &TEXT[5..]).await;
        let committed = session.commit(&asked).await.unwrap();
        assert_eq!(
            (&committed.digest, committed.size),
            (&asked, TEXT.len() as u64)
        );

        let content = sha256(TEXT);
        let links = "repositories/a/_layers";
        assert_eq!(
            test.files().await,
            [
                blob_path(&content),
                format!("{links}/{}", link(&content)),
                format!("{links}/{}", link(&asked)),
            ]
        );
        for digest in [&asked, &content] {
            let stored = test.read(&format!("{links}/{}", link(digest))).await;
            assert_eq!(stored.unwrap(), content.as_str());
            assert_eq!(&repository.blobs.stat(digest).await.unwrap().digest, digest);
            assert_eq!(
                pull_blob(&repository, digest).await.unwrap(),
                TEXT.as_bytes()
            );
        }
        repository.blobs.delete(&asked).await.unwrap();
    }
}

#[tokio::test]
async fn an_empty_blob_can_be_pushed() {
    let folder = tempfile::tempdir().unwrap();
    for test in [TestRegistry::new(), TestRegistry::in_folder(&folder)] {
        let repository = test.repository("a");
        let session = repository.uploads.start().await.unwrap();
        let committed = session.commit(&sha256("")).await.unwrap();
        assert_eq!(committed.size, 0);
        assert_eq!(pull_blob(&repository, &sha256("")).await.unwrap(), b"");
        let id = begin_upload(&repository, "").await;
        let session = repository.uploads.resume(&id).await.unwrap();
        let sha512 = Digest::of(Algorithm::Sha512, b"");
        session.commit(&sha512).await.unwrap();
        assert_eq!(repository.blobs.stat(&sha512).await.unwrap().size, 0);
    }
}

#[tokio::test]
async fn pushing_again_puts_damaged_content_right() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let digest = push_blob(&repository, TEXT).await;
    let link = format!("repositories/a/_layers/{}", link(&digest));
    test.write(&blob_path(&digest), "damaged").await;
    test.write(&link, "").await;
    let refused = repository.blobs.stat(&digest).await.unwrap_err();
    assert!(matches!(refused, Error::BlobUnknown { .. }), "{refused}");
    push_blob(&repository, TEXT).await;
    assert_eq!(
        pull_blob(&repository, &digest).await.unwrap(),
        TEXT.as_bytes()
    );
}

#[tokio::test]
async fn a_finished_upload_is_unknown() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let id = begin_upload(&repository, TEXT).await;
    finish(&repository, &id).await;
    assert_unknown(&repository, &id).await;
    assert_unknown(&repository, &UploadId::random()).await;
}

async fn assert_unknown(repository: &Repository, id: &UploadId) {
    let refusals = [
        repository.uploads.status(id).await.map(drop),
        repository.uploads.resume(id).await.map(drop),
        repository.uploads.cancel(id).await,
    ];
    for refused in refusals {
        let refused = refused.unwrap_err();
        assert!(
            matches!(&refused, Error::UploadUnknown { id: told } if told == id),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn an_upload_is_known_in_its_repository_only() {
    let test = TestRegistry::new();
    let id = begin_upload(&test.repository("a"), TEXT).await;
    assert_unknown(&test.repository("b"), &id).await;
}

#[tokio::test(start_paused = true)]
async fn a_second_request_waits_for_the_first_and_then_gives_up() {
    let folder = tempfile::tempdir().unwrap();
    for test in [TestRegistry::new(), TestRegistry::in_folder(&folder)] {
        let repository = test.repository("a");
        let first = repository.uploads.start().await.unwrap();
        let id = first.status().id;
        let began = tokio::time::Instant::now();
        // Another registry on the same store has nothing in common with the first but the store.
        for second in [&repository, &test.restarted().repository("a")] {
            let refused = second.uploads.resume(&id).await.unwrap_err();
            assert!(matches!(refused, Error::UploadBusy { .. }), "{refused}");
        }
        let waited = began.elapsed().as_secs();
        assert!((10..12).contains(&waited), "{waited} s for both");
        first.suspend().await.unwrap();
        repository.uploads.resume(&id).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_request_goes_on_when_the_first_lets_go() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let mut first = repository.uploads.start().await.unwrap();
    let id = first.status().id;
    let (second, ()) = tokio::join!(repository.uploads.resume(&id), async {
        append(&mut first, &TEXT[..10]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        append(&mut first, &TEXT[10..20]).await;
        drop(first);
    });
    assert_eq!(second.unwrap().status().offset, 20);
    finish(&repository, &id).await;
}

#[tokio::test(start_paused = true)]
async fn a_second_request_that_waited_for_a_commit_finds_no_upload() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let id = begin_upload(&repository, TEXT).await;
    let first = repository.uploads.resume(&id).await.unwrap();
    let (second, ()) = tokio::join!(repository.uploads.resume(&id), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        first.commit(&sha256(TEXT)).await.unwrap();
    });
    let refused = second.unwrap_err();
    assert!(matches!(refused, Error::UploadUnknown { .. }), "{refused}");
    assert_eq!(uploads(&test.files().await), [""; 0]);
}

/// Between the moving of the bytes and the deletion of the rest of the upload, or after a crash
/// there.
#[tokio::test]
async fn an_upload_whose_bytes_have_been_moved_away_is_unknown() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let id = begin_upload(&repository, TEXT).await;
    test.remove(&format!("repositories/a/_uploads/{id}/data"))
        .await;
    for refused in [
        repository.uploads.status(&id).await.map(drop),
        repository.uploads.resume(&id).await.map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, Error::UploadUnknown { .. }), "{refused}");
    }
    repository.uploads.cancel(&id).await.unwrap();
    assert!(test.files().await.is_empty());
}

#[tokio::test]
async fn an_upload_without_bytes_yet_need_not_have_a_file() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let id = begin_upload(&repository, "").await;
    test.remove(&format!("repositories/a/_uploads/{id}/data"))
        .await;
    assert_eq!(offset(&repository, &id).await, 0);
    finish(&repository, &id).await;
}

#[tokio::test]
async fn a_cancelled_upload_is_gone_with_its_bytes() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let id = begin_upload(&repository, TEXT).await;
    repository.uploads.cancel(&id).await.unwrap();
    assert_unknown(&repository, &id).await;
    assert!(test.files().await.is_empty());
}

#[tokio::test]
async fn an_upload_cancelled_beside_a_request_that_writes_stays_gone() {
    let folder = tempfile::tempdir().unwrap();
    for test in [TestRegistry::new(), TestRegistry::in_folder(&folder)] {
        let repository = test.repository("a");
        for commits in [false, true] {
            let mut session = repository.uploads.start().await.unwrap();
            append(&mut session, &TEXT[..10]).await;
            let id = session.status().id;
            repository.uploads.cancel(&id).await.unwrap();
            let refused = if commits {
                session.commit(&sha256(&TEXT[..10])).await.map(drop)
            } else {
                session.suspend().await.map(drop)
            };
            let refused = refused.unwrap_err();
            assert!(matches!(refused, Error::UploadUnknown { .. }), "{refused}");
            assert_unknown(&repository, &id).await;
            assert_eq!(test.files().await, [""; 0]);
        }
    }
}

#[tokio::test]
async fn a_mounted_blob_is_in_both_repositories() {
    let test = TestRegistry::new();
    let (source, target) = (test.repository("a"), test.repository("b/c"));
    let digest = push_blob(&source, TEXT).await;
    let mounted = target.uploads.mount(&name("a"), &digest).await.unwrap();
    assert_eq!(
        (&mounted.digest, mounted.size),
        (&digest, TEXT.len() as u64)
    );
    assert_eq!(
        test.files().await,
        [
            blob_path(&digest),
            format!("repositories/a/_layers/{}", link(&digest)),
            format!("repositories/b/c/_layers/{}", link(&digest)),
        ],
        "a link and no copy"
    );
    source.blobs.delete(&digest).await.unwrap();
    assert_eq!(pull_blob(&target, &digest).await.unwrap(), TEXT.as_bytes());
}

#[tokio::test]
async fn a_blob_mounted_by_its_sha512_is_found_by_both_digests() {
    let test = TestRegistry::new();
    let (source, target) = (test.repository("a"), test.repository("b"));
    let sha512 = Digest::of(Algorithm::Sha512, TEXT.as_bytes());
    let id = begin_upload(&source, TEXT).await;
    let session = source.uploads.resume(&id).await.unwrap();
    session.commit(&sha512).await.unwrap();
    let mounted = target.uploads.mount(&name("a"), &sha512).await.unwrap();
    assert_eq!(mounted.digest, sha512);
    for digest in [sha512, sha256(TEXT)] {
        assert_eq!(pull_blob(&target, &digest).await.unwrap(), TEXT.as_bytes());
    }
}

#[tokio::test]
async fn what_the_source_does_not_have_is_not_mounted() {
    let test = TestRegistry::new();
    let (source, elsewhere) = (test.repository("a"), test.repository("elsewhere"));
    let target = test.repository("b");
    let stored = push_blob(&elsewhere, "stored, and not in the source").await;
    let dangling = push_blob(&source, "linked, and collected").await;
    test.remove(&blob_path(&dangling)).await;
    for digest in [sha256("nowhere"), stored, dangling] {
        let refused = target.uploads.mount(&name("a"), &digest).await.unwrap_err();
        assert!(
            matches!(&refused, Error::BlobUnknown { name: told, .. } if *told == name("a")),
            "{refused}"
        );
        assert!(target.blobs.stat(&digest).await.is_err());
    }
    let files = test.files().await;
    assert!(!files.iter().any(|file| file.contains("repositories/b/")));
}
