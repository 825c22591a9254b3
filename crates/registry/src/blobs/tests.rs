//! Blobs: granted per repository, read in ranges, taken out one link at a time.

use futures_util::TryStreamExt;
use wharf_oci::{Algorithm, Digest, MediaType};
use wharf_storage::ReadRange;

use crate::{
    Error, Repository,
    testing::{
        TestRegistry, begin_upload, blob_path, link, name, pull_blob, push_blob, push_image, sha256,
    },
};

async fn assert_unknown(repository: &Repository, digest: &Digest) {
    for refused in [
        repository.blobs.stat(digest).await.map(drop),
        repository
            .blobs
            .open(digest, ReadRange::Whole)
            .await
            .map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert!(
            matches!(&refused, Error::BlobUnknown { name, digest: told }
                if *name == repository.name && told == digest),
            "{refused}"
        );
    }
}

async fn read(repository: &Repository, digest: &Digest, range: ReadRange) -> Vec<u8> {
    let blob = repository.blobs.open(digest, range).await.unwrap();
    assert_eq!(blob.descriptor.size, 10);
    assert_eq!(blob.reader.size, 10);
    let length = blob.reader.length;
    let chunks: Vec<_> = blob.reader.into_stream().try_collect().await.unwrap();
    assert_eq!(chunks.concat().len() as u64, length);
    chunks.concat()
}

#[tokio::test]
async fn a_blob_is_told_with_its_size_and_no_type() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let digest = push_blob(&repository, "0123456789").await;
    let told = repository.blobs.stat(&digest).await.unwrap();
    assert_eq!(
        (told.media_type, told.digest, told.size),
        (MediaType::OCTET_STREAM, digest, 10)
    );
}

#[tokio::test]
async fn ranges_are_read_exactly() {
    let folder = tempfile::tempdir().unwrap();
    for test in [TestRegistry::new(), TestRegistry::in_folder(&folder)] {
        let repository = test.repository("a");
        let digest = push_blob(&repository, "0123456789").await;
        let table = [
            (ReadRange::Whole, "0123456789"),
            (ReadRange::From(7), "789"),
            (ReadRange::FromTo { first: 2, last: 4 }, "234"),
            (ReadRange::FromTo { first: 9, last: 99 }, "9"),
            (ReadRange::Last(3), "789"),
        ];
        for (range, expected) in table {
            let content = read(&repository, &digest, range).await;
            assert_eq!(content, expected.as_bytes(), "{range:?}");
        }
        let outside = ReadRange::FromTo {
            first: 10,
            last: 12,
        };
        let refused = repository.blobs.open(&digest, outside).await.unwrap_err();
        assert!(
            matches!(refused, Error::RangeOutside { size: 10 }),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_blob_is_granted_to_the_repositories_that_have_it() {
    let test = TestRegistry::new();
    let (here, there) = (test.repository("a"), test.repository("a/b"));
    let digest = push_blob(&here, "secret").await;
    assert_unknown(&there, &digest).await;
    let refused = there.blobs.delete(&digest).await.unwrap_err();
    assert!(matches!(refused, Error::BlobUnknown { .. }), "{refused}");
    push_blob(&there, "secret").await;
    assert_eq!(pull_blob(&there, &digest).await.unwrap(), b"secret");
}

#[tokio::test]
async fn a_link_without_content_or_without_a_digest_counts_as_absent() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let digest = push_blob(&repository, "content").await;
    let path = format!("repositories/a/_layers/{}", link(&digest));
    test.remove(&blob_path(&digest)).await;
    assert_unknown(&repository, &digest).await;
    push_blob(&test.repository("b"), "content").await;
    repository.blobs.stat(&digest).await.unwrap();
    for damage in ["", "\0\0", "sha256:abc"] {
        test.write(&path, damage).await;
        assert_unknown(&repository, &digest).await;
    }
}

#[tokio::test]
async fn a_deleted_blob_is_gone_from_one_repository() {
    let test = TestRegistry::new();
    let (here, there) = (test.repository("a"), test.repository("b"));
    let digest = push_blob(&here, "content").await;
    there.uploads.mount(&name("a"), &digest).await.unwrap();
    here.blobs.delete(&digest).await.unwrap();
    assert_unknown(&here, &digest).await;
    let again = here.blobs.delete(&digest).await.unwrap_err();
    assert!(matches!(again, Error::BlobUnknown { .. }), "{again}");
    assert_eq!(pull_blob(&there, &digest).await.unwrap(), b"content");
    assert!(test.files().await.contains(&blob_path(&digest)));
}

#[tokio::test]
async fn the_names_of_a_blob_are_deleted_one_by_one() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let sha512 = Digest::of(Algorithm::Sha512, b"content");
    let id = begin_upload(&repository, "content").await;
    let session = repository.uploads.resume(&id).await.unwrap();
    session.commit(&sha512).await.unwrap();
    repository.blobs.delete(&sha512).await.unwrap();
    assert_unknown(&repository, &sha512).await;
    repository.blobs.stat(&sha256("content")).await.unwrap();
}

#[tokio::test]
async fn a_manifest_is_no_blob_of_its_repository() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let manifest = push_image(&repository, "x", Some("v1")).await;
    assert_unknown(&repository, manifest.digest()).await;
}

#[tokio::test]
async fn a_failing_store_is_an_error_and_never_an_absence() {
    let (test, faulty) = TestRegistry::faulty();
    let repository = test.repository("a");
    let digest = push_blob(&repository, "content").await;
    for n in 0..2 {
        faulty.fail_at(n);
        let stat = repository.blobs.stat(&digest).await;
        faulty.fail_at(n);
        let open = repository.blobs.open(&digest, ReadRange::Whole).await;
        faulty.fail_at(n);
        let delete = repository.blobs.delete(&digest).await;
        for failed in [stat.map(drop), open.map(drop), delete] {
            assert!(matches!(failed, Err(Error::Storage(_))), "{failed:?}");
        }
    }
    faulty.heal();
    repository.blobs.delete(&digest).await.unwrap();
}
