//! OCI-11: what the official suite does with each of its data sets, under both algorithms.

use wharf_conformance::content::{IMAGE, LAYER_GZIP};
use wharf_conformance::data_set::DataSet;
use wharf_conformance::digest::Algorithm;
use wharf_conformance::errors;
use wharf_conformance::manifest::Manifest;
use wharf_conformance::repository::{Repository, encoded, referrers_of, sorted_digests, tags_of};
use wharf_conformance::request::Request;
use wharf_conformance::server::Server;

/// Pushes, lists, pulls and deletes a data set, once for each algorithm.
fn passes(set: fn(Algorithm) -> DataSet) {
    passes_in(&Server::start(), set);
}

fn passes_in(server: &Server, set: fn(Algorithm) -> DataSet) {
    for algorithm in Algorithm::ALL {
        let repository = server.repository("conformance/repo1");
        let set = set(algorithm);
        push(repository, &set);
        list_tags(repository, &set);
        pull(repository, &set);
        list_referrers(repository, &set);
        delete(repository, &set);
    }
}

/// By digest and by tag; under sha512 by a tag in the query, for a push by tag would name the content by its sha256.
fn push(repository: Repository<'_>, set: &DataSet) {
    for (manifest, tags) in &set.manifests {
        repository.push_parts(manifest);
        let digest = manifest.digest();
        is_at_its_location(repository, manifest, &digest);
        match set.algorithm {
            Algorithm::Sha256 => {
                for tag in tags {
                    is_at_its_location(repository, manifest, tag);
                }
            }
            Algorithm::Sha512 if tags.is_empty() => {}
            Algorithm::Sha512 => {
                is_at_its_location(repository, manifest, &with_tags(&digest, tags));
            }
        }
    }
}

fn with_tags(digest: &str, tags: &[String]) -> String {
    let pairs: Vec<String> = tags
        .iter()
        .map(|tag| format!("tag={}", encoded(tag)))
        .collect();
    format!("{digest}?{}", pairs.join("&"))
}

#[track_caller]
fn is_at_its_location(repository: Repository<'_>, manifest: &Manifest, reference: &str) {
    let pushed = repository
        .push(reference, manifest)
        .naming(&manifest.digest());
    let found = repository.send(Request::get(pushed.location())).expect(200);
    found
        .with("Content-Type", &manifest.media_type)
        .with_body(&manifest.bytes);
    let subject = manifest.document["subject"]["digest"].as_str();
    assert_eq!(pushed.header("OCI-Subject"), subject, "{pushed:?}");
    if let Some((_, query)) = reference.split_once('?') {
        let asked: Vec<&str> = query.split('&').map(|pair| &pair["tag=".len()..]).collect();
        let told: Vec<String> = pushed
            .list("OCI-Tag")
            .iter()
            .map(|tag| encoded(tag))
            .collect();
        assert_eq!(told, asked, "{pushed:?}");
    }
}

/// All tags of the set; with two or more also those after the middle one.
fn list_tags(repository: Repository<'_>, set: &DataSet) {
    let tags = set.tags();
    assert_eq!(repository.tags(), tags);
    if tags.len() >= 2 {
        let middle = tags.len() / 2;
        let last = encoded(&tags[middle]);
        let rest = repository
            .get(&format!("tags/list?last={last}"))
            .expect(200);
        assert_eq!(tags_of(&rest), tags[middle + 1..]);
    }
}

/// HEAD and GET of everything, by tag and by digest.
fn pull(repository: Repository<'_>, set: &DataSet) {
    for (manifest, tags) in &set.manifests {
        let digest = manifest.digest();
        for reference in tags.iter().chain([&digest]) {
            let head = repository
                .manifest_head(reference)
                .expect(200)
                .naming(&digest);
            assert_eq!(
                head.required("Content-Length"),
                manifest.bytes.len().to_string()
            );
            assert_eq!(head.required("Content-Type"), manifest.media_type);
            let found = repository.manifest(reference).expect(200).naming(&digest);
            found
                .with("Content-Type", &manifest.media_type)
                .with_body(&manifest.bytes);
        }
        for blob in &manifest.blobs {
            let digest = set.algorithm.of(blob);
            let head = repository
                .head(&format!("blobs/{digest}"))
                .expect(200)
                .naming(&digest);
            assert_eq!(head.required("Content-Length"), blob.len().to_string());
            repository
                .blob(&digest)
                .expect(200)
                .naming(&digest)
                .with_body(blob);
        }
    }
}

/// The list of each subject, whole and filtered by each type in it.
fn list_referrers(repository: Repository<'_>, set: &DataSet) {
    for (subject, expected) in set.subjects() {
        let listed = repository.referrers(&subject, "");
        assert_eq!(sorted_digests(&listed), sorted_digests(&expected));
        for entry in &expected {
            assert!(listed.contains(entry), "{entry:#} is not in {listed:#?}");
            let Some(artifact_type) = entry["artifactType"].as_str() else {
                continue;
            };
            let query = format!("?artifactType={}", encoded(artifact_type));
            let page = repository
                .get(&format!("referrers/{subject}{query}"))
                .expect(200);
            assert_eq!(page.list("OCI-Filters-Applied"), ["artifactType"]);
            let mut same_type = expected.clone();
            same_type.retain(|other| other["artifactType"] == artifact_type);
            assert_eq!(
                sorted_digests(&referrers_of(&page)),
                sorted_digests(&same_type)
            );
        }
    }
}

/// Tags first, manifests from the last to the first, then blobs; each is gone at once.
fn delete(repository: Repository<'_>, set: &DataSet) {
    let gone = |target: &str, statuses: &[u16]| {
        repository.delete(target).expect_one_of(statuses);
        repository.head(target).expect(404);
    };
    for tag in set.tags() {
        gone(&format!("manifests/{tag}"), &[202]);
    }
    for (manifest, _) in set.manifests.iter().rev() {
        gone(&format!("manifests/{}", manifest.digest()), &[202]);
    }
    for (manifest, _) in &set.manifests {
        for blob in &manifest.blobs {
            // Manifests of one set have blobs in common.
            gone(&format!("blobs/{}", set.algorithm.of(blob)), &[202, 404]);
        }
    }
}

/// Makes a test of each data set.
macro_rules! data_sets {
    ($($(#[$clauses:meta])* $name:ident)*) => { $(
        $(#[$clauses])*
        #[test]
        fn $name() {
            passes(DataSet::$name);
        }
    )* };
}

data_sets! {
    /// OCI-11.32, OCI-11.33, OCI-11.34, OCI-11.35, OCI-11.37
    image
    /// OCI-11.32, OCI-11.35
    image_uncompressed
    /// OCI-11.32, OCI-11.35, OCI-5.6, OCI-5.7
    large_manifest
    /// OCI-11.32, OCI-11.35, OCI-5.13
    index
    /// OCI-11.32, OCI-11.35, OCI-5.13
    nested_index
    /// OCI-11.32, OCI-11.35, OCI-5.13
    empty_index
    /// OCI-11.32, OCI-11.35, OCI-5.13
    artifact
    /// OCI-11.32, OCI-11.35, OCI-5.13
    artifact_without_layers
    /// OCI-11.32, OCI-11.35, OCI-5.13
    artifact_index
    /// OCI-11.32, OCI-11.36
    artifacts_with_subject
    /// OCI-11.32, OCI-11.36
    index_with_subject
    /// OCI-11.32, OCI-11.36, OCI-5.10
    missing_subject
    /// OCI-11.32, OCI-11.35, OCI-5.13
    data_field
    /// OCI-11.32, OCI-11.35, OCI-5.13
    custom_fields
    /// OCI-11.32, OCI-11.35, OCI-5.13
    no_layers
    /// OCI-11.32, OCI-11.35, OCI-2.22
    non_distributable_layers
    /// OCI-11.32, OCI-11.35, OCI-2.6
    untagged
    /// OCI-11.33, OCI-11.34
    tag_parameters
}

/// OCI-11.32, OCI-11.35, OCI-5.9
#[test]
fn sparse() {
    let server = Server::configured(&[("VALIDATION_DISABLED", "true")]);
    passes_in(&server, DataSet::sparse_image);
    passes_in(&server, DataSet::sparse_index);
    let server = Server::configured(&[("VALIDATION_MANIFESTS_INDEXES_PLATFORMS", "none")]);
    passes_in(&server, DataSet::sparse_index);
}

/// OCI-11.33
#[test]
fn tag_parameters_under_both_algorithms() {
    let server = Server::start();
    for algorithm in Algorithm::ALL {
        let repository = server.repository("conformance/repo1");
        let set = DataSet::tag_parameters(algorithm);
        for (manifest, tags) in &set.manifests {
            repository.push_parts(manifest);
            is_at_its_location(repository, manifest, &with_tags(&manifest.digest(), tags));
        }
        list_tags(repository, &set);
        pull(repository, &set);
        delete(repository, &set);
    }
}

/// OCI-11.32, OCI-5.3
#[test]
fn bad_digest_image() {
    let server = Server::start();
    let repository = server.repository("conformance/repo1");
    for algorithm in Algorithm::ALL {
        let image = Manifest::image_of(algorithm, 31, LAYER_GZIP);
        repository.push_parts(&image);
        let mut bytes = image.bytes.clone();
        bytes.extend(b"  ");
        repository
            .put_manifest(&image.digest(), IMAGE, &bytes)
            .expect(400);
    }
}

/// OCI-11.38
#[test]
fn missing_manifest() {
    let server = Server::start();
    let repository = server.repository("conformance/repo1");
    for reference in [
        &Algorithm::Sha256.unknown(),
        &Algorithm::Sha512.unknown(),
        "random-tag",
    ] {
        repository.manifest(reference).expect(404);
    }
}

/// OCI-11.39
#[test]
fn invalid_digest_format() {
    let server = Server::start();
    let repository = server.repository("conformance/repo1");
    let image = Manifest::image(1);
    repository.push_parts(&image);
    let malformed = "sha256:baddigeststring";
    repository
        .put_manifest(malformed, IMAGE, &image.bytes)
        .expect(400);
    let answer = repository.manifest(malformed).expect_one_of(&[400, 404]);
    assert!(
        errors::CODES.contains(&errors::codes(&answer)[0].as_str()),
        "{answer:?}"
    );
}
