//! Many clients at once on the same blob, the same tag, the same upload.

use std::fs;
use std::sync::Barrier;
use std::thread;

use wharf_oci::Digest;

use crate::image::{Image, noise};
use crate::request::Request;
use crate::test_registry::TestRegistry;

#[test]
fn one_blob_pushed_many_times_at_once_is_stored_once() {
    let server = TestRegistry::new().start();
    let client = server.client();
    let content = noise(1, 1_000_000);
    let digest = Digest::sha256(&content);
    let together = Barrier::new(16);
    thread::scope(|scope| {
        for pusher in 0..16 {
            let (client, content, digest, together) = (&client, &content, &digest, &together);
            scope.spawn(move || {
                let mut connection = client.connect();
                for push in 0..4 {
                    let name = format!("team/{}", (pusher + push) % 3);
                    let begin = Request::post(format!("/v2/{name}/blobs/uploads/"));
                    let location = connection.send(&begin).expect(202).location();
                    let half = content.len() / 2;
                    let first = Request::patch(location).chunked(&content[..half]);
                    let location = connection.send(&first).expect(202).location();
                    together.wait();
                    let target = format!("{location}&digest={digest}");
                    let last = Request::put(target).body(&content[half..]);
                    connection.send(&last).expect(201);
                }
            });
        }
    });
    assert_eq!(server.store().blobs().len(), 1);
    assert_eq!(server.store().uploads(), Vec::<String>::new());
    assert!(fs::read(server.store().blob(&digest)).unwrap() == content);
    for name in ["team/0", "team/1", "team/2"] {
        assert!(client.pull_blob(name, &digest).expect(200).body == content);
    }
}

#[test]
fn a_tag_that_many_move_at_once_is_always_one_of_theirs() {
    let server = TestRegistry::new().start();
    let client = server.client();
    let images: Vec<Image> = (0..8).map(|seed| Image::new(100 * seed)).collect();
    for image in &images {
        for blob in &image.blobs {
            client.push_blob("a/b", blob);
        }
    }
    client
        .push_manifest("a/b", "latest", &images[0].manifest)
        .expect(201);
    let known: Vec<String> = images
        .iter()
        .map(|image| image.digest().to_string())
        .collect();
    thread::scope(|scope| {
        for image in &images {
            let client = &client;
            scope.spawn(move || {
                for _ in 0..6 {
                    client
                        .push_manifest("a/b", "latest", &image.manifest)
                        .expect(201);
                }
            });
        }
        let (client, images, known) = (&client, &images, &known);
        scope.spawn(move || {
            for _ in 0..40 {
                let pulled = client.pull_manifest("a/b", "latest").expect(200);
                let digest = pulled.header("docker-content-digest").unwrap();
                let index = known.iter().position(|known| known == digest).unwrap();
                assert_eq!(pulled.body, images[index].manifest);
                assert_eq!(client.tags("a/b"), ["latest"]);
            }
        });
    });
    for image in &images {
        client.expect_image("a/b", image.digest().as_str(), image);
    }
    let link = fs::read_to_string(server.store().tag("a/b", "latest")).unwrap();
    assert!(known.contains(&link), "{link}");
    let files = server.store().files();
    assert!(
        !files.iter().any(|file| file.ends_with(".tmp")),
        "{files:?}"
    );
}

#[test]
fn requests_that_write_to_one_upload_never_mix() {
    let server = TestRegistry::new().start();
    let client = server.client();
    for round in 0..5 {
        let mut upload = client.start_upload("a/b");
        let chunks: Vec<Vec<u8>> = (0..4).map(|part| vec![b'a' + part; 400_000]).collect();
        let together = Barrier::new(chunks.len());
        let statuses: Vec<u16> = thread::scope(|scope| {
            let running: Vec<_> = chunks
                .iter()
                .map(|chunk| {
                    let request = Request::patch(&upload.location).body(chunk);
                    let (client, together) = (&client, &together);
                    scope.spawn(move || {
                        together.wait();
                        client.send(request).status
                    })
                })
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let taken: Vec<&Vec<u8>> = chunks
            .iter()
            .zip(&statuses)
            .filter_map(|(chunk, status)| (*status == 202).then_some(chunk))
            .collect();
        assert_eq!(taken.len(), 1, "round {round}: {statuses:?}");
        assert!(
            statuses
                .iter()
                .all(|status| [202, 409, 416].contains(status))
        );
        assert_eq!(upload.offset(), 400_000);
        upload.complete(&Digest::sha256(taken[0])).expect(201);
    }
}
