//! OCI-3: pulling manifests and blobs.

use wharf_conformance::content::{IMAGE, INDEX, noise};
use wharf_conformance::digest::Algorithm;
use wharf_conformance::manifest::Manifest;
use wharf_conformance::request::Request;
use wharf_conformance::server::Server;

/// OCI-3.1, OCI-3.2, OCI-3.3, OCI-3.12
#[test]
fn a_manifest_comes_back_as_it_was_pushed() {
    let server = Server::start();
    let repository = server.repository("conformance/pull");
    for algorithm in Algorithm::ALL {
        let image = Manifest::image_by(algorithm, 1);
        let digest = image.digest();
        repository.push_whole(&image);
        let by_digest = repository.manifest(&digest).expect(200);
        by_digest.naming(&digest).with_body(&image.bytes);
        repository.push("latest", &image);
        let by_tag = repository
            .manifest("latest")
            .expect(200)
            .with_body(&image.bytes);
        by_tag.naming(&Algorithm::Sha256.of(&image.bytes));
    }
}

/// OCI-3.2, OCI-3.3, OCI-3.8, OCI-3.12
#[test]
fn a_blob_comes_back_as_it_was_pushed() {
    let server = Server::start();
    let repository = server.repository("conformance/pull");
    for algorithm in Algorithm::ALL {
        for content in [
            noise(1, 100_000),
            b"a text that would be worth compressing ".repeat(100),
            Vec::new(),
        ] {
            let digest = repository.push_blob(algorithm, &content);
            repository
                .blob(&digest)
                .expect(200)
                .naming(&digest)
                .with_body(&content);
        }
    }
}

/// OCI-3.4
#[test]
fn the_type_of_a_manifest_is_the_one_it_was_pushed_with() {
    let server = Server::start();
    let repository = server.repository("conformance/content-type");
    let image = Manifest::image(1);
    let untyped = Manifest::image(2).without("mediaType");
    let index = Manifest::index(Algorithm::Sha256, &[&image]);
    for manifest in [&image, &untyped, &index] {
        repository.push_whole(manifest);
        let digest = manifest.digest();
        repository
            .manifest(&digest)
            .expect(200)
            .with("Content-Type", &manifest.media_type);
        repository
            .manifest_head(&digest)
            .expect(200)
            .with("Content-Type", &manifest.media_type);
    }
}

/// OCI-3.5
#[test]
fn content_belongs_to_the_repository_it_was_pushed_to() {
    let server = Server::start();
    let (here, elsewhere) = (server.repository("here"), server.repository("elsewhere"));
    let image = Manifest::image(1);
    here.push_whole(&image);
    here.push("latest", &image);
    elsewhere.push_whole(&Manifest::image(2));
    let layer = Algorithm::Sha256.of(&image.blobs[1]);
    for repository in [elsewhere, server.repository("nowhere")] {
        repository.blob(&layer).expect(404);
        repository.head(&format!("blobs/{layer}")).expect(404);
        for reference in ["latest", &image.digest()] {
            repository.manifest(reference).expect(404);
            repository.manifest_head(reference).expect(404);
        }
    }
    elsewhere.blob(&layer).refused(404, "BLOB_UNKNOWN");
    elsewhere
        .manifest("latest")
        .refused(404, "MANIFEST_UNKNOWN");
    elsewhere
        .manifest(&image.digest())
        .refused(404, "MANIFEST_UNKNOWN");
}

/// OCI-3.6, OCI-3.7
#[test]
fn every_accept_line_is_read_and_none_is_needed() {
    let server = Server::start();
    let repository = server.repository("conformance/accept");
    let image = Manifest::image(1);
    let index = Manifest::index(Algorithm::Sha256, &[&image]);
    repository.push_whole(&image);
    repository.push_whole(&index);
    for manifest in [&image, &index] {
        repository.push("latest", manifest);
        let both = format!("{INDEX}, {IMAGE}");
        let sets: [&[&str]; 5] = [&[], &["*/*"], &[INDEX, IMAGE], &[IMAGE, INDEX], &[&both]];
        for lines in sets {
            for reference in ["latest", &manifest.digest()] {
                let request = Request::get(repository.path(&format!("manifests/{reference}")));
                let request = lines
                    .iter()
                    .fold(request, |request, line| request.header("Accept", *line));
                let found = repository.send(request).expect(200);
                found
                    .with("Content-Type", &manifest.media_type)
                    .with_body(&manifest.bytes);
            }
        }
    }
}

/// OCI-3.9, OCI-3.10
#[test]
fn a_head_says_what_a_get_would_and_sends_nothing() {
    let server = Server::start();
    let repository = server.repository("conformance/head");
    for algorithm in Algorithm::ALL {
        for content in [noise(1, 4321), Vec::new()] {
            let digest = repository.push_blob(algorithm, &content);
            let head = repository
                .head(&format!("blobs/{digest}"))
                .expect(200)
                .naming(&digest);
            assert_eq!(head.required("Content-Length"), content.len().to_string());
        }
        let image = Manifest::image_by(algorithm, 1);
        repository.push_whole(&image);
        let head = repository.manifest_head(&image.digest()).expect(200);
        let head = head.naming(&image.digest()).with("Content-Type", IMAGE);
        assert_eq!(
            head.required("Content-Length"),
            image.bytes.len().to_string()
        );
    }
}

/// OCI-3.11
#[test]
fn a_head_of_what_is_not_there_is_404() {
    let server = Server::start();
    let repository = server.repository("conformance/head");
    for pushed in [false, true] {
        for algorithm in Algorithm::ALL {
            let unknown = algorithm.unknown();
            repository.head(&format!("blobs/{unknown}")).expect(404);
            repository.manifest_head(&unknown).expect(404);
        }
        repository.manifest_head("latest").expect(404);
        if !pushed {
            repository.push_whole(&Manifest::image(1));
        }
    }
}

/// OCI-3.13
#[test]
fn a_range_of_a_blob_is_what_comes_back() {
    let server = Server::start();
    let repository = server.repository("conformance/ranges");
    let content = noise(1, 2048);
    for algorithm in Algorithm::ALL {
        let digest = repository.push_blob(algorithm, &content);
        let target = repository.path(&format!("blobs/{digest}"));
        let get = |range: &str| {
            repository.send(Request::get(&target).header("Range", format!("bytes={range}")))
        };
        for (range, first, last) in [
            ("0-0", 0, 0),
            ("0-2047", 0, 2047),
            ("500-1499", 500, 1499),
            ("500-", 500, 2047),
            ("-500", 1548, 2047),
            ("-5000", 0, 2047),
            ("2000-5000", 2000, 2047),
        ] {
            let part = get(range).expect(206).with_body(&content[first..=last]);
            assert_eq!(
                part.required("Content-Range"),
                format!("bytes {first}-{last}/2048"),
                "{range}"
            );
        }
        for range in ["2048-", "5000-10000", "-0"] {
            let refused = get(range).expect(416);
            assert_eq!(refused.required("Content-Range"), "bytes */2048", "{range}");
        }
        get("500-0").expect_one_of(&[200, 416]);
    }
}

/// OCI-3.14
#[test]
fn ranges_follow_http_where_the_text_is_silent() {
    let server = Server::start();
    let repository = server.repository("conformance/ranges");
    let content = noise(1, 2048);
    let digest = repository.push_blob(Algorithm::Sha256, &content);
    let target = repository.path(&format!("blobs/{digest}"));
    let get = |headers: &[(&str, &str)]| {
        let request = Request::get(&target);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(name, *value)
        });
        repository.send(request)
    };
    get(&[("Range", "bytes=0-1,5-6")])
        .expect(200)
        .with_body(&content);
    get(&[("Range", "lines=0-1")])
        .expect(200)
        .with_body(&content);
    get(&[("Range", "bytes=0-9"), ("If-Range", "\"another\"")])
        .expect(200)
        .with_body(&content);
    let same = format!("\"{digest}\"");
    let part = get(&[("Range", "bytes=0-9"), ("If-Range", &same)]);
    part.expect(206).with_body(&content[..10]);

    let image = Manifest::image(1);
    repository.push_whole(&image);
    let target = repository.path(&format!("manifests/{}", image.digest()));
    let request = Request::get(target).header("Range", "bytes=0-9");
    repository.send(request).expect(200).with_body(&image.bytes);
}

/// OCI-3.15
#[test]
fn a_reference_that_cannot_be_one_names_nothing() {
    let server = Server::start();
    let repository = server.repository("conformance/malformed");
    repository.push_whole(&Manifest::image(1));
    for target in [
        "manifests/sha256:baddigeststring",
        "blobs/sha256:baddigeststring",
    ] {
        repository.get(target).expect_one_of(&[400, 404]);
        repository.head(target).expect_one_of(&[400, 404]);
    }
    repository
        .manifest(".INVALID_MANIFEST_NAME")
        .refused(404, "MANIFEST_UNKNOWN");
    repository
        .manifest_head(".INVALID_MANIFEST_NAME")
        .expect(404);
}

/// OCI-3.16
#[test]
fn a_push_may_depend_on_what_is_there() {
    let server = Server::start();
    let repository = server.repository("conformance/conditions");
    let manifests = [1, 2, 3]
        .map(|seed| Manifest::index(Algorithm::Sha256, &[]).annotated(&[("n", &seed.to_string())]));
    let put = |manifest: &Manifest, condition: &str, value: &str| {
        let request =
            Request::put(repository.path("manifests/latest")).header("Content-Type", INDEX);
        repository.send(request.header(condition, value).chunked(&manifest.bytes))
    };
    let tag = |manifest: &Manifest| format!("\"{}\"", manifest.digest());
    let [first, second, third] = &manifests;
    put(first, "If-Match", &tag(first)).expect(412);
    put(first, "If-None-Match", "*").expect(201);
    put(second, "If-None-Match", "*").expect(412);
    let found = repository
        .manifest("latest")
        .expect(200)
        .with_body(&first.bytes);
    assert_eq!(found.required("ETag"), tag(first));
    put(second, "If-Match", &tag(first)).expect(201);
    put(third, "If-Match", &tag(first)).expect(412);
    repository
        .manifest("latest")
        .expect(200)
        .with_body(&second.bytes);
    let request = Request::delete(repository.path("manifests/latest"));
    repository
        .send(request.clone().header("If-Match", tag(first)))
        .expect(412);
    repository
        .send(request.header("If-Match", tag(second)))
        .expect(202);
}
