//! OCI-5: pushing manifests.

use serde_json::json;
use wharf_conformance::content::{IMAGE, INDEX};
use wharf_conformance::digest::Algorithm;
use wharf_conformance::errors;
use wharf_conformance::manifest::Manifest;
use wharf_conformance::request::Request;
use wharf_conformance::server::Server;

/// OCI-5.1, OCI-5.2
#[test]
fn a_pushed_manifest_is_found_at_its_location() {
    let server = Server::start();
    let repository = server.repository("conformance/push");
    for algorithm in Algorithm::ALL {
        let image = Manifest::image_by(algorithm, 1);
        let index = Manifest::index(algorithm, &[&image]);
        for manifest in [&image, &index] {
            let digest = manifest.digest();
            let by_digest = repository.push_whole(manifest).naming(&digest);
            let by_tag = repository.push("latest", manifest);
            for pushed in [by_digest, by_tag] {
                let found = repository.send(Request::get(pushed.location())).expect(200);
                let found = found
                    .with("Content-Type", &manifest.media_type)
                    .with_body(&manifest.bytes);
                found.naming(pushed.required("Docker-Content-Digest"));
            }
        }
    }
}

/// OCI-5.3
#[test]
fn a_manifest_of_another_digest_is_refused() {
    let server = Server::start();
    let repository = server.repository("conformance/bad-digests");
    let image = Manifest::image(1);
    repository.push_parts(&image);
    let mut changed = image.bytes.clone();
    changed.extend(b"  ");
    for algorithm in Algorithm::ALL {
        let digest = algorithm.of(&image.bytes);
        repository
            .put_manifest(&digest, IMAGE, &changed)
            .refused(400, "DIGEST_INVALID");
        repository.manifest(&digest).expect(404);
        repository.manifest(&algorithm.of(&changed)).expect(404);
    }
    for malformed in ["sha256:baddigeststring", "blake3:0", "sha256:"] {
        repository
            .put_manifest(malformed, IMAGE, &image.bytes)
            .refused(400, "DIGEST_INVALID");
    }
}

/// OCI-5.4
#[test]
fn parameters_of_the_type_are_left_aside() {
    let server = Server::start();
    let repository = server.repository("conformance/parameters");
    let index = Manifest::index(Algorithm::Sha256, &[]);
    for (tag, parameters) in [
        ("a", "; charset=utf-8"),
        ("b", ";charset=utf-8"),
        ("c", "; a=b; c=\"d\""),
    ] {
        repository
            .put_manifest(tag, &format!("{INDEX}{parameters}"), &index.bytes)
            .expect(201);
        repository
            .manifest(tag)
            .expect(200)
            .with("Content-Type", INDEX);
    }
}

/// OCI-5.5
#[test]
fn a_type_that_contradicts_the_document_is_refused() {
    let server = Server::start();
    let repository = server.repository("conformance/contradictions");
    let image = Manifest::image(1);
    repository.push_parts(&image);
    let index = Manifest::index(Algorithm::Sha256, &[]);
    repository
        .put_manifest("latest", INDEX, &image.bytes)
        .refused(400, "MANIFEST_INVALID");
    repository
        .put_manifest("latest", IMAGE, &index.bytes)
        .refused(400, "MANIFEST_INVALID");
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    repository
        .put_manifest("latest", docker, &image.bytes)
        .refused(400, "MANIFEST_INVALID");
    repository.manifest("latest").expect(404);
    let untyped = image.without("mediaType");
    repository
        .put_manifest("latest", IMAGE, &untyped.bytes)
        .expect(201);
}

/// OCI-5.6, OCI-5.7
#[test]
fn a_manifest_of_four_megabytes_is_taken_and_a_larger_one_is_not() {
    let server = Server::start();
    let repository = server.repository("conformance/large");
    let sized = |length: usize| {
        let index = Manifest::index(Algorithm::Sha256, &[]).annotated(&[("filler", "")]);
        let filler = "x".repeat(length - index.bytes.len());
        Manifest::index(Algorithm::Sha256, &[]).annotated(&[("filler", &filler)])
    };
    let largest = sized(4 * 1024 * 1024);
    assert_eq!(largest.bytes.len(), 4_194_304);
    repository.push(&largest.digest(), &largest);
    repository
        .manifest(&largest.digest())
        .expect(200)
        .with_body(&largest.bytes);
    let larger = sized(4 * 1024 * 1024 + 1);
    repository
        .put_manifest("larger", INDEX, &larger.bytes)
        .refused(413, "MANIFEST_INVALID");
    let with_length =
        Request::put(repository.path("manifests/larger")).header("Content-Type", INDEX);
    repository
        .send(with_length.body(&larger.bytes))
        .refused(413, "MANIFEST_INVALID");
    repository.manifest("larger").expect(404);
}

/// OCI-5.8
#[test]
fn every_part_that_is_missing_is_named() {
    let server = Server::start();
    let repository = server.repository("conformance/missing-parts");
    let image = Manifest::image(1);
    let answer = repository
        .put_manifest("latest", IMAGE, &image.bytes)
        .expect(400);
    assert_eq!(errors::codes(&answer), ["MANIFEST_BLOB_UNKNOWN"; 3]);
    let named = answer.json()["errors"].as_array().unwrap().clone();
    for (error, blob) in named.iter().zip(&image.blobs) {
        assert_eq!(error["detail"], Algorithm::Sha256.of(blob), "{answer:?}");
    }
    // What another repository has is not here.
    server
        .repository("conformance/elsewhere")
        .push_whole(&image);
    let index = Manifest::index(Algorithm::Sha256, &[&image]);
    repository
        .put_manifest("latest", INDEX, &index.bytes)
        .refused(400, "MANIFEST_BLOB_UNKNOWN");
    repository.manifest("latest").expect(404);
    assert_eq!(repository.get("tags/list").status, 404);
}

/// OCI-5.9
#[test]
fn a_sparse_manifest_is_taken_where_the_configuration_says_so() {
    let index_only = Server::configured(&[("VALIDATION_MANIFESTS_INDEXES_PLATFORMS", "none")]);
    let anything = Server::configured(&[("VALIDATION_DISABLED", "true")]);
    let image = Manifest::image(1);
    let index = Manifest::index(Algorithm::Sha256, &[&image]);
    let repository = index_only.repository("conformance/sparse");
    repository.push("index", &index);
    repository
        .put_manifest("image", IMAGE, &image.bytes)
        .refused(400, "MANIFEST_BLOB_UNKNOWN");
    let repository = anything.repository("conformance/sparse");
    repository.push("index", &index);
    repository.push("image", &image);
    repository
        .manifest("image")
        .expect(200)
        .with_body(&image.bytes);
}

/// OCI-5.13, OCI-5.17
#[test]
fn the_configuration_of_an_image_is_not_looked_into() {
    let server = Server::start();
    let repository = server.repository("conformance/configurations");
    for (tag, content) in [
        ("empty", &b""[..]),
        ("text", b"{"),
        ("list", b"[1,2]"),
        ("object", b"{\"rootfs\":null}"),
    ] {
        let mut image = Manifest::image(1);
        image.document["config"]["digest"] = Algorithm::Sha256.of(content).into();
        image.document["config"]["size"] = content.len().into();
        let config = image.document["config"].clone();
        image.blobs[0] = content.to_vec();
        let image = image.with("config", config);
        repository.push_parts(&image);
        repository.push(tag, &image);
    }
    let nothing =
        Manifest::index(Algorithm::Sha256, &[]).with("urls", json!(["https://example.com"]));
    repository.push("nothing", &nothing);
}

/// OCI-5.16
#[test]
fn a_tag_moves_and_what_it_left_stays() {
    let server = Server::start();
    let repository = server.repository("conformance/moves");
    let images = [1, 2].map(Manifest::image);
    for image in &images {
        repository.push_parts(image);
        let digest = image.digest();
        repository.push("latest", image).naming(&digest);
        repository
            .manifest("latest")
            .expect(200)
            .naming(&digest)
            .with_body(&image.bytes);
    }
    assert_eq!(repository.tags(), ["latest"]);
    for image in &images {
        repository
            .manifest(&image.digest())
            .expect(200)
            .with_body(&image.bytes);
    }
    // A tag says nothing of an algorithm.
    let image = Manifest::image_by(Algorithm::Sha512, 3);
    repository.push_parts(&image);
    let digest = Algorithm::Sha256.of(&image.bytes);
    repository.push("latest", &image).naming(&digest);
    repository.manifest("latest").expect(200).naming(&digest);
}
