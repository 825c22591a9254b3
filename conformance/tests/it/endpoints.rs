//! OCI-1: the end-points, and what holds for all of them.

use wharf_conformance::content::INDEX;
use wharf_conformance::digest::Algorithm;
use wharf_conformance::manifest::Manifest;
use wharf_conformance::request::Request;
use wharf_conformance::server::Server;

/// OCI-1.1
#[test]
fn every_category_of_the_api_is_offered() {
    let server = Server::start();
    let repository = server.repository("conformance/categories");
    let image = Manifest::image(1);
    repository.push_whole(&image);
    repository.push("latest", &image);
    repository.manifest("latest").expect(200);
    assert_eq!(repository.tags(), ["latest"]);
    let digest = image.digest();
    repository.get(&format!("referrers/{digest}")).expect(200);
    repository.delete("manifests/latest").expect(202);
    repository
        .delete(&format!("manifests/{digest}"))
        .expect(202);
    for blob in &image.blobs {
        let digest = Algorithm::Sha256.of(blob);
        repository.delete(&format!("blobs/{digest}")).expect(202);
    }
}

/// OCI-1.2, OCI-1.6
#[test]
fn the_base_says_that_the_api_is_spoken_here() {
    let server = Server::start();
    let answer = server.send(Request::get("/v2/")).expect(200);
    // What Docker's clients have always looked for.
    answer.with("Docker-Distribution-API-Version", "registry/2.0");
}

/// OCI-1.2
#[test]
fn the_base_asks_strangers_for_their_credentials() {
    let server = Server::with_a_user();
    let stranger = Request::get("/v2/");
    let challenge = server.send_as_it_is(&stranger);
    assert!(
        challenge
            .required("WWW-Authenticate")
            .starts_with("Basic realm=")
    );
    challenge.refused(401, "UNAUTHORIZED");
    server.send(stranger).expect(200);
}

/// OCI-1.3
#[test]
fn what_the_text_leaves_open_follows_http() {
    let server = Server::start();
    let repository = server.repository("conformance/http");
    let answer = repository.send(Request::post(repository.path("tags/list")));
    let allow = answer.expect(405).list("Allow");
    assert!(allow.contains(&"GET".to_owned()), "{allow:?}");

    let digest = repository.push_blob(Algorithm::Sha256, b"as HTTP has it");
    let get = repository.blob(&digest).expect(200);
    let head = repository.head(&format!("blobs/{digest}")).expect(200);
    for name in [
        "Content-Length",
        "Content-Type",
        "Docker-Content-Digest",
        "ETag",
    ] {
        assert_eq!(head.required(name), get.required(name), "{name}");
    }
    let tag = get.required("ETag");
    let request = Request::get(repository.path(&format!("blobs/{digest}")));
    let unchanged = repository.send(request.header("If-None-Match", tag));
    assert!(unchanged.expect(304).body.is_empty());
}

/// OCI-1.4
#[test]
fn a_path_that_is_written_otherwise_is_answered_by_a_redirect_to_the_same_host() {
    let server = Server::start();
    let repository = server.repository("conformance/redirects");
    repository.push("latest", &Manifest::index(Algorithm::Sha256, &[]));
    let target = "/v2//conformance/redirects/manifests/latest?x=1";
    let moved = server.send(Request::get(target)).expect(301);
    assert_eq!(
        moved.location(),
        "/v2/conformance/redirects/manifests/latest?x=1"
    );
    let found = server.send(Request::get(moved.location())).expect(200);
    found.with("Content-Type", INDEX);
}

/// OCI-1.5
#[test]
fn the_location_of_an_upload_takes_the_digest_as_one_more_parameter() {
    for relative in ["false", "true"] {
        let server = Server::configured(&[("HTTP_RELATIVEURLS", relative)]);
        let repository = server.repository("conformance/locations");
        let answer = repository.post("").expect(202);
        let absolute = format!("http://{}/v2/", server.host());
        let begin = if relative == "true" {
            "/v2/"
        } else {
            &absolute
        };
        assert!(answer.required("Location").starts_with(begin), "{answer:?}");
        // The new suite looks at it when it has credentials.
        assert!(
            answer
                .location()
                .starts_with("/v2/conformance/locations/blobs/")
        );
        let content = b"wherever that is";
        let digest = Algorithm::Sha256.of(content);
        let finished = repository
            .finish(&answer.location(), &digest, content)
            .expect(201);
        assert!(
            finished.required("Location").starts_with(begin),
            "{finished:?}"
        );
    }
}

/// OCI-1.7
#[test]
fn a_repository_may_be_called_like_a_part_of_the_path() {
    let server = Server::start();
    for name in [
        "blobs/uploads",
        "manifests/tags/list",
        "a/referrers/b",
        "tags/list/manifests",
    ] {
        let repository = server.repository(name);
        let image = Manifest::image(7);
        repository.push_whole(&image);
        repository.push("blobs", &image);
        let found = repository.manifest("blobs").expect(200);
        found.with_body(&image.bytes);
        assert_eq!(repository.tags(), ["blobs"], "{name}");
        let layer = Algorithm::Sha256.of(&image.blobs[1]);
        repository
            .blob(&layer)
            .expect(200)
            .with_body(&image.blobs[1]);
        let referrer = Manifest::referrer(8, &image);
        repository.push_whole(&referrer);
        assert_eq!(
            repository.referrer_digests(&image.digest()),
            [referrer.digest()]
        );
    }
    let extension = server.send(Request::get("/v2/a/_catalog/tags/list"));
    extension.expect_one_of(&[400, 404]);
}
