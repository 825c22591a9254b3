//! OCI-7: deleting tags, manifests and blobs.

use wharf_conformance::content::noise;
use wharf_conformance::digest::Algorithm;
use wharf_conformance::manifest::Manifest;
use wharf_conformance::repository::Repository;
use wharf_conformance::server::Server;

/// An image that two tags point at, and one that a third does.
fn push_tagged(repository: Repository<'_>) -> [Manifest; 2] {
    let images = [1, 2].map(Manifest::image);
    for (image, tags) in images.iter().zip([&["a", "b"][..], &["c"]]) {
        repository.push_parts(image);
        for tag in tags {
            repository.push(tag, image);
        }
    }
    images
}

/// OCI-7.1, OCI-7.3, OCI-7.5, OCI-7.6
#[test]
fn what_may_not_be_deleted_stays() {
    let server = Server::configured(&[("STORAGE_DELETE_ENABLED", "false")]);
    let repository = server.repository("conformance/kept");
    let [image, _] = push_tagged(repository);
    let layer = Algorithm::Sha256.of(&image.blobs[1]);
    let manifest = format!("manifests/{}", image.digest());
    let blob = format!("blobs/{layer}");
    for target in ["manifests/a", &manifest, &blob] {
        repository.delete(target).refused(405, "UNSUPPORTED");
        repository.head(target).expect(200);
    }
    assert_eq!(repository.tags(), ["a", "b", "c"]);
}

/// OCI-7.2, OCI-7.7
#[test]
fn only_the_tag_goes_with_a_tag() {
    let server = Server::start();
    let repository = server.repository("conformance/tags");
    let [image, _] = push_tagged(repository);
    repository.manifest("a").expect(200);
    repository.delete("manifests/a").expect(202);
    repository.manifest_head("a").expect(404);
    repository.manifest("a").refused(404, "MANIFEST_UNKNOWN");
    repository.manifest("b").expect(200).with_body(&image.bytes);
    repository
        .manifest(&image.digest())
        .expect(200)
        .with_body(&image.bytes);
    assert_eq!(repository.tags(), ["b", "c"]);
    repository
        .delete("manifests/a")
        .refused(404, "MANIFEST_UNKNOWN");
    repository.delete("manifests/b").expect(202);
    repository.manifest(&image.digest()).expect(200);
}

/// OCI-7.4, OCI-7.7
#[test]
fn every_tag_goes_with_its_manifest() {
    let server = Server::start();
    let repository = server.repository("conformance/manifests");
    let [image, other] = push_tagged(repository);
    let target = format!("manifests/{}", image.digest());
    repository.manifest("a").expect(200);
    repository.delete(&target).expect(202);
    for reference in ["a", "b", &image.digest()] {
        repository.manifest_head(reference).expect(404);
        repository
            .manifest(reference)
            .refused(404, "MANIFEST_UNKNOWN");
    }
    assert_eq!(repository.tags(), ["c"]);
    repository.manifest("c").expect(200).with_body(&other.bytes);
    repository.delete(&target).refused(404, "MANIFEST_UNKNOWN");
    repository.push("a", &image);
    assert_eq!(repository.tags(), ["a", "c"]);
}

/// OCI-7.5
#[test]
fn what_is_not_there_cannot_be_deleted() {
    let server = Server::start();
    let nowhere = server.repository("conformance/nowhere");
    let repository = server.repository("conformance/somewhere");
    push_tagged(repository);
    for repository in [nowhere, repository] {
        for reference in [
            "latest",
            &Algorithm::Sha256.unknown(),
            &Algorithm::Sha512.unknown(),
        ] {
            let answer = repository.delete(&format!("manifests/{reference}"));
            answer.expect(404);
        }
    }
    let unknown = Algorithm::Sha256.unknown();
    repository
        .delete(&format!("manifests/{unknown}"))
        .refused(404, "MANIFEST_UNKNOWN");
    repository
        .delete("manifests/latest")
        .refused(404, "MANIFEST_UNKNOWN");
    nowhere.delete(&format!("blobs/{unknown}")).expect(404);
}

/// OCI-7.6, OCI-7.7, OCI-7.9
#[test]
fn a_blob_is_gone_at_once_and_can_be_pushed_again() {
    let server = Server::start();
    let repository = server.repository("conformance/blobs");
    for algorithm in Algorithm::ALL {
        for content in [noise(1, 5000), Vec::new()] {
            let digest = algorithm.of(&content);
            let target = format!("blobs/{digest}");
            repository.delete(&target).refused(404, "BLOB_UNKNOWN");
            for _ in 0..2 {
                repository.push_blob(algorithm, &content);
                repository.blob(&digest).expect(200).with_body(&content);
                repository.delete(&target).expect(202);
                repository.head(&target).expect(404);
                repository.blob(&digest).refused(404, "BLOB_UNKNOWN");
            }
        }
    }
}

/// OCI-7.8
#[test]
fn another_repository_keeps_what_was_deleted_in_this_one() {
    let server = Server::start();
    let (here, elsewhere) = (server.repository("here"), server.repository("elsewhere"));
    let image = Manifest::image(1);
    let index = Manifest::index(Algorithm::Sha256, &[&image]);
    for repository in [here, elsewhere] {
        repository.push_whole(&image);
        repository.push("latest", &index);
    }
    here.delete(&format!("manifests/{}", index.digest()))
        .expect(202);
    here.delete(&format!("manifests/{}", image.digest()))
        .expect(202);
    for blob in &image.blobs {
        let digest = Algorithm::Sha256.of(blob);
        here.delete(&format!("blobs/{digest}")).expect(202);
        here.blob(&digest).expect(404);
        elsewhere.blob(&digest).expect(200).with_body(blob);
    }
    for (reference, bytes) in [("latest", &index.bytes), (&image.digest(), &image.bytes)] {
        here.manifest(reference).expect(404);
        elsewhere.manifest(reference).expect(200).with_body(bytes);
    }
}

/// OCI-7.8, OCI-7.9
#[test]
fn a_part_may_go_before_the_whole_and_come_back() {
    let server = Server::start();
    let repository = server.repository("conformance/parts");
    let image = Manifest::image(1);
    let index = Manifest::index(Algorithm::Sha256, &[&image]);
    repository.push_whole(&image);
    repository.push("latest", &index);
    repository
        .delete(&format!("manifests/{}", image.digest()))
        .expect(202);
    repository.manifest(&image.digest()).expect(404);
    repository
        .manifest("latest")
        .expect(200)
        .with_body(&index.bytes);
    repository.push(&image.digest(), &image);
    repository
        .manifest(&image.digest())
        .expect(200)
        .with_body(&image.bytes);
}
