//! OCI-6: the tags in which clients keep referrers where there is no API for them.

use std::fs;

use wharf_conformance::content::{ARTIFACT, INDEX};
use wharf_conformance::digest::Algorithm;
use wharf_conformance::manifest::Manifest;
use wharf_conformance::repository::fallback_tag;
use wharf_conformance::request::Request;
use wharf_conformance::server::Server;

/// Takes away what a registry without the API would not have written.
fn as_a_registry_without_the_api_left_it(server: Server, name: &str) -> Server {
    server.restarted(|server| {
        let ours = server.stored(&format!("repositories/{name}/_referrers"));
        fs::remove_dir_all(ours).unwrap();
    })
}

/// OCI-6.20
#[test]
fn the_tag_is_cut_out_of_the_digest() {
    let (sha256, sha512) = (Algorithm::Sha256.unknown(), Algorithm::Sha512.unknown());
    assert_eq!(fallback_tag(&sha256), sha256.replace(':', "-"));
    assert_eq!(fallback_tag(&sha512), sha512.replace(':', "-")[..7 + 64]);
    let long =
        "test+algorithm+using+algorithm+separators+and+lots+of+characters:alsoSome=InTheEncoded";
    assert_eq!(
        fallback_tag(long),
        "test-algorithm-using-algorithm-s-alsoSome-InTheEncoded"
    );
    let server = Server::start();
    let repository = server.repository("conformance/fallback");
    for digest in [&sha256, &sha512, long] {
        let tag = fallback_tag(digest);
        repository.push(&tag, &Manifest::index(Algorithm::Sha256, &[]));
        repository.manifest(&tag).expect(200);
    }
}

/// OCI-6.21
#[test]
fn an_index_that_another_client_wrote_meanwhile_is_not_overwritten() {
    let server = Server::start();
    let repository = server.repository("conformance/conditional");
    let image = Manifest::image(1);
    let tag = fallback_tag(&image.digest());
    let indexes = [2, 3].map(|seed| {
        let referrer = Manifest::referrer(seed, &image);
        repository.push_whole(&referrer);
        Manifest::index(Algorithm::Sha256, &[&referrer])
    });
    repository.push(&tag, &Manifest::index(Algorithm::Sha256, &[]));
    let read = repository
        .manifest(&tag)
        .expect(200)
        .required("ETag")
        .to_owned();
    let statuses = indexes.map(|index| {
        let request = Request::put(repository.path(&format!("manifests/{tag}")));
        let request = request
            .header("Content-Type", INDEX)
            .header("If-Match", read.as_str());
        repository.send(request.chunked(&index.bytes)).status
    });
    assert_eq!(statuses, [201, 412]);
}

/// OCI-6.22, OCI-6.23, OCI-6.24
#[test]
fn what_was_stored_without_the_api_is_listed_with_it() {
    let server = Server::start();
    let name = "conformance/before";
    let repository = server.repository(name);
    for algorithm in Algorithm::ALL {
        let subject = Manifest::image_by(algorithm, 1);
        let listed = Manifest::referrer(2, &subject);
        let index = Manifest::index(algorithm, &[])
            .with("artifactType", ARTIFACT)
            .to(&subject);
        let unlisted = Manifest::referrer(3, &subject);
        let stranger = Manifest::image_by(algorithm, 4);
        for manifest in [&listed, &index, &unlisted, &stranger] {
            repository.push_whole(manifest);
        }
        // What the entry says of a manifest is only a client's word for it.
        let mut entries =
            Manifest::index(algorithm, &[&listed, &index, &stranger]).document["manifests"].clone();
        entries[0]["artifactType"] = "application/a-lie".into();
        let kept = Manifest::index(Algorithm::Sha256, &[]).with("manifests", entries);
        repository.push(&fallback_tag(&subject.digest()), &kept);
    }
    let server = as_a_registry_without_the_api_left_it(server, name);
    let repository = server.repository(name);
    for algorithm in Algorithm::ALL {
        let subject = Manifest::image_by(algorithm, 1);
        let added = Manifest::referrer(5, &subject);
        repository.push_whole(&added);
        let index = Manifest::index(algorithm, &[])
            .with("artifactType", ARTIFACT)
            .to(&subject);
        let expected = [
            Manifest::referrer(2, &subject),
            Manifest::referrer(3, &subject),
            index,
            added,
        ];
        let listed = repository.referrers(&subject.digest(), "");
        assert_eq!(listed.len(), expected.len(), "{listed:#?}");
        for manifest in expected {
            assert!(
                listed.contains(&manifest.listed()),
                "{:#?} is not in {listed:#?}",
                manifest.listed()
            );
        }
    }
}

/// OCI-6.25
#[test]
fn the_tag_of_referrers_stays_a_tag() {
    let server = Server::start();
    let name = "conformance/ordinary";
    let repository = server.repository(name);
    let subject = Manifest::image(1);
    let (kept, gone) = (
        Manifest::referrer(2, &subject),
        Manifest::referrer(3, &subject),
    );
    for manifest in [&subject, &kept, &gone] {
        repository.push_whole(manifest);
    }
    let index = Manifest::index(Algorithm::Sha256, &[&kept, &gone]);
    let tag = fallback_tag(&subject.digest());
    repository.push(&tag, &index);
    repository
        .delete(&format!("manifests/{}", gone.digest()))
        .expect(202);
    let server = as_a_registry_without_the_api_left_it(server, name);
    let repository = server.repository(name);
    assert_eq!(repository.tags(), [tag.as_str()]);
    repository
        .manifest(&tag)
        .expect(200)
        .with_body(&index.bytes);
    assert_eq!(
        repository.referrer_digests(&subject.digest()),
        [kept.digest()]
    );
    repository.delete(&format!("manifests/{tag}")).expect(202);
    repository.manifest(&tag).expect(404);
    assert_eq!(
        repository.referrer_digests(&subject.digest()),
        [kept.digest()]
    );
}
