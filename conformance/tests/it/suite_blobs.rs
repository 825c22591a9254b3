//! OCI-11: what the official suite does with blobs, row by row, under both algorithms.

use wharf_conformance::answer::Answer;
use wharf_conformance::content::{EMPTY_JSON, noise};
use wharf_conformance::digest::Algorithm;
use wharf_conformance::repository::{OCTETS, Repository, encoded, referrers_of, with_digest};
use wharf_conformance::request::Request;
use wharf_conformance::server::Server;

const REPO1: &str = "conformance/repo1";
const REPO2: &str = "conformance/repo2";
/// What the suite takes for a chunk where the registry names no smallest.
const CHUNK: usize = 1024;

/// What follows each push: GET of the location, HEAD and GET (OCI-11.30); then the delete (OCI-11.31).
#[track_caller]
fn comes_back(repository: Repository<'_>, digest: &str, content: &[u8], pushed: &Answer) {
    let target = repository.path(&format!("blobs/{digest}"));
    for target in [&pushed.location(), &target] {
        let found = repository.send(Request::get(target)).expect(200);
        found.naming(digest).with_body(content);
    }
    let head = repository
        .send(Request::head(&target))
        .expect(200)
        .naming(digest);
    assert_eq!(head.required("Content-Length"), content.len().to_string());
    repository.send(Request::delete(&target)).expect(202);
    repository.send(Request::head(&target)).expect(404);
}

/// Runs a row with fresh content, in a registry of its own, once for each algorithm.
fn for_both(length: usize, row: impl Fn(&Server, &str, &[u8])) {
    let server = Server::start();
    for (seed, algorithm) in (1..).zip(Algorithm::ALL) {
        let content = noise(seed, length);
        row(&server, &algorithm.of(&content), &content);
    }
}

/// OCI-11.10
#[test]
fn ping() {
    let server = Server::start();
    server.send(Request::get("/v2/")).expect(200);
}

/// OCI-11.11, OCI-11.12
#[test]
fn empty() {
    let server = Server::start();
    let repository = server.repository(REPO1);
    let tags = repository.get("tags/list").expect_one_of(&[200, 404]);
    tags.json();
    let unknown = Algorithm::Sha256.unknown();
    let referrers = repository.get(&format!("referrers/{unknown}")).expect(200);
    assert!(referrers_of(&referrers).is_empty());
}

/// OCI-11.13
#[test]
fn get_missing() {
    for_both(1, |server, digest, _| {
        server.repository(REPO1).blob(digest).expect(404);
    });
}

/// OCI-11.14, OCI-11.30, OCI-11.31
#[test]
fn post_only() {
    for_both(512, |server, digest, content| {
        let repository = server.repository(REPO1);
        let target = repository.path(&format!("blobs/uploads/?digest={}", encoded(digest)));
        let request = Request::post(target).header("Content-Type", OCTETS);
        let pushed = repository.send(request.body(content)).expect(201);
        comes_back(repository, digest, content, &pushed);
    });
}

/// OCI-11.15, OCI-11.30, OCI-11.31
#[test]
fn post_and_put() {
    for_both(512, |server, digest, content| {
        let repository = server.repository(REPO1);
        let pushed = repository
            .finish(&repository.start(), digest, content)
            .expect(201);
        comes_back(repository, digest, content, &pushed.naming(digest));
    });
}

/// OCI-11.16, OCI-11.30, OCI-11.31
#[test]
fn chunked_single() {
    for_both(512, |server, digest, content| {
        let repository = server.repository(REPO1);
        let answer = repository
            .append(&repository.start(), 0, content)
            .expect(202);
        let pushed = repository
            .finish(&answer.location(), digest, b"")
            .expect(201);
        comes_back(repository, digest, content, &pushed.naming(digest));
    });
}

/// OCI-11.17, OCI-11.30, OCI-11.31
#[test]
fn stream() {
    for_both(512, |server, digest, content| {
        let repository = server.repository(REPO1);
        let answer = repository.stream(&repository.start(), content).expect(202);
        let pushed = repository
            .finish(&answer.location(), digest, b"")
            .expect(201);
        comes_back(repository, digest, content, &pushed.naming(digest));
    });
}

/// OCI-11.18, OCI-11.19, OCI-11.30, OCI-11.31
#[test]
fn mount() {
    for_both(512, |server, digest, content| {
        let (to, from) = (server.repository(REPO1), server.repository(REPO2));
        let put = from.finish(&from.start(), digest, content).expect(201);
        for source in [format!("&from={}", encoded(REPO2)), String::new()] {
            let pushed = to
                .post(&format!("?mount={}{source}", encoded(digest)))
                .expect(201);
            comes_back(to, digest, content, &pushed.naming(digest));
        }
        comes_back(from, digest, content, &put);
    });
}

/// OCI-11.20, OCI-11.30, OCI-11.31
#[test]
fn mount_missing() {
    for_both(512, |server, digest, content| {
        let repository = server.repository(REPO1);
        let begun = repository
            .post(&format!(
                "?mount={}&from={}",
                encoded(digest),
                encoded(REPO2)
            ))
            .expect(202);
        let pushed = repository
            .finish(&begun.location(), digest, content)
            .expect(201);
        comes_back(repository, digest, content, &pushed);
    });
}

/// OCI-11.21
#[test]
fn post_cancel() {
    for_both(1, |server, _, _| {
        let repository = server.repository(REPO1);
        repository
            .send(Request::delete(repository.start()))
            .expect(204);
    });
}

/// OCI-11.22, OCI-11.23, OCI-11.30, OCI-11.31
#[test]
fn chunked_multi() {
    for_both(3 * CHUNK - 5, |server, digest, content| {
        let repository = server.repository(REPO1);
        for in_the_put in [false, true] {
            let mut location = repository.start();
            let chunks: Vec<&[u8]> = content.chunks(CHUNK).collect();
            for (index, chunk) in chunks
                .iter()
                .enumerate()
                .take(if in_the_put { 2 } else { 3 })
            {
                location = repository
                    .append(&location, index * CHUNK, chunk)
                    .expect(202)
                    .location();
            }
            let pushed = if in_the_put {
                repository.finish_at(&location, digest, 2 * CHUNK, chunks[2])
            } else {
                repository.finish(&location, digest, b"")
            };
            comes_back(repository, digest, content, &pushed.expect(201));
        }
    });
}

/// Where an upload goes on after a 416, asked at the very URL that was refused.
#[track_caller]
fn after_refusal(
    repository: Repository<'_>,
    refused: &Answer,
    asked: &str,
    received: usize,
) -> String {
    assert_eq!(refused.status, 416, "{refused:?}");
    let status = repository.status(asked).expect(204);
    if received > 0 {
        assert_eq!(status.required("Range"), format!("0-{}", received - 1));
    }
    status.location()
}

/// OCI-11.24, OCI-11.25, OCI-11.30, OCI-11.31
#[test]
fn out_of_order() {
    for_both(3 * CHUNK - 5, |server, digest, content| {
        let repository = server.repository(REPO1);
        let chunks: Vec<&[u8]> = content.chunks(CHUNK).collect();
        for with_put in [false, true] {
            let mut location = repository.start();
            // A chunk ahead, twice, and then from the beginning again.
            for (index, wrong) in [1, 2, 0].into_iter().enumerate() {
                let (refused, asked) = if with_put && index == 1 {
                    let asked = with_digest(&location, digest);
                    (
                        repository.finish_at(&location, digest, wrong * CHUNK, chunks[wrong]),
                        asked,
                    )
                } else {
                    let refused = repository.append(&location, wrong * CHUNK, chunks[wrong]);
                    (refused, location.clone())
                };
                location = after_refusal(repository, &refused, &asked, index * CHUNK);
                if index < 2 {
                    let answer = repository.append(&location, index * CHUNK, chunks[index]);
                    location = answer.expect(202).location();
                }
            }
            let pushed = if with_put {
                repository.finish_at(&location, digest, 2 * CHUNK, chunks[2])
            } else {
                let answer = repository
                    .append(&location, 2 * CHUNK, chunks[2])
                    .expect(202);
                repository.finish(&answer.location(), digest, b"")
            };
            comes_back(repository, digest, content, &pushed.expect(201));
        }
    });
}

/// OCI-11.26, OCI-11.27
#[test]
fn range_requests() {
    for_both(2048, |server, digest, content| {
        let repository = server.repository(REPO1);
        repository
            .finish(&repository.start(), digest, content)
            .expect(201);
        let get = |range: &str| {
            let request = Request::get(repository.path(&format!("blobs/{digest}")));
            repository.send(request.header("Range", format!("bytes={range}")))
        };
        for (range, first, last) in [
            ("500-1499", 500, 1499),
            ("500-", 500, 2047),
            ("-500", 1548, 2047),
            ("2000-5000", 2000, 2047),
        ] {
            let part = get(range).expect(206).with_body(&content[first..=last]);
            part.with("Content-Range", &format!("bytes {first}-{last}/2048"));
        }
        for range in ["500-0", "5000-10000"] {
            get(range).expect(416);
        }
    });
}

/// OCI-11.28, OCI-11.30, OCI-11.31
#[test]
fn empty_blobs() {
    let server = Server::start();
    let repository = server.repository(REPO1);
    for algorithm in Algorithm::ALL {
        for content in [b"", EMPTY_JSON] {
            let digest = algorithm.of(content);
            let request = Request::put(with_digest(&repository.start(), &digest));
            let pushed = repository
                .send(request.header("Content-Type", OCTETS).chunked(content))
                .expect(201);
            comes_back(repository, &digest, content, &pushed);
        }
    }
}

/// OCI-11.29
#[test]
fn bad_digest() {
    for_both(3 * CHUNK, |server, digest, content| {
        let repository = server.repository(REPO1);
        let mut changed = content.to_vec();
        changed[100] ^= 1;
        let target = repository.path(&format!("blobs/uploads/?digest={}", encoded(digest)));
        repository
            .send(Request::post(target).body(&changed))
            .expect(400);
        repository
            .finish(&repository.start(), digest, &changed)
            .expect(400);
        for _ in 0..2 {
            let mut location = repository.start();
            for (index, chunk) in changed.chunks(CHUNK).enumerate() {
                location = repository
                    .append(&location, index * CHUNK, chunk)
                    .expect(202)
                    .location();
            }
            repository.finish(&location, digest, b"").expect(400);
        }
        let answer = repository.stream(&repository.start(), &changed).expect(202);
        repository
            .finish(&answer.location(), digest, b"")
            .expect(400);
        repository.blob(digest).expect(404);
    });
}
