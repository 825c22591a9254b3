//! Documents that lie in a store already, which are read as Go reads them.

use super::*;

#[test]
fn a_stored_document_tells_its_type() {
    for (document, expected) in [
        (image(), MediaType::OCI_MANIFEST),
        (index(), MediaType::OCI_INDEX),
        (
            with(image(), json!({"mediaType": MediaType::DOCKER_MANIFEST})),
            MediaType::DOCKER_MANIFEST,
        ),
        (
            with(
                index(),
                json!({"mediaType": MediaType::DOCKER_MANIFEST_LIST}),
            ),
            MediaType::DOCKER_MANIFEST_LIST,
        ),
        (
            with(image(), json!({"mediaType": null})),
            MediaType::OCI_MANIFEST,
        ),
        (
            with(index(), json!({"mediaType": null})),
            MediaType::OCI_INDEX,
        ),
        (
            with(index(), json!({"mediaType": ""})),
            MediaType::OCI_INDEX,
        ),
        (
            with(image(), json!({"layers": null})),
            MediaType::OCI_MANIFEST,
        ),
    ] {
        let manifest = Manifest::from_stored(bytes(&document)).unwrap();
        assert_eq!(manifest.media_type(), &expected);
        assert_eq!(manifest.digest(), &Digest::sha256(manifest.bytes()));
    }
}

#[test]
fn a_stored_document_of_another_kind_names_its_parts_all_the_same() {
    let whole = references(&push(MediaType::OCI_MANIFEST, &image()).unwrap());
    let listed = index()["manifests"].clone();
    let type_of = |patch| {
        let manifest = Manifest::from_stored(bytes(&with(image(), patch))).unwrap();
        assert_eq!(references(&manifest)[..3], whole, "{manifest:?}");
        manifest.media_type().clone()
    };
    assert_eq!(
        type_of(json!({"mediaType": "application/vnd.example"})).as_str(),
        "application/vnd.example"
    );
    assert_eq!(
        type_of(json!({"mediaType": "text/html"})),
        MediaType::OCI_MANIFEST
    );
    assert_eq!(type_of(json!({"mediaType": 5})), MediaType::OCI_MANIFEST);
    assert_eq!(
        type_of(json!({"manifests": listed, "blobs": listed})),
        MediaType::OCI_MANIFEST
    );
    assert_eq!(
        type_of(json!({"schemaVersion": "x", "artifactType": 5, "annotations": {"a": 1}})),
        MediaType::OCI_MANIFEST
    );
    let unreadable = json!({"config": {"digest": 5}, "layers": [image()["config"], 5, {}]});
    let manifest = Manifest::from_stored(bytes(&with(image(), unreadable))).unwrap();
    assert_eq!(references(&manifest), whole[..1]);
}

#[test]
fn a_stored_document_is_read_as_go_reads_it() {
    let [digest, other] = ["config", "other"].map(|text| Digest::sha256(text.as_bytes()));
    let document = format!(
        r#"{{"schemaversion":1,"SchemaVersion":3,"schemaVersion":1,"schemaVersion":2,
            "Config":{{"Digest":"{digest}","SIZE":7}},
            "LAYERS":[{{"mediaType":"a/b","digest":"{digest}","digest":"{other}","urls":5,"size":1}}]}}"#
    );
    for (junk, written) in [("\"\\ud800\"", 1), ("1e999", 1), ("\"\u{fffd}\"", 2)] {
        let with_junk = document.replacen('{', &format!("{{\"x\":{junk},"), written);
        let bytes = with_junk.replace('\u{fffd}', "\u{80}").into_bytes();
        let bytes: Vec<u8> = bytes.into_iter().filter(|byte| *byte != 0xc2).collect();
        let manifest = Manifest::from_stored(bytes.into()).unwrap();
        assert_eq!(references(&manifest).len(), 2, "{junk}");
    }
    let manifest = Manifest::from_stored(document.clone().into()).unwrap();
    assert_eq!(references(&manifest), [digest, other]);
    assert_eq!(manifest.references().next().unwrap().size, 7);
    assert_eq!(manifest.bytes(), &Bytes::from(document.clone()));
    let pushed = Manifest::parse(MediaType::OCI_MANIFEST, document.into());
    assert!(pushed.is_err());
    let doubled = r#"{"schemaVersion":2,"schemaVersion":2,"manifests":[]}"#;
    let pushed = Manifest::parse(MediaType::OCI_INDEX, doubled.into());
    assert!(
        matches!(pushed, Err(ManifestViolation::NotJson { message }) if message.contains("duplicate")),
    );
}

#[test]
fn no_field_is_pushed_twice_at_any_depth() {
    let digest = Digest::sha256(b"");
    for inner in [
        format!(r#""layers":[{{"digest":"{digest}","size":0,"digest":"{digest}"}}]"#),
        r#""annotations":{"a":"1","a":"2"}"#.to_owned(),
        r#""x":[[{"y":1,"z":[],"y":1}]]"#.to_owned(),
    ] {
        let document = format!(r#"{{"schemaVersion":2,"manifests":[],{inner}}}"#);
        let pushed = Manifest::parse(MediaType::OCI_INDEX, document.into());
        assert!(
            matches!(&pushed, Err(ManifestViolation::NotJson { message }) if message.contains("duplicate field")),
            "{pushed:?}"
        );
    }
}

#[test]
fn halves_of_characters_in_stored_texts_are_read_as_go_reads_them() {
    let document = r#"{"schemaVersion":2,"manifests":[],"annotations":
        {"a":"\ud800","b":"x\udc00\ud83d\ude00","c":"\\ud800","d":"\ud800\ud800é","e":"\u00e9\""}}"#;
    let manifest = Manifest::from_stored(document.into()).unwrap();
    let texts: Vec<&str> = manifest
        .annotations()
        .values()
        .map(String::as_str)
        .collect();
    let bad = '\u{fffd}';
    assert_eq!(
        texts,
        [
            format!("{bad}"),
            format!("x{bad}😀"),
            "\\ud800".to_owned(),
            format!("{bad}{bad}é"),
            "é\"".to_owned()
        ]
    );
    for cut in ["\\", "\\u", "\\ud8", "\\ud800\\u", "é\\"] {
        let document = format!("{{\"annotations\":{{\"a\":\"{cut}");
        assert!(Manifest::from_stored(document.into()).is_err());
    }
}

#[test]
fn a_stored_document_of_schema_1_names_its_layers() {
    let layers = ["one", "two", "one"].map(|text| Digest::sha256(text.as_bytes()));
    let document = json!({
        "schemaVersion": 1, "name": "a", "tag": "b", "architecture": "amd64",
        "fsLayers": layers.each_ref().map(|digest| json!({"blobSum": digest})),
        "history": [{"v1Compatibility": "{}"}],
    });
    let manifest = Manifest::from_stored(bytes(&document)).unwrap();
    assert_eq!(references(&manifest), layers);
    assert_eq!(manifest.media_type(), &MediaType::DOCKER_SCHEMA1);
    assert!(matches!(manifest.kind(), ManifestKind::Schema1 { layers } if layers.len() == 3));
    let signed = with(document, json!({"signatures": [{}]}));
    let manifest = Manifest::from_stored(bytes(&signed)).unwrap();
    assert_eq!(manifest.media_type(), &MediaType::DOCKER_SCHEMA1_SIGNED);
}
