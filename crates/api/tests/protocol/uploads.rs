//! Uploads in all the ways in which clients push blobs.

use bytes::Bytes;
use wharf_oci::{Algorithm, Digest};

use crate::test_registry::{TestRegistry, blob, closing, sha256};

/// The path of an upload without its query.
fn bare(location: &str) -> &str {
    location.split_once('?').unwrap().0
}

#[tokio::test]
async fn an_upload_is_told_where_it_goes_on() {
    let registry = TestRegistry::start();
    let begun = registry.post("/v2/a/b/blobs/uploads/").announcing(0).send();
    let begun = begun.await.expect(202);
    let location = begun.location();
    let (path, query) = location.split_once('?').unwrap();
    let id = path.strip_prefix("/v2/a/b/blobs/uploads/").unwrap();
    let shape: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!(shape, [8, 4, 4, 4, 12], "{id} is a UUID");
    let state = query.strip_prefix("_state=").unwrap();
    assert!(!state.contains(['=', '+', '/', '&']), "{state} is encoded");
    let expected = [
        "202".to_owned(),
        "content-length: 0".to_owned(),
        format!("docker-upload-uuid: {id}"),
        format!("location: http://registry.test{location}"),
        "range: 0-0".to_owned(),
    ];
    assert_eq!(begun.head(), expected);
}

#[tokio::test]
async fn a_blob_is_pushed_in_chunks() {
    let registry = TestRegistry::start();
    let begun = registry.begin_upload("a").await;
    let id = bare(&begun).rsplit('/').next().unwrap().to_owned();
    let mut location = begun.clone();
    for (chunk, content_range, range) in [
        ("hello", "0-4", "0-4"),
        (" ", "5-5", "0-5"),
        ("wor", "6-8", "0-8"),
    ] {
        let ask = registry.patch(&location).body(chunk);
        let ask = ask.header("content-range", content_range);
        let ask = ask.header("content-type", "application/octet-stream");
        let answer = ask.send().await;
        let next = answer.header("location").unwrap().to_owned();
        let expected = [
            "202".to_owned(),
            "content-length: 0".to_owned(),
            format!("docker-upload-uuid: {id}"),
            format!("location: {next}"),
            format!("range: {range}"),
        ];
        assert_eq!(answer.head(), expected);
        assert_eq!(bare(&answer.location()), bare(&begun));
        location = answer.location();
    }
    let digest = sha256("hello world");
    let ask = registry.put(&closing(&location, &digest)).body("ld");
    let done = ask.header("content-range", "9-10").send().await;
    let expected = [
        "201".to_owned(),
        "content-length: 0".to_owned(),
        format!("docker-content-digest: {digest}"),
        format!("location: http://registry.test{}", blob("a", &digest)),
    ];
    assert_eq!(done.head(), expected);
    let pulled = registry.get(&done.location()).send().await.expect(200);
    assert_eq!(pulled.text(), "hello world");
    assert_eq!(registry.upload_files().await, [""; 0]);
}

#[tokio::test]
async fn docker_streams_one_chunk_without_a_length_and_closes_without_a_body() {
    let registry = TestRegistry::start();
    let location = registry.begin_upload("a").await;
    let pieces = ["some ", "", "pieces", " of one layer"];
    let sent = registry.patch(&location).streamed(pieces).send().await;
    let sent = sent.expect(202);
    assert_eq!(sent.header("range"), Some("0-23"));
    let digest = sha256(&pieces.concat());
    let done = registry.put(&closing(&sent.location(), &digest)).send();
    done.await.expect(201);
    let pulled = registry.pull_blob("a", &digest).await.expect(200);
    assert_eq!(pulled.text(), pieces.concat());
}

#[tokio::test]
async fn a_blob_is_pushed_whole_with_put_or_in_a_single_post() {
    let registry = TestRegistry::start();
    for (content, streamed) in [
        ("whole", false),
        ("streamed", true),
        ("", false),
        ("", true),
    ] {
        let give = |method: &str, path: &str| {
            let ask = registry.ask(method, path);
            if streamed {
                ask.streamed([content])
            } else {
                ask.body(content)
            }
        };
        let digest = sha256(content);
        let path = closing(&registry.begin_upload("put").await, &digest);
        let put = give("PUT", &path).send();
        let put = put.await.expect(201);

        let path = format!("/v2/post/blobs/uploads/?digest={digest}");
        let post = give("POST", &path).send();
        let post = post.await.expect(201);
        assert_eq!(post.digest(), digest.as_str());
        assert_eq!(post.header("content-length"), Some("0"));
        for (name, answer) in [("put", put), ("post", post)] {
            assert_eq!(answer.location(), blob(name, &digest));
            let pulled = registry.get(&answer.location()).send().await;
            assert_eq!(pulled.expect(200).text(), content, "{name}");
        }
    }
    assert_eq!(registry.upload_files().await, [""; 0]);
}

#[tokio::test]
async fn an_upload_tells_how_far_it_is() {
    let registry = TestRegistry::start();
    let begun = registry.begin_upload("a").await;
    let id = bare(&begun).rsplit('/').next().unwrap().to_owned();
    let later = registry.patch(&begun).body("12345").send().await;
    let later = later.expect(202).location();
    for path in [
        &later,
        &begun,
        bare(&begun),
        &format!("{begun}&digest={}", sha256("x")),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = registry.ask(method, path).send().await;
            let location = answer.header("location").unwrap().to_owned();
            let expected = [
                "204".to_owned(),
                format!("docker-upload-uuid: {id}"),
                format!("location: {location}"),
                "range: 0-4".to_owned(),
            ];
            assert_eq!(answer.head(), expected, "{method} {path}");
        }
    }
    let status = registry.get(bare(&begun)).send().await.location();
    let path = closing(&status, &sha256("1234567"));
    registry.put(&path).body("67").send().await.expect(201);
}

#[tokio::test]
async fn an_upload_without_bytes_looks_like_one_with_a_single_byte() {
    let registry = TestRegistry::start();
    let begun = registry.begin_upload("a").await;
    let status = registry.get(&begun).send().await.expect(204);
    assert_eq!(status.header("range"), Some("0-0"));
    let sent = registry.patch(&begun).body("1").send().await.expect(202);
    assert_eq!(sent.header("range"), Some("0-0"));
}

#[tokio::test]
async fn a_cancelled_upload_is_gone() {
    let registry = TestRegistry::start();
    let location = registry.upload("a", "bytes").await;
    let id = bare(&location).rsplit('/').next().unwrap().to_owned();
    let cancelled = registry.delete(&location).send().await;
    let expected = ["204".to_owned(), format!("docker-upload-uuid: {id}")];
    assert_eq!(cancelled.head(), expected);
    assert_eq!(registry.upload_files().await, [""; 0]);
    for method in ["GET", "PATCH", "PUT", "DELETE"] {
        let path = closing(&location, &sha256("bytes"));
        let answer = registry.ask(method, &path).send().await;
        let answer = answer.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        assert_eq!(answer.detail(), "blob upload unknown", "{method}");
    }
}

#[tokio::test]
async fn a_finished_upload_is_gone_too() {
    let registry = TestRegistry::start();
    let location = closing(&registry.begin_upload("a").await, &sha256("x"));
    registry.put(&location).body("x").send().await.expect(201);
    for method in ["GET", "PATCH", "PUT", "DELETE"] {
        let answer = registry.ask(method, &location).body("x").send().await;
        answer.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    }
}

#[tokio::test]
async fn an_upload_belongs_to_its_repository() {
    let registry = TestRegistry::start();
    let location = registry.begin_upload("a").await;
    let elsewhere = bare(&location).replace("/v2/a/", "/v2/b/");
    for method in ["GET", "PATCH", "DELETE"] {
        let answer = registry.ask(method, &elsewhere).send().await;
        answer.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    }
    registry.get(&location).send().await.expect(204);
}

#[tokio::test]
async fn any_content_type_will_do_for_a_chunk() {
    let registry = TestRegistry::start();
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "nonsense",
    ] {
        let location = registry.begin_upload("a").await;
        let ask = registry.patch(&location).body("x");
        let answer = ask.header("content-type", content_type).send().await;
        answer.expect(202);
    }
}

#[tokio::test]
async fn a_blob_is_pushed_by_any_algorithm_and_in_any_way() {
    let registry = TestRegistry::start();
    for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
        let content = format!("content {algorithm}");
        let digest = Digest::of(algorithm, content.as_bytes());

        let chunked = registry.begin_upload("chunked").await;
        let (first, last) = content.as_bytes().split_at(4);
        let sent = registry.patch(&chunked).body(first.to_vec()).send().await;
        let path = closing(&sent.expect(202).location(), &digest);
        let chunked = registry.put(&path).body(last.to_vec()).send().await;

        let path = format!("/v2/single/blobs/uploads/?digest={digest}");
        let single = registry.post(&path).body(content.clone()).send().await;
        let path = format!("/v2/mounted/blobs/uploads/?from=single&mount={digest}");
        let mounted = registry.post(&path).send().await;
        for (name, answer) in [
            ("chunked", chunked),
            ("single", single),
            ("mounted", mounted),
        ] {
            let answer = answer.expect(201);
            assert_eq!(answer.digest(), digest.as_str(), "{name}");
            assert_eq!(answer.location(), blob(name, &digest));
            let pulled = registry.pull_blob(name, &digest).await.expect(200);
            assert_eq!(pulled.text(), content, "{name}");
        }
    }
}

#[tokio::test]
async fn two_pushes_of_one_blob_at_once_both_succeed() {
    let registry = TestRegistry::start();
    let digest = sha256("the same");
    let first = registry.upload("a", "the same").await;
    let second = registry.upload("a", "the same").await;
    for location in [first, second] {
        let path = closing(&location, &digest);
        registry.put(&path).send().await.expect(201);
    }
    let pulled = registry.pull_blob("a", &digest).await.expect(200);
    assert_eq!(pulled.body, Bytes::from("the same"));
}

#[tokio::test]
async fn parameters_of_a_query_may_be_encoded() {
    let registry = TestRegistry::start();
    let digest = sha256("x").to_string().replace(':', "%3A");
    let location = registry.begin_upload("a").await;
    let path = format!("{location}&digest={digest}&other=%zz&=&&flag");
    registry.put(&path).body("x").send().await.expect(201);
    let path = format!("/v2/a/blobs/uploads/?unknown=1&digest={digest}");
    registry.post(&path).body("x").send().await.expect(201);
}
