//! OCI-5: manifests that speak of others.

use serde_json::{Value, json};
use wharf_conformance::content::{IMAGE, INDEX};
use wharf_conformance::digest::Algorithm;
use wharf_conformance::manifest::Manifest;
use wharf_conformance::server::Server;

/// OCI-5.10, OCI-5.11
#[test]
fn a_push_with_a_subject_says_that_it_is_listed_whether_the_subject_is_there_or_not() {
    let server = Server::start();
    let repository = server.repository("conformance/subjects");
    for algorithm in Algorithm::ALL {
        let image = Manifest::image_by(algorithm, 1);
        let subject = image.digest();
        let artifact = Manifest::referrer(2, &image);
        let index = Manifest::index(algorithm, &[&artifact]).to(&image);
        for _ in ["absent", "present"] {
            for manifest in [&artifact, &index] {
                repository.push_parts(manifest);
                for reference in [&manifest.digest(), "latest"] {
                    let pushed = repository.push(reference, manifest);
                    pushed.with("OCI-Subject", &subject);
                }
            }
            repository.push_whole(&image);
        }
    }
}

/// OCI-5.11
#[test]
fn a_push_without_a_subject_does_not_speak_of_one() {
    let server = Server::start();
    let repository = server.repository("conformance/subjects");
    let image = Manifest::image(1);
    assert_eq!(repository.push_whole(&image).header("OCI-Subject"), None);
    let nothing = Manifest::image(1).with("subject", Value::Null);
    assert_eq!(repository.push_whole(&nothing).header("OCI-Subject"), None);
}

/// OCI-5.12
#[test]
fn a_subject_may_be_of_another_algorithm_and_an_index() {
    let server = Server::start();
    let repository = server.repository("conformance/subjects");
    for (own, other) in [
        (Algorithm::Sha256, Algorithm::Sha512),
        (Algorithm::Sha512, Algorithm::Sha256),
    ] {
        let subject = Manifest::index(other, &[]);
        let artifact = Manifest::image_by(own, 1).to(&subject);
        repository
            .push_whole(&artifact)
            .with("OCI-Subject", &subject.digest());
        assert_eq!(
            repository.referrer_digests(&subject.digest()),
            [artifact.digest()]
        );
    }
}

/// OCI-5.12
#[test]
fn a_subject_that_names_nothing_is_refused() {
    let server = Server::start();
    let repository = server.repository("conformance/subjects");
    for subject in [
        json!("sha256:0"),
        json!([]),
        json!({ "mediaType": INDEX, "size": 1 }),
        json!({ "mediaType": INDEX, "digest": "sha256:0", "size": 1 }),
        json!({ "mediaType": INDEX, "digest": "none", "size": 1 }),
    ] {
        let image = Manifest::image(1).with("subject", subject);
        repository.push_parts(&image);
        repository
            .put_manifest("latest", IMAGE, &image.bytes)
            .refused(400, "MANIFEST_INVALID");
    }
}
