//! OCI-2: repository names, tags and digests.

use serde_json::json;
use wharf_conformance::content::{ARTIFACT, EMPTY_JSON, IMAGE, INDEX, noise};
use wharf_conformance::digest::{Algorithm, sha256, sha512};
use wharf_conformance::manifest::Manifest;
use wharf_conformance::repository::{encoded, sorted_digests};
use wharf_conformance::request::Request;
use wharf_conformance::server::Server;

/// OCI-2.1
#[test]
fn every_name_of_the_grammar_is_a_repository() {
    let server = Server::start();
    for name in [
        "a",
        "0",
        "a.b",
        "a_b",
        "a__b",
        "a-b",
        "a---b",
        "a/b",
        "a-b/c.d/e_f/g__h/9",
        "library/nginx",
    ] {
        let repository = server.repository(name);
        let digest = repository.push_blob(Algorithm::Sha256, name.as_bytes());
        repository
            .blob(&digest)
            .expect(200)
            .with_body(name.as_bytes());
    }
}

/// OCI-2.1
#[test]
fn a_name_outside_the_grammar_is_refused() {
    let server = Server::start();
    for name in [
        "A", "a/B", "a..b", "a___b", "a_-b", "a.-b", "-a", "a-", ".a", "a.", "_a", "a_", "a/-b",
        "a/b-/c", "a%20b", "a%C3%A9", "a:b", "a@b", "a+b",
    ] {
        let repository = server.repository(name);
        repository.post("").refused(400, "NAME_INVALID");
        repository.get("tags/list").refused(400, "NAME_INVALID");
        repository.manifest("latest").refused(400, "NAME_INVALID");
    }
}

/// OCI-2.2
#[test]
fn a_name_may_be_as_long_as_clients_can_say_it() {
    let server = Server::start();
    let length = 255 - server.host().len() - 1;
    let name = "a/".repeat(length / 2) + &"b".repeat(length % 2 + 1);
    let repository = server.repository(&name[..length]);
    let digest = repository.push_blob(Algorithm::Sha256, b"far down");
    repository.blob(&digest).expect(200);
    let repository = server.repository(&"a".repeat(256));
    repository.post("").refused(400, "NAME_INVALID");
}

/// OCI-2.3
#[test]
fn every_tag_of_the_grammar_is_kept_in_its_letter_case() {
    let server = Server::start();
    let repository = server.repository("conformance/tags");
    let longest = "x".repeat(128);
    let mut tags = vec![
        "A",
        "a",
        "_",
        "0",
        "_.-",
        "v1.0.0-rc.1_x",
        "sha256-abc",
        "Latest",
        "latest",
        &longest,
    ];
    for (number, tag) in tags.iter().enumerate() {
        let image =
            Manifest::index(Algorithm::Sha256, &[]).annotated(&[("number", &number.to_string())]);
        repository.push(tag, &image);
        repository.manifest(tag).expect(200).with_body(&image.bytes);
    }
    tags.sort_unstable();
    let mut listed = repository.tags();
    listed.sort_unstable();
    assert_eq!(listed, tags);
}

/// OCI-2.3
#[test]
fn a_tag_outside_the_grammar_is_not_made() {
    let server = Server::start();
    let repository = server.repository("conformance/tags");
    let index = Manifest::index(Algorithm::Sha256, &[]);
    repository.push("latest", &index);
    let too_long = "x".repeat(129);
    for tag in [".a", "-a", "a%20b", "a+b", "%C3%A9", "a@b", &too_long] {
        let answer = repository.put_manifest(tag, INDEX, &index.bytes);
        answer.expect_one_of(&[400, 404]);
    }
    assert_eq!(repository.tags(), ["latest"]);
}

/// OCI-2.4
#[test]
fn a_colon_tells_a_digest_from_a_tag() {
    let server = Server::start();
    let repository = server.repository("conformance/references");
    let index = Manifest::index(Algorithm::Sha256, &[]);
    repository
        .put_manifest("a:b", INDEX, &index.bytes)
        .refused(400, "DIGEST_INVALID");
    let tag = index.digest().replace(':', "-");
    repository.push(&tag, &index);
    assert_eq!(repository.tags(), [tag.as_str()]);
    repository.manifest(&index.digest()).expect(200);
    for colon in ["%3A", "%3a"] {
        repository
            .manifest(&index.digest().replace(':', colon))
            .expect(200);
    }
}

/// OCI-2.5, OCI-2.6
#[test]
fn what_is_no_digest_names_nothing() {
    let server = Server::start();
    let repository = server.repository("conformance/digests");
    let content = b"there";
    let digest = repository.push_blob(Algorithm::Sha256, content);
    let (_, hex) = digest.split_once(':').unwrap();
    let upper = hex.to_uppercase();
    for malformed in [
        "sha256",
        "sha256:",
        ":0",
        "sha256:0",
        "sha256:x!",
        "SHA256:0",
        "sha256::0",
        "+a:0",
        "sha256:0/1",
        &format!("sha256:{upper}"),
        &format!("SHA256:{hex}"),
        &format!("sha256:{}", &hex[1..]),
        &format!("sha256:{hex}0"),
        &format!("sha512:{hex}"),
    ] {
        repository.blob(malformed).expect_one_of(&[400, 404]);
        let finished = repository.finish(&repository.start(), malformed, content);
        finished.refused(400, "DIGEST_INVALID");
    }
}

/// OCI-2.6
#[test]
fn both_registered_algorithms_name_blobs_and_manifests() {
    let server = Server::start();
    for algorithm in Algorithm::ALL {
        let repository = server.repository("conformance/algorithms");
        let image = Manifest::image_by(algorithm, 1);
        repository.push_whole(&image);
        let found = repository.manifest(&image.digest()).expect(200);
        found.naming(&image.digest()).with_body(&image.bytes);
    }
}

/// Digests that follow the grammar, of algorithms that this registry cannot compute.
fn of_other_algorithms() -> [String; 2] {
    [
        format!("blake3:{}", &"0af".repeat(22)[..64]),
        "new+hash_2.0:QUJD-_=".to_owned(),
    ]
}

/// OCI-2.7, OCI-5.10, OCI-6.13
#[test]
fn an_algorithm_that_nobody_knows_may_name_a_subject() {
    let server = Server::start();
    let repository = server.repository("conformance/mentions");
    for digest in of_other_algorithms() {
        let subject = json!({ "mediaType": INDEX, "digest": digest, "size": 3 });
        let image = Manifest::image(1).with("subject", subject);
        repository.push_whole(&image).with("OCI-Subject", &digest);
        assert_eq!(repository.referrer_digests(&digest), [image.digest()]);
    }
}

/// OCI-2.7, OCI-5.8
#[test]
fn an_algorithm_that_nobody_knows_may_name_a_part() {
    let checked = Server::start();
    let unchecked = Server::configured(&[("VALIDATION_DISABLED", "true")]);
    for digest in of_other_algorithms() {
        let mut layers = Manifest::image(1).document["layers"].clone();
        layers[1]["digest"] = digest.as_str().into();
        let image = Manifest::image(1).with("layers", layers);
        let repository = checked.repository("conformance/mentions");
        repository.push_parts(&image);
        let answer = repository.put_manifest("latest", IMAGE, &image.bytes);
        answer.refused(400, "MANIFEST_BLOB_UNKNOWN");
        let repository = unchecked.repository("conformance/mentions");
        repository.push("latest", &image);
        repository
            .manifest("latest")
            .expect(200)
            .with_body(&image.bytes);
    }
}

/// OCI-2.8
#[test]
fn one_manifest_may_mix_algorithms_and_types() {
    let server = Server::start();
    let repository = server.repository("conformance/mixed");
    let subject = Manifest::image_by(Algorithm::Sha512, 1);
    let other = Manifest::image_by(Algorithm::Sha512, 2);
    let mut mixed = Manifest::image(3).to(&subject);
    mixed.blobs.push(other.blobs[1].clone());
    let mut layers = mixed.document["layers"].clone();
    layers[1] = other.document["layers"][0].clone();
    let mixed = mixed.with("layers", layers);
    for blob in &mixed.blobs {
        repository.push_blob(Algorithm::Sha256, blob);
    }
    repository.push_blob(Algorithm::Sha512, &other.blobs[1]);
    let answer = repository.push("mixed", &mixed).naming(&mixed.digest());
    assert_eq!(answer.required("OCI-Subject"), subject.digest());
    repository.push_whole(&other);
    let index = Manifest::index(Algorithm::Sha256, &[&mixed, &other]);
    repository.push("index", &index);
    let listed = repository.referrers(&subject.digest(), "");
    assert_eq!(sorted_digests(&listed), [mixed.digest()]);
}

/// OCI-2.9
#[test]
fn content_is_answered_by_the_name_that_was_used() {
    let server = Server::start();
    let repository = server.repository("conformance/both-names");
    let content = noise(1, 300);
    for algorithm in Algorithm::ALL {
        let digest = repository.push_blob(algorithm, &content);
        let target = format!("blobs/{digest}");
        repository
            .blob(&digest)
            .expect(200)
            .naming(&digest)
            .with_body(&content);
        repository.head(&target).expect(200).naming(&digest);
    }
    let index = Manifest::index(Algorithm::Sha512, &[]);
    for name in [sha256(&index.bytes), sha512(&index.bytes)] {
        let pushed = repository.push(&name, &index).naming(&name);
        assert!(pushed.location().ends_with(&name), "{pushed:?}");
        repository
            .manifest(&name)
            .expect(200)
            .naming(&name)
            .with_body(&index.bytes);
        repository.manifest_head(&name).expect(200).naming(&name);
    }
    repository
        .delete(&format!("blobs/{}", sha256(&content)))
        .expect(202);
    repository.blob(&sha256(&content)).expect(404);
    repository.blob(&sha512(&content)).expect(200);
}

/// OCI-2.10
#[test]
fn values_of_the_query_come_encoded_or_not() {
    let server = Server::start();
    let (from, to) = (server.repository("a/b"), server.repository("c"));
    let content = noise(1, 30);
    let digest = from.push_blob(Algorithm::Sha256, &content);
    let other = noise(2, 30);
    let other_digest = sha256(&other);
    let location = from.start();
    let separator = if location.contains('?') { '&' } else { '?' };
    let raw = Request::put(format!("{location}{separator}digest={other_digest}"));
    from.send(raw.body(&other))
        .expect(201)
        .naming(&other_digest);
    to.post(&format!(
        "?mount={}&from={}",
        encoded(&digest),
        encoded("a/b")
    ))
    .expect(201);
    to.post(&format!("?mount={other_digest}&from=a/b"))
        .expect(201);

    let image = Manifest::image(3);
    let artifact_type = "application/vnd.example.plus+json";
    let artifact = Manifest::artifact(Algorithm::Sha256, artifact_type, EMPTY_JSON).to(&image);
    from.push_whole(&artifact);
    from.push_whole(&Manifest::artifact(Algorithm::Sha256, ARTIFACT, EMPTY_JSON).to(&image));
    for value in [&encoded(artifact_type), artifact_type] {
        let listed = from.referrers(&image.digest(), &format!("?artifactType={value}"));
        assert_eq!(sorted_digests(&listed), [artifact.digest()], "{value}");
    }
}

/// OCI-2.11
#[test]
fn the_constants_are_the_digests_of_nothing_and_of_an_empty_object() {
    let server = Server::start();
    let repository = server.repository("conformance/constants");
    let nothing = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let object = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    for (digest, content) in [(nothing, &b""[..]), (object, EMPTY_JSON)] {
        assert_eq!(repository.push_blob(Algorithm::Sha256, content), digest);
        repository.blob(digest).expect(200).with_body(content);
    }
}
