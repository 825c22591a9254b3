//! OCI-4: mounting a blob of another repository.

use wharf_conformance::content::noise;
use wharf_conformance::digest::Algorithm;
use wharf_conformance::repository::{Repository, encoded};
use wharf_conformance::request::Request;
use wharf_conformance::server::Server;

/// What a mount asks for.
fn mount(digest: &str, from: Option<&str>) -> String {
    let digest = encoded(digest);
    match from {
        Some(from) => format!("?mount={digest}&from={}", encoded(from)),
        None => format!("?mount={digest}"),
    }
}

/// Begins an upload by a mount that cannot be done, and ends it by pushing the bytes.
#[track_caller]
fn falls_back_to_a_push(repository: Repository<'_>, query: &str, content: &[u8]) {
    let digest = Algorithm::Sha256.of(content);
    let begun = repository.post(query).expect(202).with("Range", "0-0");
    repository
        .finish(&begun.location(), &digest, content)
        .expect(201);
    repository.blob(&digest).expect(200).with_body(content);
}

/// OCI-4.30, OCI-4.34
#[test]
fn a_mounted_blob_is_there_without_being_sent() {
    let server = Server::start();
    let (from, to) = (
        server.repository("conformance/source"),
        server.repository("conformance/target"),
    );
    for algorithm in Algorithm::ALL {
        let content = noise(1, 1000);
        let digest = from.push_blob(algorithm, &content);
        to.blob(&digest).expect(404);
        let mounted = to
            .post(&mount(&digest, Some(from.name())))
            .expect(201)
            .naming(&digest);
        assert_eq!(mounted.location(), to.path(&format!("blobs/{digest}")));
        to.send(Request::get(mounted.location()))
            .expect(200)
            .naming(&digest)
            .with_body(&content);
        from.delete(&format!("blobs/{digest}")).expect(202);
        to.blob(&digest).expect(200).with_body(&content);
    }
}

/// OCI-4.31
#[test]
fn a_mount_that_cannot_be_done_begins_an_upload() {
    let server = Server::start();
    let to = server.repository("conformance/target");
    server
        .repository("conformance/source")
        .push_blob(Algorithm::Sha256, b"another");
    let sources = [
        "conformance/source",
        "conformance/nowhere",
        "Not/A-Name",
        "conformance/target",
    ];
    for (number, from) in sources.into_iter().enumerate() {
        let content = noise(number as u64, 100);
        let digest = Algorithm::Sha256.of(&content);
        falls_back_to_a_push(to, &mount(&digest, Some(from)), &content);
    }
    // A blob of another name for the same bytes is another blob (OCI-2.9).
    let content = noise(9, 100);
    server
        .repository("conformance/source")
        .push_blob(Algorithm::Sha256, &content);
    let digest = Algorithm::Sha512.of(&content);
    let begun = to
        .post(&mount(&digest, Some("conformance/source")))
        .expect_one_of(&[201, 202]);
    assert!(begun.status == 202 || begun.header("Docker-Content-Digest") == Some(&digest));
}

/// OCI-4.32
#[test]
fn a_mount_need_not_say_from_where() {
    let server = Server::start();
    let (from, to) = (
        server.repository("conformance/source"),
        server.repository("conformance/target"),
    );
    for algorithm in Algorithm::ALL {
        let content = noise(1, 1000);
        let digest = from.push_blob(algorithm, &content);
        let mounted = to.post(&mount(&digest, None)).expect(201).naming(&digest);
        to.send(Request::get(mounted.location()))
            .expect(200)
            .with_body(&content);
    }
    let content = noise(2, 10);
    falls_back_to_a_push(to, &mount(&Algorithm::Sha256.of(&content), None), &content);
}

/// OCI-4.33
#[test]
fn a_mount_is_nothing_to_strangers() {
    let server = Server::with_a_user();
    let from = server.repository("conformance/source");
    let present = from.push_blob(Algorithm::Sha256, b"secret");
    let answers = [present, Algorithm::Sha256.unknown()].map(|digest| {
        let query = mount(&digest, Some(from.name()));
        let target = format!("/v2/conformance/target/blobs/uploads/{query}");
        let answer = server.send_as_it_is(&Request::post(target));
        (answer.status, answer.body, answer.headers.len())
    });
    assert_eq!(answers[0].0, 401);
    assert_eq!(answers[0], answers[1]);
}
