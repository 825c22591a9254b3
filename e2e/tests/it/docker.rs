//! docker over plain HTTP: build, push, list, look, pull, run.

use serde_json::Value;

use wharf_e2e::config::Config;
use wharf_e2e::layout::SCHEMA_2;
use wharf_e2e::program::Program;
use wharf_e2e::registry::Registry;
use wharf_e2e::run::Run;
use wharf_e2e::{digest, need};

use crate::user::{REPOSITORY, TAG, User};

#[test]
fn what_is_pushed_is_listed() {
    let user = need!(User::new());
    let registry = Registry::start(Config::new());
    assert_eq!(
        registry.curl("/v2/_catalog").send().text(),
        "{\"repositories\":[]}\n"
    );

    let pushed = user.push(&registry);

    assert_eq!(pushed.said.matches(": Pushed").count(), 2, "{pushed:?}");
    let catalog = registry.curl("/v2/_catalog").send().expect(200);
    assert_eq!(catalog.text(), "{\"repositories\":[\"greet\"]}\n");
    let tags = registry.curl("/v2/greet/tags/list").send().expect(200);
    assert_eq!(tags.text(), "{\"name\":\"greet\",\"tags\":[\"0.1\"]}\n");
}

#[test]
fn a_second_tag_uploads_nothing() {
    let user = need!(User::new());
    let registry = Registry::start(Config::new());
    let pushed = user.push(&registry);

    let said = user.push_again(&registry, &pushed, "0.2");

    assert_eq!(said.matches(": Layer already exists").count(), 2, "{said}");
    let tags = registry.curl("/v2/greet/tags/list").send().expect(200);
    assert_eq!(
        tags.text(),
        "{\"name\":\"greet\",\"tags\":[\"0.1\",\"0.2\"]}\n"
    );
}

#[test]
fn the_base_answers_as_scripts_expect() {
    let registry = Registry::start(Config::shipped());
    let base = registry.curl("/v2/").send().expect(200);

    assert_eq!(base.text(), "{}");
    for (name, value) in [
        ("Content-Length", "2"),
        ("Docker-Distribution-Api-Version", "registry/2.0"),
        ("X-Content-Type-Options", "nosniff"),
    ] {
        let expected = (name.to_owned(), value.to_owned());
        assert!(base.headers.contains(&expected), "{name} in {base:?}");
    }
    let content_type = base.header("Content-Type").unwrap();
    assert!(content_type.starts_with("application/json"), "{base:?}");
}

#[test]
fn a_manifest_comes_back_byte_for_byte_whatever_is_accepted() {
    let user = need!(User::new());
    let registry = Registry::start(Config::new());
    let pushed = user.push(&registry);
    for reference in [TAG, &pushed.digest] {
        let path = format!("/v2/{REPOSITORY}/manifests/{reference}");
        for accepted in [&[][..], &[SCHEMA_2], &["*/*"]] {
            let answer = registry.curl(&path).accept(accepted).send();
            let answer = answer.expect(200);
            assert_eq!(digest::of(&answer.body), pushed.digest, "{path}");
            assert_eq!(answer.digest(), pushed.digest, "{path}");
            assert_eq!(answer.header("Content-Type"), Some(SCHEMA_2), "{path}");
            let etag = format!("\"{}\"", pushed.digest);
            assert_eq!(answer.header("Etag"), Some(&*etag), "{path}");

            let head = registry.curl(&path).method("HEAD").accept(accepted);
            let head = head.send().expect(200);
            assert_eq!(head.digest(), pushed.digest, "HEAD {path}");
            let length = answer.body.len().to_string();
            assert_eq!(head.header("Content-Length"), Some(&*length), "HEAD {path}");
        }
    }
}

#[test]
fn scripts_find_the_digest_by_its_title_case_header() {
    let user = need!(User::new());
    let registry = Registry::start(Config::new());
    let pushed = user.push(&registry);
    let url = registry.url(&format!("/v2/{REPOSITORY}/manifests/{TAG}"));
    let accept = format!("-H 'Accept: {SCHEMA_2}'");
    for line in [
        format!("curl -sI {accept} {url} | awk '/^Docker-Content-Digest/ {{print $2}}'"),
        format!("curl -skIX GET {accept} {url} | awk '/^Docker-Content-Digest/ {{print $2}}'"),
        format!(
            "curl {accept} -sI {url} | grep -i docker-content-digest | awk '{{printf \"%s\\n\",$2}}' \
             | sed 's/\\W//g' | sed 's/sha256/sha256:/'"
        ),
    ] {
        assert_eq!(Run::shell(&line).ok().trim(), pushed.digest, "{line}");
    }
}

#[test]
fn every_part_of_an_image_comes_back_by_its_digest() {
    let user = need!(User::new());
    let registry = Registry::start(Config::new());
    let pushed = user.push(&registry);
    let path = format!("/v2/{REPOSITORY}/manifests/{}", pushed.digest);
    let manifest = registry.curl(&path).accept(&[SCHEMA_2]).send().json();
    let layers = manifest["layers"].as_array().unwrap();
    for part in layers.iter().chain([&manifest["config"]]) {
        let expected = part["digest"].as_str().unwrap();
        let path = format!("/v2/{REPOSITORY}/blobs/{expected}");

        let answer = registry.curl(&path).send().expect(200);
        assert_eq!(digest::of(&answer.body), expected);
        assert_eq!(answer.digest(), expected);
        assert_eq!(Value::from(answer.body.len()), part["size"]);

        let range = registry.curl(&path).args(&["--range", "2-41"]).send();
        let range = range.expect(206);
        assert_eq!(range.body, answer.body[2..42]);
        let position = format!("bytes 2-41/{}", answer.body.len());
        assert_eq!(range.header("Content-Range"), Some(&*position));
    }
}

#[test]
fn what_is_pulled_runs() {
    let user = need!(User::new());
    let registry = Registry::start(Config::shipped());
    let pushed = user.push(&registry);
    user.forget(&[&pushed.name]);

    let said = user.docker.run(["pull", &pushed.name]).ok();

    assert!(
        said.contains(&format!("Digest: {}", pushed.digest)),
        "{said}"
    );
    assert_eq!(user.run(&pushed.name), pushed.greeting);
}

#[test]
fn what_is_pulled_by_digest_runs() {
    let user = need!(User::new());
    let registry = Registry::start(Config::new());
    let pushed = user.push(&registry);
    user.forget(&[&pushed.name]);
    let name = registry.image(&format!("{REPOSITORY}@{}", pushed.digest));

    user.docker.run(["pull", &name]).ok();

    assert_eq!(user.run(&name), pushed.greeting);
}

#[test]
fn what_was_pushed_is_there_after_a_restart() {
    let user = need!(User::new());
    let registry = Registry::start(Config::new());
    let pushed = user.push(&registry);
    user.forget(&[&pushed.name]);
    let registry = registry.stop_by("INT").start(&Program::wharf());
    assert_eq!(registry.image("greet:0.1"), pushed.name);

    user.docker.run(["pull", &pushed.name]).ok();

    assert_eq!(user.run(&pushed.name), pushed.greeting);
}
