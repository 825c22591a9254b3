//! OCI-9: how a refusal is written, and OCI-8, what a registry that is no proxy leaves aside.

use serde_json::Value;
use wharf_conformance::answer::Answer;
use wharf_conformance::content::IMAGE;
use wharf_conformance::digest::Algorithm;
use wharf_conformance::errors::CODES;
use wharf_conformance::manifest::Manifest;
use wharf_conformance::repository::{Repository, with_digest};
use wharf_conformance::request::Request;
use wharf_conformance::server::Server;

/// A refusal of each kind that this registry has, with its status and code.
fn refusals(repository: Repository<'_>) -> Vec<(u16, &'static str, Answer)> {
    let unknown = Algorithm::Sha256.unknown();
    let image = Manifest::image(1);
    let missing = repository.path("blobs/uploads/00000000-0000-4000-8000-000000000000");
    let ranged =
        Request::put(with_digest(&repository.start(), &unknown)).header("Content-Range", "0-9");
    vec![
        (404, "BLOB_UNKNOWN", repository.blob(&unknown)),
        (404, "BLOB_UPLOAD_UNKNOWN", repository.status(&missing)),
        (
            400,
            "DIGEST_INVALID",
            repository.finish(&repository.start(), &unknown, b"x"),
        ),
        (400, "DIGEST_INVALID", repository.get("referrers/none")),
        (
            400,
            "MANIFEST_BLOB_UNKNOWN",
            repository.put_manifest("a", IMAGE, &image.bytes),
        ),
        (
            400,
            "MANIFEST_INVALID",
            repository.put_manifest("a", IMAGE, b"{}"),
        ),
        (
            400,
            "MANIFEST_INVALID",
            repository.put_manifest("a", "nonsense", b"{}"),
        ),
        (404, "MANIFEST_UNKNOWN", repository.manifest("a")),
        (404, "NAME_UNKNOWN", repository.get("tags/list")),
        (
            400,
            "PAGINATION_NUMBER_INVALID",
            repository.get("tags/list?n=x"),
        ),
        (400, "SIZE_INVALID", repository.send(ranged.body(b"x"))),
        (
            400,
            "TAG_INVALID",
            repository.put_manifest("-a", IMAGE, &image.bytes),
        ),
    ]
}

/// OCI-9.1, OCI-9.2, OCI-9.3, OCI-9.4
#[test]
fn every_refusal_is_a_list_of_errors_with_a_known_code() {
    let server = Server::start();
    for (status, code, answer) in refusals(server.repository("conformance/refusals")) {
        assert_eq!(
            answer.required("Content-Type"),
            "application/json",
            "{answer:?}"
        );
        // A code of Docker's own stands only where the specification has none.
        let known =
            CODES.contains(&code) || ["PAGINATION_NUMBER_INVALID", "TAG_INVALID"].contains(&code);
        assert!(known, "{code}");
        answer.refused(status, code);
    }
    server
        .repository("Conformance")
        .get("tags/list")
        .refused(400, "NAME_INVALID");
    let server = Server::configured(&[("STORAGE_MAINTENANCE_READONLY", "{enabled: true}")]);
    let repository = server.repository("conformance/read-only");
    repository.post("").refused(405, "UNSUPPORTED");
}

/// OCI-9.2
#[test]
fn a_detail_is_a_text_unless_it_is_a_record_of_distribution() {
    let server = Server::start();
    for (_, code, answer) in refusals(server.repository("conformance/details")) {
        for error in answer.json()["errors"].as_array().unwrap() {
            assert!(error["message"].is_string(), "{answer:?}");
            let record = match code {
                "NAME_UNKNOWN" => Some("name"),
                "PAGINATION_NUMBER_INVALID" => Some("n"),
                _ => None,
            };
            match record {
                Some(field) => assert!(error["detail"].get(field).is_some(), "{answer:?}"),
                None => assert!(error["detail"].is_string(), "{answer:?}"),
            }
        }
    }
    let server = Server::with_a_user();
    let answer = server.send_as_it_is(&Request::get("/v2/conformance/details/tags/list"));
    let access = &answer.json()["errors"][0]["detail"][0];
    assert_eq!(access["Name"], "conformance/details", "{answer:?}");
    let answer = server.send_as_it_is(&Request::get("/v2/"));
    let detail = &answer.json()["errors"][0]["detail"];
    assert!(
        matches!(detail, Value::Null | Value::String(_)),
        "{answer:?}"
    );
}

/// OCI-9.6
#[test]
fn a_warning_of_the_operator_comes_as_it_was_written() {
    let warning = "299 - \"this registry moves in May\"";
    let server = Server::configured(&[(
        "HTTP_HEADERS",
        "{Warning: ['299 - \"this registry moves in May\"']}",
    )]);
    let repository = server.repository("conformance/warnings");
    for answer in [
        server.send(Request::get("/v2/")),
        repository.post(""),
        repository.manifest("latest"),
    ] {
        assert_eq!(answer.required("Warning"), warning);
    }
    let server = Server::start();
    assert_eq!(server.send(Request::get("/v2/")).header("Warning"), None);
}

/// OCI-9.7
#[test]
fn the_headers_of_the_specification_are_the_ones_that_are_sent() {
    let server = Server::start();
    let repository = server.repository("conformance/headers");
    let subject = Manifest::image(1);
    let artifact = Manifest::referrer(2, &subject);
    repository.push_parts(&artifact);
    let pushed = repository.push(&format!("{}?tag=a&tag=b", artifact.digest()), &artifact);
    for name in [
        "Docker-Content-Digest",
        "Location",
        "OCI-Subject",
        "OCI-Tag",
        "Content-Length",
    ] {
        pushed.required(name);
    }
    let found = repository.manifest("a").expect(200);
    found.required("Content-Type");
    let listed = repository.get(&format!("referrers/{}?artifactType=x", subject.digest()));
    listed.required("OCI-Filters-Applied");
    repository.get("tags/list?n=1").required("Link");
    let digest = Algorithm::Sha256.of(&artifact.blobs[1]);
    let request =
        Request::get(repository.path(&format!("blobs/{digest}"))).header("Range", "bytes=0-0");
    repository
        .send(request)
        .expect(206)
        .required("Content-Range");
    let begun = repository.post("").expect(202);
    begun.required("Range");
    begun.required("Location");
}

/// OCI-8.2, OCI-8.3
#[test]
fn the_namespace_of_a_proxy_is_left_aside() {
    let server = Server::start();
    let repository = server.repository("conformance/proxies");
    let image = Manifest::image(1);
    repository.push_whole(&image);
    repository.push("latest", &image);
    let layer = Algorithm::Sha256.of(&image.blobs[1]);
    for (status, target) in [
        (200, "manifests/latest?ns=docker.io".to_owned()),
        (
            200,
            format!(
                "manifests/{}?ns=registry.example.com%3A5000",
                image.digest()
            ),
        ),
        (200, format!("blobs/{layer}?ns=docker.io")),
        (200, "tags/list?ns=docker.io".to_owned()),
        (200, format!("referrers/{}?ns=docker.io", image.digest())),
        (404, "manifests/none?ns=docker.io".to_owned()),
    ] {
        for answer in [repository.get(&target), repository.head(&target)] {
            assert_eq!(answer.header("OCI-Namespace"), None);
            answer.expect(status);
        }
    }
}
