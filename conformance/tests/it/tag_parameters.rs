//! OCI-5: tags that a push by digest names in its query.

use wharf_conformance::content::INDEX;
use wharf_conformance::digest::Algorithm;
use wharf_conformance::manifest::Manifest;
use wharf_conformance::repository::encoded;
use wharf_conformance::server::Server;

/// `?tag=...&tag=...`
fn parameters(tags: &[String]) -> String {
    let pairs: Vec<String> = tags
        .iter()
        .map(|tag| format!("tag={}", encoded(tag)))
        .collect();
    format!("?{}", pairs.join("&"))
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("v{number:03}")).collect()
}

/// OCI-5.14, OCI-5.15
#[test]
fn every_accepted_tag_is_named_and_points_at_the_digest_of_the_path() {
    let server = Server::start();
    for algorithm in Algorithm::ALL {
        for count in [1, 2, 10, 100] {
            let repository = server.repository(&format!("conformance/tags{count}"));
            let index = Manifest::index(algorithm, &[]);
            let digest = index.digest();
            let tags = numbered(count);
            let reference = format!("{digest}{}", parameters(&tags));
            let pushed = repository.push(&reference, &index).naming(&digest);
            assert_eq!(pushed.list("OCI-Tag"), tags);
            assert!(pushed.location().ends_with(&digest), "{pushed:?}");
            assert_eq!(repository.tags(), tags);
            for tag in tags.iter().take(3) {
                repository
                    .manifest(tag)
                    .expect(200)
                    .naming(&digest)
                    .with_body(&index.bytes);
                repository.manifest_head(tag).expect(200).naming(&digest);
            }
        }
    }
}

/// OCI-5.14
#[test]
fn too_many_tags_are_refused_and_none_is_set() {
    let server = Server::start();
    let repository = server.repository("conformance/too-many");
    let index = Manifest::index(Algorithm::Sha256, &[]);
    let reference = format!("{}{}", index.digest(), parameters(&numbered(101)));
    repository
        .put_manifest(&reference, INDEX, &index.bytes)
        .expect(414);
    repository.manifest(&index.digest()).expect(404);
    repository.get("tags/list").expect(404);
}

/// OCI-5.15
#[test]
fn a_tag_that_cannot_be_one_is_not_said_to_be_set() {
    let server = Server::start();
    let repository = server.repository("conformance/malformed");
    let index = Manifest::index(Algorithm::Sha256, &[]);
    let tags = ["good".to_owned(), "-bad".to_owned()];
    let reference = format!("{}{}", index.digest(), parameters(&tags));
    let answer = repository
        .put_manifest(&reference, INDEX, &index.bytes)
        .expect_one_of(&[201, 400]);
    assert!(!answer.list("OCI-Tag").contains(&tags[1]), "{answer:?}");
    let set = repository.manifest("good").status == 200;
    assert_eq!(answer.list("OCI-Tag").contains(&tags[0]), set, "{answer:?}");
}

/// OCI-5.15
#[test]
fn a_tag_that_exists_moves_and_one_named_twice_is_set_once() {
    let server = Server::start();
    let repository = server.repository("conformance/moves");
    let first = Manifest::index(Algorithm::Sha256, &[]);
    let second = Manifest::index(Algorithm::Sha512, &[]).annotated(&[("a", "b")]);
    repository.push("latest", &first);
    let reference = format!("{}?tag=latest&tag=latest", second.digest());
    let pushed = repository.push(&reference, &second);
    assert_eq!(pushed.list("OCI-Tag"), ["latest"]);
    repository
        .manifest("latest")
        .expect(200)
        .naming(&second.digest());
    assert_eq!(repository.tags(), ["latest"]);
}
