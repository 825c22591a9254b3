//! OCI-4: pushing a blob in chunks or as a stream, asking how far it is, and giving up.

use std::fs;

use wharf_conformance::answer::Answer;
use wharf_conformance::content::noise;
use wharf_conformance::digest::Algorithm;
use wharf_conformance::repository::{OCTETS, Repository, with_digest};
use wharf_conformance::request::Request;
use wharf_conformance::server::Server;
use wharf_e2e::wait;

/// Expects the offset of a living upload, by which a client would go on.
#[track_caller]
fn is_at(repository: Repository<'_>, location: &str, range: &str) -> String {
    let answer = repository.status(location).expect(204).with("Range", range);
    answer.location()
}

/// OCI-4.8
#[test]
fn a_chunk_may_be_as_small_as_one_byte() {
    let server = Server::start();
    let repository = server.repository("conformance/small");
    let begun = repository.post("").expect(202);
    assert_eq!(begun.header("OCI-Chunk-Min-Length"), None);
    let mut location = begun.location();
    let content = b"abc";
    for (first, byte) in content.iter().enumerate() {
        location = repository
            .append(&location, first, &[*byte])
            .expect(202)
            .location();
    }
    let digest = Algorithm::Sha256.of(content);
    repository.finish(&location, &digest, b"").expect(201);
    repository.blob(&digest).expect(200).with_body(content);
}

/// OCI-4.17, OCI-4.18, OCI-4.22
#[test]
fn each_chunk_is_answered_by_what_the_blob_has_so_far() {
    let server = Server::start();
    let repository = server.repository("conformance/chunks");
    let content = noise(1, 3 * 1024 - 5);
    for algorithm in Algorithm::ALL {
        for chunks_before_the_end in [2, 3] {
            let mut location = repository.start();
            let mut chunks = content.chunks(1024).enumerate();
            for (index, chunk) in chunks.by_ref().take(chunks_before_the_end) {
                let first = index * 1024;
                let answer = repository.append(&location, first, chunk).expect(202);
                assert_eq!(
                    answer.required("Range"),
                    format!("0-{}", first + chunk.len() - 1)
                );
                location = answer.location();
            }
            let digest = algorithm.of(&content);
            let finished = match chunks.next() {
                Some((index, chunk)) => {
                    repository.finish_at(&location, &digest, index * 1024, chunk)
                }
                None => repository.finish(&location, &digest, b""),
            };
            let place = finished.expect(201).naming(&digest).location();
            repository
                .send(Request::get(place))
                .expect(200)
                .with_body(&content);
        }
    }
}

/// OCI-4.19, OCI-4.21, OCI-4.23
#[test]
fn a_chunk_out_of_order_is_refused_and_changes_nothing() {
    let server = Server::start();
    let repository = server.repository("conformance/order");
    let content = noise(1, 300);
    let refused = |answer: Answer, range: &str| {
        let answer = answer.expect(416).with("Range", range);
        is_at(repository, &answer.location(), range);
    };
    let begun = repository.start();
    let first_not_at_zero = repository.append(&begun, 100, &content[100..200]);
    refused(first_not_at_zero, "0-0");
    let location = repository
        .append(&begun, 0, &content[..100])
        .expect(202)
        .location();
    for start in [0, 50, 99, 101, 200] {
        let wrong = &content[start..start + 50];
        refused(repository.append(&location, start, wrong), "0-99");
        // The location of the POST belongs to the same session, and is older than the first chunk.
        refused(repository.append(&begun, start, wrong), "0-99");
        is_at(repository, &begun, "0-99");
    }
    let location = repository
        .append(&location, 100, &content[100..200])
        .expect(202)
        .location();
    refused(
        repository.append(&location, 100, &content[100..200]),
        "0-199",
    );
    let digest = Algorithm::Sha256.of(&content);
    repository
        .finish_at(&location, &digest, 200, &content[200..])
        .expect(201);
    repository.blob(&digest).expect(200).with_body(&content);
}

/// OCI-4.20, OCI-4.25
#[test]
fn a_last_chunk_out_of_order_is_refused_and_the_upload_lives_on() {
    let server = Server::start();
    let repository = server.repository("conformance/last-chunk");
    let content = noise(1, 300);
    for algorithm in Algorithm::ALL {
        let digest = algorithm.of(&content);
        let begun = repository.start();
        let location = repository
            .append(&begun, 0, &content[..200])
            .expect(202)
            .location();
        for start in [0, 100, 250] {
            repository
                .finish_at(&location, &digest, start, &content[start..])
                .expect(416);
            // A client that joined them once asks with what is left over.
            let location = is_at(repository, &with_digest(&location, &digest), "0-199");
            is_at(repository, &location, "0-199");
        }
        repository
            .finish_at(&location, &digest, 200, &content[200..])
            .expect(201)
            .naming(&digest);
        repository.blob(&digest).expect(200).with_body(&content);
    }
}

/// OCI-4.19
#[test]
fn a_range_that_is_none_is_refused() {
    let server = Server::start();
    let repository = server.repository("conformance/ranges");
    let location = repository.start();
    for range in ["none", "0", "-5", "5-0", "0-x", "0--4"] {
        let request = Request::patch(&location).header("Content-Range", range);
        repository
            .send(request.body(b"12345"))
            .expect_one_of(&[400, 416]);
    }
    is_at(repository, &location, "0-0");
}

/// OCI-4.24
#[test]
fn a_stream_needs_neither_range_nor_length() {
    let server = Server::start();
    let repository = server.repository("conformance/streams");
    let content = noise(1, 500_000);
    for algorithm in Algorithm::ALL {
        let digest = algorithm.of(&content);
        let answer = repository.stream(&repository.start(), &content).expect(202);
        let answer = answer.with("Range", "0-499999");
        repository
            .finish(&answer.location(), &digest, b"")
            .expect(201)
            .naming(&digest);
        repository.blob(&digest).expect(200).with_body(&content);
    }
}

/// OCI-4.25
#[test]
fn a_client_goes_on_where_its_connection_was_cut() {
    let server = Server::start();
    let repository = server.repository("conformance/resume");
    let content = noise(1, 10_000);
    let location = repository.start();
    let location = repository
        .append(&location, 0, &content[..1000])
        .expect(202)
        .location();
    let request = Request::patch(&location).header("Content-Type", OCTETS);
    server.break_off(
        &request
            .content_range(1000, 9000)
            .cut(&content[1000..4000], 9000),
    );
    let answer = wait::until("the upload to be free again", server.patience(), || {
        let answer = repository.status(&location);
        (answer.status == 204).then_some(answer)
    });
    let (_, last) = answer.required("Range").split_once('-').unwrap();
    let next = last.parse::<usize>().unwrap() + 1;
    assert!((1000..=4000).contains(&next), "{answer:?}");
    let digest = Algorithm::Sha256.of(&content);
    repository
        .finish_at(&answer.location(), &digest, next, &content[next..])
        .expect(201);
    repository.blob(&digest).expect(200).with_body(&content);
}

/// OCI-4.26
#[test]
fn an_upload_without_a_byte_has_a_range_too() {
    let server = Server::start();
    let repository = server.repository("conformance/empty-range");
    let begun = repository.post("").expect(202).with("Range", "0-0");
    is_at(repository, &begun.location(), "0-0");
}

/// OCI-4.27
#[test]
fn an_upload_that_is_not_there_is_unknown_to_every_method() {
    let server = Server::start();
    let repository = server.repository("conformance/gone");
    let content = b"content";
    let digest = Algorithm::Sha256.of(content);
    let closed = repository.start();
    repository.finish(&closed, &digest, content).expect(201);
    let cancelled = repository.start();
    repository.send(Request::delete(&cancelled)).expect(204);
    let elsewhere = server.repository("conformance/other").start();
    let elsewhere = elsewhere.replace("conformance/other", repository.name());
    let never = repository.path("blobs/uploads/00000000-0000-4000-8000-000000000000");
    let malformed = repository.path("blobs/uploads/nothing");
    for location in [closed, cancelled, never, malformed] {
        repository
            .status(&location)
            .refused(404, "BLOB_UPLOAD_UNKNOWN");
        repository
            .append(&location, 0, content)
            .refused(404, "BLOB_UPLOAD_UNKNOWN");
        repository
            .finish(&location, &digest, content)
            .refused(404, "BLOB_UPLOAD_UNKNOWN");
        repository
            .send(Request::delete(&location))
            .refused(404, "BLOB_UPLOAD_UNKNOWN");
    }
    repository.append(&elsewhere, 0, content).expect(404);
    repository.status(&elsewhere).expect(404);
}

/// OCI-4.28
#[test]
fn an_upload_that_is_cancelled_leaves_nothing() {
    let server = Server::start();
    let repository = server.repository("conformance/cancel");
    let location = repository.start();
    let location = repository
        .append(&location, 0, &noise(1, 9000))
        .expect(202)
        .location();
    let uploads = server.stored("repositories/conformance/cancel/_uploads");
    assert_eq!(fs::read_dir(&uploads).unwrap().count(), 1);
    let cancelled = repository.send(Request::delete(&location)).expect(204);
    assert!(cancelled.body.is_empty());
    assert_eq!(fs::read_dir(&uploads).map_or(0, Iterator::count), 0);
}
