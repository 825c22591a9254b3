//! What is and is not a manifest, by table and by property.

mod stored;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::digest::Algorithm;

fn descriptor(media_type: &str, content: &str) -> Value {
    json!({"mediaType": media_type, "digest": Digest::sha256(content.as_bytes()), "size": content.len()})
}

fn image() -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "config": descriptor(MediaType::OCI_CONFIG.as_str(), "config"),
        "layers": [descriptor(MediaType::OCI_LAYER_GZIP.as_str(), "one"), descriptor("application/x", "two")],
    })
}

fn index() -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX,
        "manifests": [descriptor(MediaType::OCI_MANIFEST.as_str(), "child")],
    })
}

/// Returns the document with these fields set, or removed where they are `null` in the patch.
fn with(mut document: Value, patch: Value) -> Value {
    let (Value::Object(fields), Value::Object(patch)) = (&mut document, patch) else {
        panic!("not objects");
    };
    for (key, value) in patch {
        match value {
            Value::Null => fields.remove(&key),
            value => fields.insert(key, value),
        };
    }
    document
}

fn bytes(document: &Value) -> Bytes {
    document.to_string().into()
}

fn push(media_type: MediaType, document: &Value) -> Result<Manifest, ManifestViolation> {
    Manifest::parse(media_type, bytes(document))
}

fn references(manifest: &Manifest) -> Vec<Digest> {
    manifest
        .references()
        .map(|descriptor| descriptor.digest.clone())
        .collect()
}

#[test]
fn an_image_names_its_config_first_and_then_its_layers() {
    let document = image();
    let manifest = push(MediaType::OCI_MANIFEST, &document).unwrap();
    let expected = ["config", "one", "two"].map(|content| Digest::sha256(content.as_bytes()));
    assert_eq!(references(&manifest), expected);
    assert!(matches!(manifest.kind(), ManifestKind::Image { layers, .. } if layers.len() == 2));
    assert_eq!(manifest.bytes(), &bytes(&document));
    assert_eq!(manifest.digest(), &Digest::sha256(&bytes(&document)));
    assert_eq!(manifest.descriptor().size, bytes(&document).len() as u64);
    assert_eq!(manifest.descriptor().media_type, MediaType::OCI_MANIFEST);
}

#[test]
fn an_index_names_its_children() {
    let manifest = push(MediaType::OCI_INDEX, &index()).unwrap();
    assert_eq!(references(&manifest), [Digest::sha256(b"child")]);
    let empty = push(
        MediaType::OCI_INDEX,
        &with(index(), json!({"manifests": []})),
    )
    .unwrap();
    assert_eq!(references(&empty), []);
}

#[test]
fn docker_types_are_read_like_their_oci_siblings() {
    let image = with(image(), json!({"mediaType": MediaType::DOCKER_MANIFEST}));
    assert_eq!(
        references(&push(MediaType::DOCKER_MANIFEST, &image).unwrap()).len(),
        3
    );
    let list = with(
        index(),
        json!({"mediaType": MediaType::DOCKER_MANIFEST_LIST}),
    );
    assert_eq!(
        references(&push(MediaType::DOCKER_MANIFEST_LIST, &list).unwrap()).len(),
        1
    );
}

#[test]
fn subject_type_and_annotations_are_told_and_are_no_references() {
    let document = with(
        image(),
        json!({
            "subject": descriptor(MediaType::OCI_INDEX.as_str(), "subject"),
            "artifactType": "application/vnd.Example",
            "annotations": {"key": ""},
            "layers": [],
        }),
    );
    let manifest = push(MediaType::OCI_MANIFEST, &document).unwrap();
    assert_eq!(
        manifest.subject().unwrap().digest,
        Digest::sha256(b"subject")
    );
    assert_eq!(manifest.artifact_type(), Some("application/vnd.Example"));
    assert_eq!(manifest.annotations()["key"], "");
    assert_eq!(references(&manifest).len(), 1);
    let plain = push(
        MediaType::OCI_MANIFEST,
        &with(image(), json!({"artifactType": ""})),
    )
    .unwrap();
    assert_eq!((plain.subject(), plain.artifact_type()), (None, None));
}

#[test]
fn a_manifest_takes_the_name_it_is_addressed_by() {
    let manifest = push(MediaType::OCI_MANIFEST, &image()).unwrap();
    let other = Digest::of(Algorithm::Sha512, manifest.bytes());
    let manifest = manifest.with_digest(other.clone());
    assert_eq!(manifest.digest(), &other);
    assert_eq!(manifest.descriptor().digest, other);
}

#[test]
fn unknown_fields_and_types_are_no_violation() {
    let document = with(
        image(),
        json!({
            "mediaType": null,
            "unknown": {"deep": [1, 2, 3]},
            "config": descriptor("application/vnd.unheard-of", "config"),
            "layers": [descriptor("not a media type", "one"), descriptor("", "two")],
        }),
    );
    let manifest = push(MediaType::OCI_MANIFEST, &document).unwrap();
    assert!(
        matches!(manifest.kind(), ManifestKind::Image { layers, .. } if layers[0].media_type == MediaType::OCTET_STREAM)
    );
}

#[test]
fn what_contradicts_its_type_is_refused() {
    use ManifestViolation as V;
    let index_type = json!({"mediaType": null});
    let mismatch = |declared: MediaType, found: &MediaType| V::MediaTypeMismatch {
        declared,
        found: found.to_string(),
    };
    for (media_type, document, expected) in [
        (
            MediaType::OCI_MANIFEST,
            with(image(), json!({"manifests": []})),
            V::ExpectedManifestFoundIndex,
        ),
        (
            MediaType::OCI_MANIFEST,
            with(index(), index_type.clone()),
            V::ExpectedManifestFoundIndex,
        ),
        (
            MediaType::OCI_INDEX,
            with(index(), json!({"config": {}})),
            V::ExpectedIndexFoundManifest,
        ),
        (
            MediaType::OCI_INDEX,
            with(index(), json!({"layers": []})),
            V::ExpectedIndexFoundManifest,
        ),
        (
            MediaType::OCI_INDEX,
            with(image(), index_type.clone()),
            V::ExpectedIndexFoundManifest,
        ),
        (
            MediaType::OCI_MANIFEST,
            with(image(), json!({"config": null})),
            V::ConfigMissing,
        ),
        (
            MediaType::OCI_INDEX,
            with(index(), json!({"manifests": null, "mediaType": null})),
            V::ManifestsMissing,
        ),
        (
            MediaType::OCI_INDEX,
            image(),
            mismatch(MediaType::OCI_INDEX, &MediaType::OCI_MANIFEST),
        ),
        (
            MediaType::DOCKER_MANIFEST,
            image(),
            mismatch(MediaType::DOCKER_MANIFEST, &MediaType::OCI_MANIFEST),
        ),
        (
            MediaType::DOCKER_MANIFEST,
            with(image(), index_type),
            V::MediaTypeMissing {
                declared: MediaType::DOCKER_MANIFEST,
            },
        ),
        (
            MediaType::JSON,
            image(),
            V::UnsupportedMediaType {
                found: "application/json".to_owned(),
            },
        ),
        (MediaType::DOCKER_SCHEMA1_SIGNED, image(), V::Schema1),
        (
            MediaType::OCI_MANIFEST,
            with(image(), json!({"schemaVersion": 1})),
            V::Schema1,
        ),
        (
            MediaType::OCI_MANIFEST,
            with(image(), json!({"schemaVersion": null})),
            V::SchemaVersion { found: None },
        ),
        (
            MediaType::OCI_MANIFEST,
            with(image(), json!({"schemaVersion": "2"})),
            V::SchemaVersion {
                found: Some("\"2\"".to_owned()),
            },
        ),
    ] {
        assert_eq!(push(media_type, &document), Err(expected), "{document}");
    }
}

#[test]
fn a_list_that_is_null_or_left_out_is_empty() {
    let mut without = image();
    without.as_object_mut().unwrap().remove("layers");
    for document in [with(image(), json!({"layers": null})), without] {
        let manifest = push(MediaType::OCI_MANIFEST, &document).unwrap();
        assert!(matches!(manifest.kind(), ManifestKind::Image { layers, .. } if layers.is_empty()));
    }
    let listless = with(index(), json!({"manifests": null}));
    let manifest = push(MediaType::OCI_INDEX, &listless).unwrap();
    assert!(matches!(manifest.kind(), ManifestKind::Index { manifests } if manifests.is_empty()));
}

#[test]
fn what_distribution_stored_can_be_read() {
    let mut config = image()["config"].clone();
    config.as_object_mut().unwrap().remove("size");
    let document = with(
        image(),
        json!({"config": config, "subject": {"digest": "x y"}}),
    );
    assert!(push(MediaType::OCI_MANIFEST, &document).is_err());
    let manifest = Manifest::from_stored(bytes(&document)).unwrap();
    assert_eq!(manifest.subject(), None);
    assert_eq!(manifest.references().next().unwrap().size, 0);
}

#[test]
fn null_counts_as_absent() {
    let mut document = image();
    for field in [
        "manifests",
        "subject",
        "artifactType",
        "annotations",
        "mediaType",
    ] {
        document[field] = Value::Null;
    }
    assert!(push(MediaType::OCI_MANIFEST, &document).is_ok());
}

#[test]
fn a_descriptor_at_fault_is_named() {
    let digest = Digest::sha256(b"");
    for (patch, expected) in [
        (json!({"config": "x"}), "config: must be an object"),
        (json!({"config": {"size": 1}}), "config.digest: is missing"),
        (
            json!({"config": {"digest": 5, "size": 1}}),
            "config.digest: must be a text: 5",
        ),
        (
            json!({"config": {"digest": "", "size": 1}}),
            "config.digest: invalid checksum digest format: \"\"",
        ),
        (
            json!({"config": {"digest": digest}}),
            "config.size: is missing",
        ),
        (
            json!({"config": {"digest": digest, "size": -1}}),
            "config.size: must be a size in bytes: -1",
        ),
        (
            json!({"config": {"digest": digest, "size": 1.5}}),
            "config.size: must be a size in bytes: 1.5",
        ),
        (
            json!({"config": {"digest": digest, "size": u64::MAX}}),
            "config.size: must be a size in bytes: 18446744073709551615",
        ),
        (json!({"layers": {}}), "layers: must be a list"),
        (
            json!({"layers": [image()["config"], 1]}),
            "layers[1]: must be an object",
        ),
        (
            json!({"layers": [{"digest": "sha256:00", "size": 1}]}),
            "layers[0].digest: invalid checksum digest length: sha256 has 64 hex digits, found 2: \
             \"sha256:00\"",
        ),
        (
            json!({"Layers": []}),
            "field \"Layers\" must be written \"layers\"",
        ),
        (
            json!({"layers": [{"digest": digest, "Size": 1}]}),
            "layers[0]: field \"Size\" must be written \"size\"",
        ),
        (
            json!({"layers": [{"digest": digest, "size": 1, "urls": "x"}]}),
            "layers[0]: invalid type: string \"x\", expected a sequence",
        ),
        (json!({"subject": {}}), "subject.digest: is missing"),
    ] {
        let violation = push(MediaType::OCI_MANIFEST, &with(image(), patch)).unwrap_err();
        assert_eq!(violation.to_string(), expected);
    }
}

#[test]
fn what_is_not_json_is_refused() {
    let deep = "[".repeat(100_000);
    let deep_layers = format!("{{\"schemaVersion\":2,\"layers\":{deep}");
    for text in [
        "",
        "{",
        "null",
        "[]",
        "5",
        "{}x",
        "{\"schemaVersion\":2,\"annotations\":5}",
        "{\"schemaVersion\":2,\"manifests\":[],\"x\":\"\\ud800\"}",
        "{\"schemaVersion\":2,\"manifests\":[],\"x\":1e999}",
        &deep,
        &deep_layers,
    ] {
        let violation =
            Manifest::parse(MediaType::OCI_MANIFEST, text.to_owned().into()).unwrap_err();
        assert!(
            matches!(violation, ManifestViolation::NotJson { .. }),
            "{violation}"
        );
    }
}

#[test]
fn a_vendors_own_type_is_taken_when_the_document_says_it_too() {
    let vendors: MediaType = "application/vnd.cncf.oras.artifact.manifest.v1+json"
        .parse()
        .unwrap();
    let document = json!({
        "mediaType": vendors,
        "blobs": [descriptor("application/x", "one")],
        "subject": descriptor(MediaType::OCI_INDEX.as_str(), "subject"),
    });
    let manifest = push(vendors.clone(), &document).unwrap();
    assert_eq!(references(&manifest), [Digest::sha256(b"one")]);
    assert!(manifest.subject().is_some());
    let stored = Manifest::from_stored(bytes(&document)).unwrap();
    assert_eq!(references(&stored), references(&manifest));
    assert_eq!(stored.media_type(), &vendors);
    for (media_type, document) in [
        (
            vendors.clone(),
            with(document.clone(), json!({"mediaType": null})),
        ),
        (
            vendors.clone(),
            with(document.clone(), json!({"mediaType": MediaType::OCI_INDEX})),
        ),
        (
            vendors.clone(),
            with(document.clone(), json!({"blobs": [5]})),
        ),
        (vendors, with(document.clone(), json!({"schemaVersion": 3}))),
        (
            MediaType::JSON,
            with(document, json!({"mediaType": MediaType::JSON})),
        ),
    ] {
        assert!(push(media_type, &document).is_err(), "{document}");
    }
}

/// Documents that have the right field names and anything in them.
fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        "[a-z:0-9/]{0,12}".prop_map(Value::from),
        Just(json!(Digest::sha256(b""))),
        Just(json!(2)),
    ];
    let key = prop::sample::select(vec![
        "schemaVersion",
        "mediaType",
        "config",
        "layers",
        "manifests",
        "subject",
        "digest",
        "size",
        "urls",
        "annotations",
        "platform",
    ]);
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(content in prop::collection::vec(any::<u8>(), 0..200)) {
        for media_type in MediaType::MANIFESTS {
            let _ = Manifest::parse(media_type, content.clone().into());
        }
        let _ = Manifest::from_stored(content.into());
    }

    #[test]
    fn any_document_gets_an_answer(document in documents()) {
        let document = match document {
            Value::Object(_) => with(document, json!({"schemaVersion": 2})),
            other => other,
        };
        for media_type in MediaType::MANIFESTS {
            let _ = push(media_type, &document);
        }
        let _ = Manifest::from_stored(bytes(&document));
    }
}
