//! OCI-4: pushing a blob whole.

use std::thread;

use wharf_conformance::answer::Answer;
use wharf_conformance::content::noise;
use wharf_conformance::digest::Algorithm;
use wharf_conformance::repository::{OCTETS, Repository, encoded, with_digest};
use wharf_conformance::request::Request;
use wharf_conformance::server::Server;

/// A way of pushing a blob, up to its last answer.
type Way = fn(Repository<'_>, &str, &[u8]) -> Answer;

/// In one request, in two with a length and without, in one chunk, with a chunk in the last request, as a stream.
const WAYS: [Way; 6] = [
    |repository, digest, content| repository.send(post_whole(repository, digest).body(content)),
    |repository, digest, content| repository.finish(&repository.start(), digest, content),
    |repository, digest, content| {
        let request =
            Request::put(with_digest(&repository.start(), digest)).header("Content-Type", OCTETS);
        repository.send(request.chunked(content))
    },
    |repository, digest, content| {
        let answer = repository
            .append(&repository.start(), 0, content)
            .expect(202);
        repository.finish(&answer.location(), digest, b"")
    },
    |repository, digest, content| {
        let (first, last) = content.split_at(content.len() / 2);
        let answer = repository.append(&repository.start(), 0, first).expect(202);
        repository.finish_at(&answer.location(), digest, first.len(), last)
    },
    |repository, digest, content| {
        let answer = repository.stream(&repository.start(), content).expect(202);
        repository.finish(&answer.location(), digest, b"")
    },
];

/// The one request that pushes a blob, still without its body.
fn post_whole(repository: Repository<'_>, digest: &str) -> Request {
    let target = format!("blobs/uploads/?digest={}", encoded(digest));
    Request::post(repository.path(&target)).header("Content-Type", OCTETS)
}

/// OCI-4.1
#[test]
fn a_digest_that_cannot_be_one_is_refused_in_every_way_of_pushing() {
    let server = Server::start();
    let repository = server.repository("conformance/bad-digests");
    for digest in [
        "sha256:bad",
        "none",
        "blake3:0",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
    ] {
        for way in WAYS {
            way(repository, digest, b"content").refused(400, "DIGEST_INVALID");
        }
        let algorithm = digest.split(':').next().unwrap();
        if algorithm != "sha256" {
            let begun = repository.post(&format!("?digest-algorithm={algorithm}"));
            begun.refused(400, "DIGEST_INVALID");
        }
    }
}

/// OCI-4.2
#[test]
fn bytes_of_another_digest_make_no_blob() {
    let server = Server::start();
    for algorithm in Algorithm::ALL {
        let repository = server.repository("conformance/other-bytes");
        let content = noise(1, 3000);
        for way in WAYS {
            let claimed = algorithm.unknown();
            way(repository, &claimed, &content).refused(400, "DIGEST_INVALID");
            repository.blob(&claimed).expect(404);
            repository.blob(&algorithm.of(&content)).expect(404);
        }
    }
}

/// OCI-4.3
#[test]
fn a_body_of_another_length_makes_no_blob() {
    let server = Server::start();
    let repository = server.repository("conformance/lengths");
    let content = noise(1, 3000);
    let digest = Algorithm::Sha256.of(&content);
    let chunk = |location: String, range: &str| {
        let request = Request::put(with_digest(&location, &digest)).header("Content-Range", range);
        repository.send(request.body(&content))
    };
    chunk(repository.start(), "0-3000").refused(400, "SIZE_INVALID");
    chunk(repository.start(), "0-2998").refused(400, "SIZE_INVALID");
    for request in [
        Request::put(with_digest(&repository.start(), &digest)),
        Request::patch(repository.start()),
        post_whole(repository, &digest),
    ] {
        server.break_off(&request.cut(&content[..2000], content.len()));
        repository.blob(&digest).expect(404);
    }
}

/// OCI-4.4
#[test]
fn two_pushes_of_one_blob_at_once_both_succeed() {
    let server = Server::start();
    let repository = server.repository("conformance/twice");
    let content = noise(1, 200_000);
    let digest = Algorithm::Sha256.of(&content);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                repository
                    .finish(&repository.start(), &digest, &content)
                    .expect(201)
            });
        }
    });
    repository.blob(&digest).expect(200).with_body(&content);
    repository.delete(&format!("blobs/{digest}")).expect(202);
    repository.blob(&digest).expect(404);
    repository.push_blob(Algorithm::Sha256, &content);
    repository.blob(&digest).expect(200).with_body(&content);
}

/// OCI-4.5, OCI-4.11, OCI-4.12
#[test]
fn every_way_of_pushing_ends_with_the_place_and_the_digest_of_the_blob() {
    let server = Server::start();
    for algorithm in Algorithm::ALL {
        for (number, way) in WAYS.iter().enumerate() {
            let repository = server.repository(&format!("conformance/way{number}"));
            let content = noise(number as u64, 2500);
            let digest = algorithm.of(&content);
            let pushed = way(repository, &digest, &content)
                .expect(201)
                .naming(&digest);
            let found = repository.send(Request::get(pushed.location())).expect(200);
            found.naming(&digest).with_body(&content);
            repository.blob(&digest).expect(200).with_body(&content);
        }
    }
}

/// OCI-4.6, OCI-4.7
#[test]
fn an_upload_begins_with_a_location_of_its_own() {
    let server = Server::start();
    let repository = server.repository("conformance/sessions");
    let with_slash = repository.path("blobs/uploads/");
    let without = repository.path("blobs/uploads");
    let mut locations = Vec::new();
    for target in [&with_slash, &without] {
        for request in [
            Request::post(target),
            Request::post(target).chunked(b""),
            Request::new("POST", target).body(b""),
        ] {
            let begun = repository.send(request).expect(202);
            locations.push(begun.location());
        }
    }
    let paths = locations
        .iter()
        .map(|location| location.split('?').next().unwrap());
    let mut paths: Vec<&str> = paths.collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), 6, "{paths:?}");
}

/// OCI-4.9, OCI-4.10
#[test]
fn an_upload_ends_with_any_digest_whatever_was_announced() {
    let server = Server::start();
    let repository = server.repository("conformance/announced");
    let content = noise(1, 900);
    for announced in ["", "?digest-algorithm=sha256", "?digest-algorithm=sha512"] {
        for algorithm in Algorithm::ALL {
            let digest = algorithm.of(&content);
            let begun = repository.post(announced).expect(202);
            let answer = repository
                .append(&begun.location(), 0, &content[..500])
                .expect(202);
            let answer = repository
                .append(&answer.location(), 500, &content[500..])
                .expect(202);
            repository
                .finish(&answer.location(), &digest, b"")
                .expect(201)
                .naming(&digest);
            repository.blob(&digest).expect(200).with_body(&content);
            repository.delete(&format!("blobs/{digest}")).expect(202);
        }
    }
}

/// OCI-4.14
#[test]
fn the_type_of_a_blob_is_not_looked_at() {
    let server = Server::start();
    let repository = server.repository("conformance/types");
    for media_type in [
        "application/x-www-form-urlencoded",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "nonsense",
        "",
    ] {
        let content = media_type.as_bytes();
        let digest = Algorithm::Sha256.of(content);
        let request = Request::patch(repository.start()).header("Content-Type", media_type);
        let answer = repository.send(request.body(content)).expect(202);
        let request = Request::put(with_digest(&answer.location(), &digest))
            .header("Content-Type", media_type);
        repository.send(request).expect(201);
        repository.blob(&digest).expect(200).with_body(content);
    }
}

/// OCI-4.15
#[test]
fn nothing_is_a_blob_in_every_way_of_pushing() {
    let server = Server::start();
    for algorithm in Algorithm::ALL {
        let digest = algorithm.of(b"");
        let repository = server.repository("conformance/nothing");
        let chunked: [Way; 3] = [
            |repository, digest, content| {
                repository.send(post_whole(repository, digest).chunked(content))
            },
            WAYS[2],
            WAYS[5],
        ];
        for way in chunked.into_iter().chain([WAYS[0], WAYS[1]]) {
            way(repository, &digest, b"").expect(201).naming(&digest);
            repository.blob(&digest).expect(200).with_body(b"");
            repository.delete(&format!("blobs/{digest}")).expect(202);
            repository.head(&format!("blobs/{digest}")).expect(404);
        }
    }
}
