//! What holds for every well-formed path, and for every path at all.

use http::Uri;
use proptest::prelude::*;
use wharf_oci::{Digest, Reference, RepositoryName, Tag};
use wharf_registry::UploadId;

use crate::{
    config::Mode,
    endpoint::{Endpoint, Unrouted},
};

/// Names whose components may be called like the parts of a path.
fn names() -> impl Strategy<Value = RepositoryName> {
    let component = prop_oneof![
        prop::sample::select(vec!["blobs", "uploads", "manifests", "tags", "list", "v2"])
            .prop_map(str::to_owned),
        "[a-z0-9]{1,3}((\\.|_|__|-{1,2})[a-z0-9]{1,2}){0,2}",
    ];
    prop::collection::vec(component, 1..6).prop_map(|parts| parts.join("/").parse().unwrap())
}

fn digests() -> impl Strategy<Value = Digest> {
    "(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})".prop_map(|text| text.parse().unwrap())
}

fn references() -> impl Strategy<Value = Reference> {
    let tag = "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}|list|uploads|blobs|tags|manifests";
    prop_oneof![
        tag.prop_map(|text| Reference::Tag(text.parse::<Tag>().unwrap())),
        digests().prop_map(Reference::Digest),
    ]
}

fn ids() -> impl Strategy<Value = UploadId> {
    "[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,40}|list|uploads".prop_map(|text| text.parse().unwrap())
}

/// Well-formed requests, and the endpoint that each is for.
fn requests() -> impl Strategy<Value = (&'static str, String, Endpoint)> {
    let manifests = (names(), references(), 0..3_usize).prop_map(|(name, reference, which)| {
        let path = format!("/v2/{name}/manifests/{reference}");
        match which {
            0 => ("HEAD", path, Endpoint::GetManifest { name, reference }),
            1 => ("PUT", path, Endpoint::PutManifest { name, reference }),
            _ => ("DELETE", path, Endpoint::DeleteManifest { name, reference }),
        }
    });
    let blobs = (names(), digests(), any::<bool>()).prop_map(|(name, digest, get)| {
        let path = format!("/v2/{name}/blobs/{digest}");
        match get {
            true => ("GET", path, Endpoint::GetBlob { name, digest }),
            false => ("DELETE", path, Endpoint::DeleteBlob { name, digest }),
        }
    });
    let uploads = (names(), ids(), 0..4_usize).prop_map(|(name, id, which)| {
        let path = format!("/v2/{name}/blobs/uploads/{id}");
        match which {
            0 => ("GET", path, Endpoint::UploadStatus { name, id }),
            1 => ("PATCH", path, Endpoint::AppendUpload { name, id }),
            2 => ("PUT", path, Endpoint::CompleteUpload { name, id }),
            _ => ("DELETE", path, Endpoint::CancelUpload { name, id }),
        }
    });
    let starts = names().prop_map(|name| {
        let path = format!("/v2/{name}/blobs/uploads/");
        ("POST", path, Endpoint::StartUpload { name })
    });
    let lists = names().prop_map(|name| {
        let path = format!("/v2/{name}/tags/list");
        ("GET", path, Endpoint::ListTags { name })
    });
    prop_oneof![manifests, blobs, uploads, starts, lists]
}

/// Paths made of the parts that mean something, and of any others.
fn paths() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => prop::sample::select(vec![
            "v2", "_catalog", "tags", "list", "manifests", "blobs", "uploads", "", ".", "..", "a",
            "%2F", "%2f%2F", "%2e%2E", "%00", "%FF", "%5C", "%", "sha256:abc", "v1", "evil.test",
        ])
        .prop_map(str::to_owned),
        1 => "[!-~]{0,8}",
        1 => "\\PC{0,4}",
    ];
    let parts = prop::collection::vec(part, 0..9);
    prop_oneof![
        parts
            .clone()
            .prop_map(|parts| format!("/{}", parts.join("/"))),
        parts.prop_map(|parts| format!("/v2/{}", parts.join("/"))),
    ]
}

proptest! {
    #[test]
    fn a_well_formed_path_is_its_endpoint((method, path, endpoint) in requests()) {
        let uri = path.parse().unwrap();
        let parsed = Endpoint::parse(&method.parse().unwrap(), &uri, "", Mode::ReadWrite);
        prop_assert_eq!(parsed.unwrap(), endpoint);
    }

    #[test]
    fn an_encoded_path_is_the_same_endpoint(
        (method, path, endpoint) in requests(),
        encoded in prop::collection::vec(any::<bool>(), 400),
    ) {
        let path: String = path
            .chars()
            .zip(encoded.into_iter().chain(std::iter::repeat(false)))
            .enumerate()
            .map(|(index, (character, encode))| match encode && index > 0 {
                true => format!("%{:02X}", u32::from(character)),
                false => character.to_string(),
            })
            .collect();
        let uri = path.parse().unwrap();
        let parsed = Endpoint::parse(&method.parse().unwrap(), &uri, "", Mode::ReadWrite);
        prop_assert_eq!(parsed.unwrap(), endpoint);
    }

    #[test]
    fn any_path_gets_an_answer_and_no_redirect_leaves(
        path in paths(),
        method in "GET|PUT|POST|PATCH|DELETE|OPTIONS|[A-Z]{1,8}",
        prefix in "|/pre|/a/b",
    ) {
        let method = method.parse().unwrap();
        let mut next = path.parse::<Uri>().ok();
        let mut redirects = 0;
        while let Some(uri) = next.take() {
            let parsed = Endpoint::parse(&method, &uri, &prefix, Mode::ReadWrite);
            if let Err(Unrouted::Moved { path }) = parsed {
                redirects += 1;
                prop_assert!(redirects < 3, "{path} has moved again and again");
                prop_assert!(path.starts_with('/'), "{path}");
                prop_assert!(!path.starts_with("//") && !path.contains('\\'), "{path}");
                next = Some(path.parse().unwrap());
            }
        }
    }
}
