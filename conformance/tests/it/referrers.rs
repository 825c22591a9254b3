//! OCI-6: listing referrers.

use serde_json::Value;
use wharf_conformance::answer::Answer;
use wharf_conformance::content::{ARTIFACT, CONFIG, INDEX, OTHER_ARTIFACT, noise};
use wharf_conformance::digest::Algorithm;
use wharf_conformance::manifest::Manifest;
use wharf_conformance::repository::{Repository, encoded, referrers_of, sorted_digests};
use wharf_conformance::request::Request;
use wharf_conformance::server::Server;

fn filtered(artifact_type: &str) -> String {
    format!("?artifactType={}", encoded(artifact_type))
}

#[track_caller]
fn list(repository: Repository<'_>, digest: &str, query: &str) -> Answer {
    repository
        .get(&format!("referrers/{digest}{query}"))
        .expect(200)
}

fn digests(manifests: &[&Manifest]) -> Vec<String> {
    let mut digests: Vec<String> = manifests.iter().map(|manifest| manifest.digest()).collect();
    digests.sort();
    digests
}

/// OCI-6.10, OCI-6.12
#[test]
fn there_is_always_a_list() {
    let server = Server::start();
    for algorithm in Algorithm::ALL {
        let repository = server.repository("conformance/never-pushed");
        let answer = list(repository, &algorithm.unknown(), "").with("Content-Type", INDEX);
        assert_eq!(referrers_of(&answer), [Value::Null; 0]);
        let repository = server.repository("conformance/pushed");
        let image = Manifest::image_by(algorithm, 1);
        repository.push_whole(&image);
        for digest in [
            image.digest(),
            algorithm.unknown(),
            algorithm.of(&image.blobs[1]),
        ] {
            assert_eq!(
                referrers_of(&list(repository, &digest, "")),
                [Value::Null; 0]
            );
        }
    }
}

/// OCI-6.11
#[test]
fn what_is_no_digest_has_no_referrers() {
    let server = Server::start();
    let repository = server.repository("conformance/malformed");
    for malformed in [
        "sha256:0",
        "latest",
        "sha256:",
        "sha256:baddigeststring",
        "SHA256:0",
    ] {
        repository
            .get(&format!("referrers/{malformed}"))
            .refused(400, "DIGEST_INVALID");
    }
}

/// OCI-6.13, OCI-6.14, OCI-6.15
#[test]
fn a_referrer_is_described_by_its_manifest() {
    let server = Server::start();
    let repository = server.repository("conformance/descriptors");
    for algorithm in Algorithm::ALL {
        let subject = Manifest::image_by(algorithm, 1);
        let other = Manifest::image_by(algorithm, 2);
        let annotations = [
            ("org.example.a", "1"),
            ("org.example.empty", ""),
            ("org.example.text", "ü \"<&>\" \u{2028}"),
        ];
        let artifact = Manifest::artifact(algorithm, ARTIFACT, &noise(3, 30))
            .annotated(&annotations)
            .to(&subject);
        let image = Manifest::image_by(algorithm, 4).to(&subject);
        let empty_type = Manifest::image_by(algorithm, 5)
            .with("artifactType", "")
            .to(&subject);
        let index = Manifest::index(algorithm, &[&artifact]).to(&subject);
        let typed_index = Manifest::index(algorithm, &[])
            .with("artifactType", ARTIFACT)
            .annotated(&annotations)
            .to(&subject);
        repository.push_whole(&Manifest::referrer(6, &other));
        let all = [artifact, image, empty_type, index, typed_index];
        for manifest in &all {
            repository.push_whole(manifest);
        }
        let listed = repository.referrers(&subject.digest(), "");
        assert_eq!(listed.len(), all.len());
        for manifest in &all {
            assert!(
                listed.contains(&manifest.listed()),
                "{}\nis not in\n{listed:#?}",
                manifest.listed()
            );
        }
        assert_eq!(all[1].listed()["artifactType"], CONFIG);
        assert_eq!(all[3].listed().get("artifactType"), None);
    }
}

/// OCI-6.16
#[test]
fn a_filter_is_said_to_be_applied_and_matches_what_is_listed() {
    let server = Server::start();
    let repository = server.repository("conformance/filters");
    let subject = Manifest::image(1);
    let first = Manifest::artifact(Algorithm::Sha256, ARTIFACT, b"{}").to(&subject);
    let second = Manifest::artifact(Algorithm::Sha256, OTHER_ARTIFACT, b"{}").to(&subject);
    let image = Manifest::image(2).to(&subject);
    let index = Manifest::index(Algorithm::Sha256, &[]).to(&subject);
    for manifest in [&first, &second, &image, &index] {
        repository.push_whole(manifest);
    }
    for (artifact_type, expected) in [
        (ARTIFACT, vec![&first]),
        (OTHER_ARTIFACT, vec![&second]),
        (CONFIG, vec![&image]),
        ("application/none", vec![]),
    ] {
        let answer = list(repository, &subject.digest(), &filtered(artifact_type));
        assert_eq!(answer.list("OCI-Filters-Applied"), ["artifactType"]);
        assert_eq!(
            sorted_digests(&referrers_of(&answer)),
            digests(&expected),
            "{artifact_type}"
        );
    }
    let nobody = list(
        server.repository("nowhere"),
        &subject.digest(),
        &filtered(ARTIFACT),
    );
    assert_eq!(nobody.list("OCI-Filters-Applied"), ["artifactType"]);
    let answer = list(repository, &subject.digest(), "");
    assert_eq!(answer.header("OCI-Filters-Applied"), None);
    assert_eq!(referrers_of(&answer).len(), 4);
}

/// OCI-6.17
#[test]
fn what_is_too_much_for_one_answer_comes_in_pages() {
    let server = Server::start();
    let repository = server.repository("conformance/pages");
    let subject = Manifest::image(1);
    let filler = "x".repeat(600_000);
    let referrers: Vec<Manifest> = (0..12)
        .map(|number| {
            let artifact_type = if number % 2 == 0 {
                ARTIFACT
            } else {
                OTHER_ARTIFACT
            };
            let artifact = Manifest::artifact(Algorithm::Sha256, artifact_type, b"{}");
            artifact
                .annotated(&[("number", &number.to_string()), ("filler", &filler)])
                .to(&subject)
        })
        .collect();
    for manifest in &referrers {
        repository.push_whole(manifest);
    }
    for (query, expected) in [(String::new(), 12), (filtered(ARTIFACT), 6)] {
        let mut target = Some(repository.path(&format!("referrers/{}{query}", subject.digest())));
        let mut listed = Vec::new();
        let mut pages = 0;
        while let Some(next) = target {
            let page = repository.send(Request::get(next)).expect(200);
            assert!(page.body.len() <= 4_000_000, "{} bytes", page.body.len());
            assert_eq!(
                page.header("OCI-Filters-Applied").is_some(),
                !query.is_empty()
            );
            listed.extend(referrers_of(&page));
            pages += 1;
            target = page.next_page();
        }
        assert!(pages > 1 || expected == 6, "{pages} pages");
        let mut listed = sorted_digests(&listed);
        listed.dedup();
        assert_eq!(listed.len(), expected);
    }
}

/// OCI-6.18
#[test]
fn a_list_follows_what_is_pushed_and_deleted() {
    let server = Server::start();
    let repository = server.repository("conformance/changes");
    let subject = Manifest::image(1);
    let (first, second) = (
        Manifest::referrer(2, &subject),
        Manifest::referrer(3, &subject),
    );
    for manifest in [&subject, &first, &second, &first] {
        repository.push_whole(manifest);
    }
    let listed = || repository.referrer_digests(&subject.digest());
    assert_eq!(listed(), digests(&[&first, &second]));
    repository
        .delete(&format!("manifests/{}", first.digest()))
        .expect(202);
    assert_eq!(listed(), digests(&[&second]));
    repository.push("again", &first);
    repository.delete("manifests/again").expect(202);
    assert_eq!(listed(), digests(&[&first, &second]));
    repository
        .delete(&format!("manifests/{}", subject.digest()))
        .expect(202);
    assert_eq!(listed(), digests(&[&first, &second]));
    let elsewhere = server.repository("conformance/elsewhere");
    assert_eq!(elsewhere.referrer_digests(&subject.digest()), [""; 0]);
}

/// OCI-6.19
#[test]
fn a_referrer_is_listed_however_and_whenever_it_was_pushed() {
    let server = Server::start();
    let repository = server.repository("conformance/ways");
    let subject = Manifest::image(1);
    let referrers = [2, 3, 4, 5].map(|seed| Manifest::referrer(seed, &subject));
    let [
        before_by_tag,
        before_by_digest,
        after_by_tag,
        after_by_digest,
    ] = &referrers;
    for manifest in &referrers {
        repository.push_parts(manifest);
    }
    repository.push("before", before_by_tag);
    repository.push(&before_by_digest.digest(), before_by_digest);
    repository.push_whole(&subject);
    repository.push("after", after_by_tag);
    repository.push(&after_by_digest.digest(), after_by_digest);
    let all: Vec<&Manifest> = referrers.iter().collect();
    assert_eq!(
        repository.referrer_digests(&subject.digest()),
        digests(&all)
    );
}
