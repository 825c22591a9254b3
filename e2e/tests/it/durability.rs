//! What an answer promises is on the disk when it leaves: the server is watched by `strace`.

use wharf_e2e::client::Client;
use wharf_e2e::config::Config;
use wharf_e2e::digest;
use wharf_e2e::layout::{Image, MANIFEST};
use wharf_e2e::need;
use wharf_e2e::program::Program;
use wharf_e2e::registry::{Place, Registry};
use wharf_e2e::trace::{Answered, Trace};

/// Everything that a store is changed by, in an order that lets folders be made and be there already.
fn push_overwrite_and_delete(registry: &Registry) {
    let mut client = Client::connect(registry.port());
    let (first, second) = (Image::of("amd64", &[b"one"]), Image::of("arm64", &[b"two"]));
    client.push_image("a/b", "v1", &first);
    client.push_image("a/b", "v1", &second);
    let mount = format!("/v2/c/blobs/uploads/?mount={}&from=a/b", first.parts()[0]);
    let _ = client.request("POST", &mount, "", b"").expect(201);
    let mut delete = |reference: &str| {
        let path = format!("/v2/a/b/manifests/{reference}");
        let _ = client.request("DELETE", &path, "", b"").expect(202);
    };
    delete("v1");
    delete(&first.digest());
    delete(&second.digest());
}

fn statuses(answers: &[Answered]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

/// An image of a config and a layer: each begun, sent and finished; then its manifest.
const PUSH: [u16; 7] = [202, 202, 201, 202, 202, 201, 201];

fn expected_statuses() -> Vec<u16> {
    [&PUSH[..], &PUSH, &[201, 202, 202, 202]].concat()
}

#[test]
fn everything_acknowledged_is_synced_before_the_answer() {
    let registry = Registry::start(Config::new());
    let trace = need!(Trace::begin(&registry));
    push_overwrite_and_delete(&registry);
    let answers = trace.end();
    assert_eq!(statuses(&answers), expected_statuses());
    for (index, answer) in answers.iter().enumerate() {
        // An upload promises its bytes, and not yet the folders of its repository.
        let is_upload = index < 2 * PUSH.len() && answer.status == 202;
        let promised = |path: &&String| !is_upload || path.ends_with("/data");
        let broken: Vec<&String> = answer.unsynced.iter().filter(promised).collect();
        assert!(broken.is_empty(), "answer {index}: {broken:#?}");
    }
    // docs/durability.md tells these: what it costs once the folders of a repository are there.
    let syncs: Vec<usize> = answers.iter().map(|answer| answer.syncs).collect();
    let (blob, manifest, mount, deletion) = ([0, 1, 7], 12, 6, 1);
    let expected = [&blob[..], &blob, &[manifest, mount], &[deletion; 3]].concat();
    assert_eq!(syncs[PUSH.len()..], expected);
    let system_syncs: usize = answers.iter().map(|answer| answer.system_syncs).sum();
    assert_eq!(
        system_syncs, 1,
        "what an earlier process left: {answers:#?}"
    );
    assert_eq!(answers[2].system_syncs, 1, "with the first blob");
}

#[test]
fn without_durability_nothing_is_synced() {
    let config = Config::new().env("REGISTRY_STORAGE_FILESYSTEM_DURABILITY", "none");
    let registry = Registry::start(config);
    let trace = need!(Trace::begin(&registry));
    push_overwrite_and_delete(&registry);
    let answers = trace.end();
    assert_eq!(statuses(&answers), expected_statuses());
    assert!(
        answers.iter().all(|a| a.syncs + a.system_syncs == 0),
        "{answers:#?}"
    );
    assert!(
        !answers[6].unsynced.is_empty(),
        "the trace sees what is not synced"
    );
}

#[test]
fn bytes_that_cannot_be_synced_are_neither_acknowledged_nor_kept() {
    let registry = Registry::start(Config::new());
    let mut client = Client::connect(registry.port());
    let image = Image::of("amd64", &[b"layer"]);
    let upload = client.start_upload("a/b");
    let upload = client.append(&upload, b"lay");
    let id = upload
        .path()
        .split('?')
        .next()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap();
    let data = registry.stored(&format!("repositories/a/b/_uploads/{id}/data"));
    let trace = need!(Trace::failing(&registry, "fdatasync", &data));
    let octets = "Content-Type: application/octet-stream\r\n";
    let failed = client.request("PATCH", upload.path(), octets, b"er");
    assert_eq!(failed.status, 500, "{failed:?}");
    drop(trace.end());
    // The bytes could still be read, and the next sync would succeed.
    let status = client.request("GET", upload.path(), "", b"");
    assert_eq!(status.status, 404, "{status:?}");
    client.push_image("a/b", "v1", &image);
}

#[test]
fn a_folder_that_cannot_be_synced_is_made_up_for_by_the_next_change() {
    let registry = Registry::start(Config::new());
    let mut client = Client::connect(registry.port());
    client.push_blob("a/b", b"first");
    let upload = client.start_upload("a/b");
    let upload = client.append(&upload, b"second");
    let digest = digest::of(b"second");
    let folder = registry.blob(&digest);
    let folder = folder.parent().unwrap();
    let trace = need!(Trace::failing(&registry, "fsync", folder));
    let failed = client.finish_upload(&upload, &digest);
    assert_eq!(failed.status, 500, "{failed:?}");
    drop(trace.end());
    // It can be seen, so somebody may build upon it.
    assert!(registry.blob(&digest).exists());
    let trace = need!(Trace::begin(&registry));
    client.push_blob("other", b"third");
    let answers = trace.end();
    let system_syncs: Vec<usize> = answers.iter().map(|a| a.system_syncs).collect();
    assert_eq!(system_syncs, [0, 0, 1], "{answers:#?}");
    client.push_blob("a/b", b"second");
}

/// Pushes an image until the server is gone.
fn try_to_push(client: &mut Client, image: &Image) -> Result<(), std::io::Error> {
    for blob in image.blobs() {
        let begun = client.try_request("POST", "/v2/a/blobs/uploads/", "", b"")?;
        let octets = "Content-Type: application/octet-stream\r\n";
        let put = begun.location().with_digest(&digest::of(blob));
        let _ = client.try_request("PUT", &put, octets, blob)?.expect(201);
    }
    let headers = format!("Content-Type: {MANIFEST}\r\n");
    let put = client.try_request("PUT", "/v2/a/manifests/new", &headers, &image.manifest)?;
    let _ = put.expect(201);
    client
        .try_request("DELETE", "/v2/a/manifests/new", "", b"")
        .map(drop)
}

#[test]
fn a_kill_at_any_kind_of_call_loses_nothing() {
    let (old, new) = (Image::of("amd64", &[b"one"]), Image::of("arm64", &[b"two"]));
    let mut place = Place::new(Config::new());
    for call in ["mkdir", "write", "fdatasync", "rename", "fsync", "unlinkat"] {
        let registry = place.start(&Program::wharf());
        Client::connect(registry.port()).push_image("a", "old", &old);
        let trace = need!(Trace::killing(&registry, call));
        let pushed = try_to_push(&mut Client::connect(registry.port()), &new);
        assert!(pushed.is_err(), "{call} is never called");
        trace.ended();
        let registry = registry.kill().start(&Program::wharf());
        let mut client = Client::connect(registry.port());
        for part in old.parts() {
            assert_eq!(client.pull_blob("a", &part).1, part, "{call}");
        }
        client.push_image("a", "new", &new);
        for image in [&old, &new] {
            let by_digest = format!("/v2/a/manifests/{}", image.digest());
            let accept = format!("Accept: {MANIFEST}\r\n");
            let pulled = client.request("GET", &by_digest, &accept, b"").expect(200);
            assert_eq!(pulled.body, image.manifest, "{call}");
        }
        place = registry.stop();
    }
}
