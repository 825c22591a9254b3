//! OCI-11: what only the old suite checks, the one of tag v1.1.1.

use wharf_conformance::content::{ARTIFACT, CONFIG, noise};
use wharf_conformance::digest::Algorithm;
use wharf_conformance::errors;
use wharf_conformance::manifest::Manifest;
use wharf_conformance::repository::{encoded, tags_of};
use wharf_conformance::server::Server;

const NAME: &str = "conformance/old";

/// OCI-11.50
#[test]
fn malformed_references() {
    let server = Server::start();
    let repository = server.repository(NAME);
    repository.manifest(".INVALID_MANIFEST_NAME").expect(404);
    repository
        .manifest_head(".INVALID_MANIFEST_NAME")
        .expect(404);
    let answer = repository
        .manifest("sha256:totallywrong")
        .expect_one_of(&[400, 404]);
    let code = &errors::codes(&answer)[0];
    assert!(errors::CODES.contains(&code.as_str()), "{answer:?}");
}

/// OCI-11.51
#[test]
fn chunks_and_replays() {
    let server = Server::start();
    let repository = server.repository(NAME);
    let content = noise(1, 500);
    let digest = Algorithm::Sha256.of(&content);
    let begun = repository.start();
    let first = repository.append(&begun, 0, &content[..200]).expect(202);
    first.with("Range", "0-199");
    repository.append(&begun, 0, &content[..200]).expect(416);
    let status = repository.status(&begun).expect(204).with("Range", "0-199");
    let location = status.location();
    repository
        .finish_at(&location, &digest, 200, &content[200..])
        .expect(201);
    repository.blob(&digest).expect(200).with_body(&content);
}

/// OCI-11.52
#[test]
fn half_of_the_tags_and_one_less() {
    let server = Server::start();
    let repository = server.repository(NAME);
    for number in 0..6 {
        let image = Manifest::image(number);
        repository.push_parts(&image);
        repository.push(&format!("test{number}"), &image);
    }
    let half = repository.get("tags/list?n=3").expect(200);
    assert_eq!(tags_of(&half).len(), 3);
    let rest = repository.get("tags/list?n=3&last=test3").expect(200);
    assert_eq!(tags_of(&rest), ["test4", "test5"]);
    repository.delete("manifests/test0").expect(202);
    repository
        .delete(&format!("manifests/{}", Manifest::image(0).digest()))
        .expect(202);
    assert_eq!(repository.tags().len(), 5);
    for number in 1..6 {
        repository
            .delete(&format!("manifests/{}", Manifest::image(number).digest()))
            .expect(202);
    }
    repository.get("tags/list").expect_one_of(&[200, 404]);
}

/// OCI-11.53
#[test]
fn cross_mounts() {
    let server = Server::start();
    let (from, to) = (
        server.repository("conformance/other"),
        server.repository(NAME),
    );
    let unknown = encoded(&Algorithm::Sha256.unknown());
    to.post(&format!("?mount={unknown}")).expect(202);
    let digest = from.push_blob(Algorithm::Sha256, b"mounted");
    let blob = to.path(&format!("blobs/{digest}"));
    let encoded = encoded(&digest);
    let mounted = to
        .post(&format!("?mount={encoded}&from=conformance%2Fother"))
        .expect(201);
    assert_eq!(mounted.location(), blob);
    // What the suite expects with OCI_AUTOMATIC_CROSSMOUNT=1.
    let mounted = to.post(&format!("?mount={encoded}")).expect(201);
    assert_eq!(mounted.location(), blob);
}

/// OCI-11.54
#[test]
fn referrers_before_their_subject() {
    let server = Server::start();
    let repository = server.repository(NAME);
    let subject = Manifest::image(1);
    let annotated = |manifest: Manifest, name: &str| {
        manifest
            .annotated(&[("org.opencontainers.conformance.test", name)])
            .to(&subject)
    };
    let other_type = "application/vnd.example.other";
    let referrers = [
        annotated(
            Manifest::artifact(Algorithm::Sha256, ARTIFACT, &noise(2, 20)),
            "artifact",
        ),
        annotated(
            Manifest::artifact(Algorithm::Sha256, other_type, &noise(3, 20)),
            "other artifact",
        ),
        annotated(Manifest::image(4), "by its config"),
        annotated(
            Manifest::image(5).with("artifactType", CONFIG),
            "by its own type",
        ),
        annotated(
            Manifest::index(Algorithm::Sha256, &[]).with("artifactType", other_type),
            "index",
        ),
    ];
    for manifest in &referrers {
        repository.push_whole(manifest);
    }
    repository.push_whole(&subject);
    let listed = repository.referrers(&subject.digest(), "");
    assert_eq!(listed.len(), 5);
    for entry in &listed {
        assert_eq!(
            entry["annotations"].as_object().unwrap().len(),
            1,
            "{entry}"
        );
    }
    let query = format!("?artifactType={}", encoded(CONFIG));
    assert_eq!(repository.referrers(&subject.digest(), &query).len(), 2);
}

/// OCI-11.55
#[test]
fn a_manifest_without_type_and_layers() {
    let server = Server::start();
    let repository = server.repository(NAME);
    let image = Manifest::image(1);
    let mut config = image.document["config"].clone();
    config["newUnspecifiedField"] = "content".into();
    let image = image
        .with("config", config)
        .without("layers")
        .without("mediaType");
    repository.push_parts(&image);
    repository.push("emptylayer", &image);
    repository
        .manifest("emptylayer")
        .expect(200)
        .with_body(&image.bytes);
}
