//! OCI-2: the shapes of manifests that are taken, and those that are not.

use serde_json::{Value, json};
use wharf_conformance::content::{
    ARTIFACT, CONFIG, EMPTY, FOREIGN, FOREIGN_GZIP, IMAGE, INDEX, LAYER, LAYER_GZIP, descriptor,
    noise,
};
use wharf_conformance::data_set::{DataSet, empty_with_data};
use wharf_conformance::digest::Algorithm;
use wharf_conformance::manifest::Manifest;
use wharf_conformance::repository::Repository;
use wharf_conformance::server::Server;

/// Every one of these is taken and comes back as it was.
#[track_caller]
fn are_taken(repository: Repository<'_>, manifests: &[Manifest]) {
    for manifest in manifests {
        repository.push_whole(manifest);
        let found = repository.manifest(&manifest.digest()).expect(200);
        found
            .with("Content-Type", &manifest.media_type)
            .with_body(&manifest.bytes);
    }
}

/// None of these is taken, although all their parts are there.
#[track_caller]
fn are_refused(repository: Repository<'_>, manifests: &[Manifest]) {
    for manifest in manifests {
        repository.push_parts(manifest);
        let answer =
            repository.put_manifest(&manifest.digest(), &manifest.media_type, &manifest.bytes);
        answer.refused(400, "MANIFEST_INVALID");
        repository.manifest(&manifest.digest()).expect(404);
    }
}

/// An image whose first layer's descriptor has this field set to that.
fn layer_with(field: &str, value: Value) -> Manifest {
    let image = Manifest::image(1);
    let mut layers = image.document["layers"].clone();
    layers[0][field] = value;
    image.with("layers", layers)
}

/// OCI-2.12
#[test]
fn a_descriptor_needs_a_digest_and_a_size() {
    let server = Server::start();
    let refused = [
        layer_with("digest", Value::Null),
        layer_with("digest", json!("sha256:short")),
        layer_with("size", json!(-1)),
        layer_with("size", json!(1.5)),
        layer_with("size", json!("1024")),
        Manifest::image(1).with("layers", json!(["sha256:0"])),
        Manifest::image(1).with("config", json!({ "mediaType": CONFIG })),
        Manifest::index(Algorithm::Sha256, &[])
            .with("manifests", json!([{ "mediaType": IMAGE, "size": 2 }])),
    ];
    are_refused(server.repository("conformance/descriptors"), &refused);
}

/// OCI-2.12
#[test]
fn a_descriptor_may_say_more() {
    let server = Server::start();
    let repository = server.repository("conformance/descriptors");
    let image = Manifest::image(1);
    repository.push_whole(&image);
    let mut entry = image.descriptor();
    entry["platform"] = json!({
        "architecture": "arm", "os": "windows", "os.version": "10.0.1", "os.features": ["win32k"], "variant": "v7",
    });
    entry["artifactType"] = ARTIFACT.into();
    entry["annotations"] = json!({ "a": "b" });
    entry["urls"] = json!(["https://example.com/manifest"]);
    let taken = [
        layer_with("annotations", json!({ "org.example": "" })),
        layer_with("artifactType", json!(ARTIFACT)),
        layer_with("urls", json!([])),
        Manifest::index(Algorithm::Sha256, &[]).with("manifests", json!([entry])),
    ];
    are_taken(repository, &taken);
}

/// OCI-2.13
#[test]
fn data_in_descriptors_is_left_as_it_is() {
    let server = Server::start();
    let with_empty = Manifest::artifact(Algorithm::Sha256, ARTIFACT, b"{}");
    let with_empty = with_empty.with("config", empty_with_data(Algorithm::Sha256));
    assert_eq!(with_empty.document["config"]["data"], "e30=");
    let taken = [
        Manifest::image(1).with_data(),
        Manifest::image(1),
        with_empty,
    ];
    are_taken(server.repository("conformance/data"), &taken);
}

/// OCI-2.14, OCI-2.15
#[test]
fn a_manifest_that_lacks_what_it_must_have_is_refused() {
    let server = Server::start();
    let image = || Manifest::image(1);
    let index = || Manifest::index(Algorithm::Sha256, &[]);
    let refused = [
        image().without("schemaVersion"),
        image().with("schemaVersion", 1),
        image().with("schemaVersion", "2"),
        image().without("config"),
        image().with("layers", json!({})),
        index().without("schemaVersion"),
        index().with("schemaVersion", 3),
        // What does not even say that it is an index could as well be an image.
        index().without("manifests").without("mediaType"),
        index().with("manifests", json!({})),
    ];
    are_refused(server.repository("conformance/shapes"), &refused);
}

/// OCI-2.14, OCI-2.15
#[test]
fn a_manifest_need_not_say_its_type_nor_have_parts() {
    let server = Server::start();
    let repository = server.repository("conformance/shapes");
    let image = || Manifest::image(1);
    repository.push_whole(&image());
    let inner = Manifest::index(Algorithm::Sha256, &[&image()]);
    repository.push_whole(&inner);
    let layer = repository.push_blob(Algorithm::Sha256, b"cached");
    // BuildKit keeps its cache so.
    let cache =
        json!([{ "mediaType": "application/vnd.example.unknown", "digest": layer, "size": 6 }]);
    let taken = [
        image().without("mediaType"),
        image().with("layers", json!([])),
        image().with("artifactType", ARTIFACT),
        Manifest::index(Algorithm::Sha256, &[]).without("mediaType"),
        Manifest::index(Algorithm::Sha256, &[]),
        Manifest::index(Algorithm::Sha256, &[&inner, &image()]),
        Manifest::index(Algorithm::Sha256, &[]).with("artifactType", ARTIFACT),
        Manifest::index(Algorithm::Sha256, &[]).with("manifests", cache),
    ];
    let (untyped_index, taken): (Vec<_>, Vec<_>) = taken.into_iter().partition(|manifest| {
        manifest.document.get("manifests").is_some() && manifest.document.get("mediaType").is_none()
    });
    are_taken(repository, &taken);
    are_taken(repository, &untyped_index);
}

/// OCI-2.16
#[test]
fn an_artifact_that_does_not_say_its_type_is_taken_all_the_same() {
    let server = Server::start();
    let untyped = Manifest::artifact(Algorithm::Sha256, ARTIFACT, b"{}").without("artifactType");
    are_taken(server.repository("conformance/untyped"), &[untyped]);
}

/// OCI-2.17
#[test]
fn types_that_nobody_knows_are_no_error() {
    let server = Server::start();
    let repository = server.repository("conformance/types");
    let config = b"\0 no JSON at all".to_vec();
    let mut odd = Manifest::image(1);
    let named = descriptor(
        Algorithm::Sha256,
        "application/vnd.example.config.v9+toml",
        &config,
    );
    odd.blobs[0] = config;
    let odd = odd
        .with("config", named)
        .with("artifactType", "application/vnd.example.unheard-of");
    let layers = [("application/x-unknown", 1), ("text/plain", 2)].map(|(media_type, seed)| {
        let layer = noise(seed, 20);
        repository.push_blob(Algorithm::Sha256, &layer);
        descriptor(Algorithm::Sha256, media_type, &layer)
    });
    are_taken(repository, &[odd.with("layers", json!(layers))]);
}

/// OCI-2.18, OCI-2.19
#[test]
fn unknown_properties_and_annotations_stay_in_the_bytes() {
    let server = Server::start();
    let repository = server.repository("conformance/properties");
    let image = Manifest::image(1).with("org.example.unknown", json!({ "a": [1, null, "ü"] }));
    let taken = [
        image.clone().annotated(&[
            ("empty", ""),
            ("unknown.key", "v"),
            ("org.opencontainers.image.title", "t"),
        ]),
        image.clone().annotated(&[]),
        layer_with("org.example.unknown", json!(true)),
        image,
    ];
    are_taken(repository, &taken);
    for set in [
        DataSet::custom_fields(Algorithm::Sha256),
        DataSet::custom_fields(Algorithm::Sha512),
    ] {
        let manifests: Vec<Manifest> = set
            .manifests
            .into_iter()
            .map(|(manifest, _)| manifest)
            .collect();
        are_taken(repository, &manifests);
    }
}

/// OCI-2.20
#[test]
fn what_two_readers_would_read_differently_is_refused() {
    let server = Server::start();
    let repository = server.repository("conformance/json");
    let image = Manifest::image(1);
    repository.push_parts(&image);
    let text = String::from_utf8(image.bytes.clone()).unwrap();
    let twice = text.replacen(
        "\"schemaVersion\"",
        "\"schemaVersion\": 1, \"schemaVersion\"",
        1,
    );
    let mut no_text = image.bytes;
    let position = no_text.windows(4).position(|word| word == b"oci.").unwrap();
    no_text[position] = 0xff;
    for bytes in [
        twice.into_bytes(),
        no_text,
        b"".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"{}{}".to_vec(),
    ] {
        let digest = Algorithm::Sha256.of(&bytes);
        repository
            .put_manifest(&digest, IMAGE, &bytes)
            .refused(400, "MANIFEST_INVALID");
    }
}

/// OCI-2.21
#[test]
fn every_registered_type_has_its_place() {
    let server = Server::start();
    let repository = server.repository("conformance/registered");
    let types = ["", "+gzip", "+zstd"]
        .map(|suffix| [format!("{LAYER}{suffix}"), format!("{FOREIGN}{suffix}")]);
    for media_type in types.as_flattened() {
        are_taken(
            repository,
            &[Manifest::image_of(Algorithm::Sha256, 1, media_type)],
        );
    }
    are_taken(
        repository,
        &[Manifest::artifact(Algorithm::Sha256, EMPTY, b"{}")],
    );
}

/// OCI-2.22
#[test]
fn a_layer_that_is_found_elsewhere_need_not_be_here() {
    let server = Server::start();
    let repository = server.repository("conformance/foreign");
    let docker = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let zstd = format!("{FOREIGN}+zstd");
    for media_type in [FOREIGN, FOREIGN_GZIP, &zstd, docker] {
        let mut image = Manifest::image(1);
        let mut layer = descriptor(Algorithm::Sha256, media_type, &noise(9, 90));
        layer["urls"] = json!(["https://layers.example.com/9"]);
        image.blobs.truncate(1);
        are_taken(repository, &[image.with("layers", json!([layer]))]);
    }
    // It is the type that tells, and not the addresses.
    let mut layer = descriptor(Algorithm::Sha256, LAYER_GZIP, &noise(9, 90));
    layer["urls"] = json!(["https://layers.example.com/9"]);
    let image = Manifest::image(1).with("layers", json!([layer]));
    repository
        .put_manifest("latest", IMAGE, &image.bytes)
        .refused(400, "MANIFEST_BLOB_UNKNOWN");
    repository
        .put_manifest("latest", INDEX, &image.bytes)
        .refused(400, "MANIFEST_INVALID");
}
