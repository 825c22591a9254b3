//! Distribution and this registry take turns on one folder: each serves, continues and collects what the other wrote.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use wharf_e2e::client::Client;
use wharf_e2e::config::Config;
use wharf_e2e::docker::Docker;
use wharf_e2e::layout::{self, INDEX, Image, MANIFEST, SCHEMA_2};
use wharf_e2e::program::Program;
use wharf_e2e::registry::{Place, Registry};
use wharf_e2e::{digest, image, need};

use crate::user::pushed_digest;

#[test]
fn what_distribution_wrote_is_served_the_same() {
    let distribution = need!(Program::distribution());
    let wharf = Program::wharf();
    one_writes_and_the_other_serves(&distribution, &wharf);
}

#[test]
fn distribution_serves_the_same_what_was_written_here() {
    let distribution = need!(Program::distribution());
    let wharf = Program::wharf();
    one_writes_and_the_other_serves(&wharf, &distribution);
}

#[test]
fn an_upload_that_distribution_began_is_finished_here() {
    let distribution = need!(Program::distribution());
    one_begins_and_the_other_finishes(&distribution, &Program::wharf());
}

#[test]
fn distribution_finishes_an_upload_that_began_here() {
    let distribution = need!(Program::distribution());
    one_begins_and_the_other_finishes(&Program::wharf(), &distribution);
}

#[test]
fn distribution_collects_what_was_deleted_here() {
    let distribution = need!(Program::distribution());
    one_deletes_and_the_other_collects(&Program::wharf(), &distribution);
}

#[test]
fn what_was_deleted_in_distribution_is_collected_here() {
    let distribution = need!(Program::distribution());
    one_deletes_and_the_other_collects(&distribution, &Program::wharf());
}

#[test]
fn docker_sees_no_difference_while_the_servers_take_turns() {
    let distribution = need!(Program::distribution());
    let wharf = Program::wharf();
    let docker = need!(Docker::new());
    let busybox = need!(image::busybox());

    // Distribution takes the first image.
    let registry = Place::new(Config::new()).start(&distribution);
    let first = registry.image("greet:1");
    let greeting = image::build(&docker, &busybox, &first);
    let first_digest = pushed_digest(&docker.run(["push", &first]).ok());

    // This registry serves it, and takes a second one over the same layers, a second tag, and another that is deleted again.
    let registry = registry.stop().start(&wharf);
    pull_and_run(&docker, &first, &greeting);
    let path = format!("/v2/greet/manifests/{first_digest}");
    let answer = registry.curl(&path).accept(&[SCHEMA_2]).send();
    assert_eq!(digest::of(&answer.expect(200).body), first_digest);
    let second = registry.image("greet:2");
    extend(&docker, &first, &second, "second");
    let said = docker.run(["push", &second]).ok();
    assert_eq!(said.matches(": Layer already exists").count(), 2, "{said}");
    let latest = registry.image("greet:latest");
    docker.run(["tag", &second, &latest]).ok();
    docker.run(["push", &latest]).ok();
    let third = registry.image("greet:3");
    extend(&docker, &first, &third, "third");
    let third_digest = pushed_digest(&docker.run(["push", &third]).ok());
    let path = format!("/v2/greet/manifests/{third_digest}");
    let _ = registry.curl(&path).method("DELETE").send().expect(202);
    assert_eq!(tags(&registry), json!(["1", "2", "latest"]));

    // Distribution serves both and collects the third.
    let registry = registry.stop().start(&distribution);
    assert_eq!(tags(&registry), json!(["1", "2", "latest"]));
    pull_and_run(&docker, &first, &greeting);
    pull_and_run(&docker, &latest, "second");
    assert!(registry.blob(&third_digest).exists());
    let place = registry.stop();
    let collected = place.collect(&distribution, &[]);
    assert!(collected.succeeded(), "{collected}");
    assert!(!place.blob(&third_digest).exists(), "{collected}");

    // This registry serves what is left, and collects with nothing to do.
    let registry = place.start(&wharf);
    pull_and_run(&docker, &second, "second");
    let place = registry.stop();
    let collected = place.collect(&wharf, &["-m"]);
    assert!(collected.succeeded(), "{collected}");

    let registry = place.start(&distribution);
    pull_and_run(&docker, &first, &greeting);
    pull_and_run(&docker, &latest, "second");
    assert_eq!(tags(&registry), json!(["1", "2", "latest"]));
}

fn one_writes_and_the_other_serves(one: &Program, other: &Program) {
    let registry = Place::new(Config::new()).start(one);
    let paths = write_all_kinds(&registry);
    let written = look(&registry, &paths);
    let place = registry.stop();
    let verified = place.verify(&Program::wharf());
    assert_eq!(verified.code(), Some(0), "{verified}");
    let nothing = "0 problems, 0 warnings, 0 notes, 0 repaired";
    assert!(verified.text().contains(nothing), "{verified}");

    let registry = place.start(other);
    let served = look(&registry, &paths);

    for (path, answer) in &written {
        assert_eq!(served.get(path), Some(answer), "{path}");
    }
    // And back: serving alone changes nothing.
    let registry = registry.stop().start(one);
    assert_eq!(look(&registry, &paths), written);
}

fn one_begins_and_the_other_finishes(one: &Program, other: &Program) {
    let parts = [&[1; 100_000][..], &[2; 70_001], &[3; 5]];
    let whole = parts.concat();
    let digest = digest::of(&whole);
    let registry = Place::new(Config::new()).start(one);
    let mut client = Client::connect(registry.port());
    let upload = client.start_upload("half/way");
    let upload = client.append(&upload, parts[0]);

    let registry = registry.stop().start(other);
    let mut client = Client::connect(registry.port());
    let (offset, upload) = client.offset(&upload);
    assert_eq!(offset, "0-99999");
    let upload = client.append(&upload, parts[1]);

    let registry = registry.stop().start(one);
    let mut client = Client::connect(registry.port());
    let upload = client.append(&upload, parts[2]);

    let registry = registry.stop().start(other);
    let mut client = Client::connect(registry.port());
    let finished = client.finish_upload(&upload, &digest).expect(201);
    assert_eq!(finished.header("Docker-Content-Digest"), Some(&*digest));
    let pulled = client.pull_blob("half/way", &digest);
    assert_eq!(pulled, (170_006, digest));
}

fn one_deletes_and_the_other_collects(one: &Program, other: &Program) {
    let registry = Place::new(Config::new()).start(one);
    let kept = Image::of("amd64", &[b"common", b"kept"]);
    let lost = Image::of("amd64", &[b"common", b"lost"]);
    let mut client = Client::connect(registry.port());
    for (tag, image) in [("1", &kept), ("2", &lost)] {
        client.push_image("shop/cart", tag, image);
    }
    let path = format!("/v2/shop/cart/manifests/{}", lost.digest());
    let _ = client.request("DELETE", &path, "", b"").expect(202);
    let place = registry.stop();

    let collected = place.collect(other, &["-m"]);

    assert_eq!(collected.code(), Some(0), "{collected}");
    for digest in kept.parts().iter().chain([&kept.digest()]) {
        assert!(place.blob(digest).exists(), "{digest}: {collected}");
    }
    for digest in [&lost.digest(), &lost.parts()[0], &lost.parts()[2]] {
        assert!(!place.blob(digest).exists(), "{digest}: {collected}");
    }
    let verified = place.verify(&Program::wharf());
    assert_eq!(verified.code(), Some(0), "{verified}");
    // The one that deleted goes on, and what was collected can be pushed again.
    let registry = place.start(one);
    let mut client = Client::connect(registry.port());
    for digest in kept.parts() {
        assert_eq!(client.pull_blob("shop/cart", &digest).1, digest);
    }
    client.push_image("shop/cart", "2", &lost);
    let registry = registry.stop().start(other);
    let mut client = Client::connect(registry.port());
    for digest in lost.parts() {
        assert_eq!(client.pull_blob("shop/cart", &digest).1, digest);
    }
}

/// Pushes something of every kind; returns where it can be read.
fn write_all_kinds(registry: &Registry) -> Vec<String> {
    let mut client = Client::connect(registry.port());
    let images =
        ["amd64", "arm64"].map(|name| Image::of(name, &[b"shared by both", name.as_bytes(), b""]));
    let mut paths = vec!["/v2/_catalog".to_owned()];
    for repository in ["a", "a/b", "a-b", "team/app"] {
        paths.push(format!("/v2/{repository}/tags/list"));
        for image in &images {
            client.push_image(repository, &image.digest(), image);
            paths.extend(
                image
                    .parts()
                    .iter()
                    .map(|digest| format!("/v2/{repository}/blobs/{digest}")),
            );
            paths.push(format!("/v2/{repository}/manifests/{}", image.digest()));
        }
        let index = layout::index(&images.each_ref());
        let digest = client.push_manifest(repository, "1.0", INDEX, &index);
        client.push_manifest(repository, "overwritten", INDEX, &index);
        client.push_manifest(repository, "overwritten", MANIFEST, &images[1].manifest);
        for reference in ["1.0", "overwritten", &digest] {
            paths.push(format!("/v2/{repository}/manifests/{reference}"));
        }
    }
    // A part that another repository has already, taken over without its bytes.
    let layer = digest::of(images[0].layers[0].as_slice());
    let path = format!("/v2/mounted/here/blobs/uploads/?mount={layer}&from=team/app");
    let _ = client.request("POST", &path, "", b"").expect(201);
    client.push_image("mounted/here", "1", &images[0]);
    paths.push(format!("/v2/mounted/here/blobs/{layer}"));
    paths.push("/v2/mounted/here/manifests/1".to_owned());
    // And what is not there.
    paths.push("/v2/a/manifests/2.0".to_owned());
    paths.push(format!("/v2/a/blobs/{}", digest::of(b"never pushed")));
    paths
}

/// Everything about each path that a client may rely on.
fn look(registry: &Registry, paths: &[String]) -> BTreeMap<String, Seen> {
    let see = |path: &String| {
        let answer = registry.curl(path).accept(&[MANIFEST, INDEX, SCHEMA_2]);
        let answer = answer.send();
        let body = match answer.status {
            200 if path.ends_with("/list") => in_any_order(answer.json()).to_string().into(),
            200 => answer.body.clone(),
            _ => answer.code().into(),
        };
        let names = ["Docker-Content-Digest", "Etag", "Accept-Ranges"];
        let seen = Seen {
            status: answer.status,
            headers: names.map(|name| answer.header(name).map(str::to_owned)),
            // Apart from the character set, which only JSON of the server's own may name.
            media_type: answer
                .header("Content-Type")
                .and_then(|value| value.split(';').next())
                .map(str::to_owned),
            body,
        };
        (path.clone(), seen)
    };
    paths.iter().map(see).collect()
}

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    headers: [Option<String>; 3],
    media_type: Option<String>,
    body: Vec<u8>,
}

fn tags(registry: &Registry) -> Value {
    let answer = registry.curl("/v2/greet/tags/list").send().expect(200);
    in_any_order(answer.json())["tags"].clone()
}

/// Distribution 2.8 lists tags in the order of the folder.
fn in_any_order(mut list: Value) -> Value {
    if let Some(tags) = list["tags"].as_array_mut() {
        tags.sort_by_key(Value::to_string);
    }
    list
}

fn pull_and_run(docker: &Docker, name: &str, greeting: &str) {
    docker.run(["rmi", "--force", name]).ok();
    docker.run(["pull", name]).ok();
    let said = docker.run(["run", "--rm", "--network", "none", name]).ok();
    assert_eq!(said, greeting, "{name}");
}

/// Has docker build an image on top of another.
fn extend(docker: &Docker, base: &str, name: &str, greeting: &str) {
    let context = tempfile::tempdir().unwrap();
    let dockerfile = format!("FROM {base}\nCOPY greeting /etc/greeting\n");
    std::fs::write(context.path().join("Dockerfile"), dockerfile).unwrap();
    std::fs::write(context.path().join("greeting"), greeting).unwrap();
    docker
        .run(["build", "--tag", name])
        .arg(context.path())
        .ok();
}
