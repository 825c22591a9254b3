//! Every outcome of the domain, and what a client sees of it.

use std::io;

use wharf_registry::{Error as Outcome, StorageError};
use wharf_storage::StoragePath;

use super::*;

fn told(error: impl Into<Error>) -> (u16, &'static str, Option<Value>) {
    let answer = error.into().answer();
    let entry = &answer.errors[0];
    let detail = entry.detail.as_ref();
    let detail = detail.map(|detail| serde_json::to_value(detail).unwrap());
    (answer.status.as_u16(), entry.code.as_str(), detail)
}

fn path() -> StoragePath {
    StoragePath::parse("/docker/registry/v2/blobs").unwrap()
}

#[test]
fn every_outcome_has_a_status_and_a_code() {
    let name: RepositoryName = "a/b".parse().unwrap();
    let digest = Digest::sha256(b"");
    let id = wharf_registry::UploadId::random();
    let table = [
        (
            Outcome::RepositoryUnknown { name: name.clone() },
            (404, "NAME_UNKNOWN", json!({"name": "a/b"})),
        ),
        (
            Outcome::BlobUnknown {
                name: name.clone(),
                digest: digest.clone(),
            },
            (404, "BLOB_UNKNOWN", json!(digest)),
        ),
        (
            Outcome::ManifestUnknown {
                name: name.clone(),
                reference: Reference::Tag("v1".parse().unwrap()),
            },
            (404, "MANIFEST_UNKNOWN", json!("unknown tag=v1")),
        ),
        (
            Outcome::ManifestUnknown {
                name,
                reference: Reference::Digest(digest.clone()),
            },
            (
                404,
                "MANIFEST_UNKNOWN",
                json!(format!("unknown manifest name=a/b revision={digest}")),
            ),
        ),
        (
            Outcome::ManifestPartsUnknown(vec![MissingPart::Blob(digest.clone())]),
            (400, "MANIFEST_BLOB_UNKNOWN", json!(digest)),
        ),
        (
            Outcome::UploadUnknown { id: id.clone() },
            (404, "BLOB_UPLOAD_UNKNOWN", json!("blob upload unknown")),
        ),
        (
            Outcome::UploadBusy { id },
            (
                409,
                "BLOB_UPLOAD_INVALID",
                json!("another request is writing to this upload"),
            ),
        ),
        (
            Outcome::OffsetMismatch {
                start: 9,
                offset: 5,
            },
            (
                416,
                "RANGE_INVALID",
                json!("the upload has 5 bytes, go on from there"),
            ),
        ),
        (
            Outcome::LengthMismatch {
                announced: 9,
                actual: 5,
            },
            (
                400,
                "SIZE_INVALID",
                json!("the chunk was announced with 9 bytes and has 5"),
            ),
        ),
        (
            Outcome::BodyInterrupted {
                source: "secret of the connection".into(),
            },
            (400, "SIZE_INVALID", json!("the request's body was cut off")),
        ),
        (
            Outcome::RangeOutside { size: 5 },
            (
                416,
                "RANGE_INVALID",
                json!("the range lies outside the blob's 5 bytes"),
            ),
        ),
        (
            Outcome::DeletionDisabled,
            (
                405,
                "UNSUPPORTED",
                json!(
                    "deleting is switched off: set storage.delete.enabled to true, or \
                     REGISTRY_STORAGE_DELETE_ENABLED=true"
                ),
            ),
        ),
    ];
    for (outcome, (status, code, detail)) in table {
        let text = outcome.to_string();
        assert_eq!(told(outcome), (status, code, Some(detail)), "{text}");
    }
}

#[test]
fn a_failure_inside_is_told_in_fixed_words() {
    let source = || io::Error::other("disk on fire");
    let full = StorageError::Full {
        path: path(),
        source: source(),
    };
    let read_only = StorageError::ReadOnly {
        path: path(),
        source: source(),
    };
    let broken = StorageError::Io {
        operation: "read",
        path: path(),
        source: source(),
    };
    let missing = StorageError::NotFound { path: path() };
    let damaged = Outcome::Damaged {
        what: "/docker/registry/v2/blobs".to_owned(),
    };
    let no_space = "the store has no space left: free some, and push again";
    let no_writes = "the store's file system is mounted read-only: it can be pulled from, and takes \
                     pushes and deletions again when it is mounted for writing";
    for (outcome, status, code, detail) in [
        (Outcome::Storage(full), 507, "UNAVAILABLE", Some(no_space)),
        (
            Outcome::Storage(read_only),
            503,
            "UNAVAILABLE",
            Some(no_writes),
        ),
        (Outcome::Storage(broken), 500, "UNKNOWN", None),
        (Outcome::Storage(missing), 500, "UNKNOWN", None),
        (damaged, 500, "UNKNOWN", None),
    ] {
        let detail = detail.map(|text| json!(text));
        assert_eq!(told(outcome), (status, code, detail));
    }
    let refusal = Refusal::Unavailable(wharf_auth::Error::Interrupted);
    let error = Error::Refused {
        refusal,
        access: vec![Access::catalog()],
    };
    assert_eq!(told(error), (500, "UNKNOWN", None));
}

#[test]
fn several_missing_parts_are_several_errors() {
    let (blob, child) = (Digest::sha256(b"blob"), Digest::sha256(b"child"));
    let parts = vec![
        MissingPart::Blob(blob),
        MissingPart::Manifest(child),
        MissingPart::UrlNotAllowed {
            digest: Digest::sha256(b"layer"),
            url: "ftp://x".to_owned(),
        },
    ];
    let answer = Error::from(Outcome::ManifestPartsUnknown(parts)).answer();
    assert_eq!(answer.status, 400);
    let codes: Vec<_> = answer.errors.iter().map(|entry| entry.code).collect();
    let expected = [
        ErrorCode::ManifestBlobUnknown,
        ErrorCode::ManifestBlobUnknown,
        ErrorCode::ManifestInvalid,
    ];
    assert_eq!(codes, expected);
}
