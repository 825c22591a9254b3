//! Deletion over plain HTTP: of a manifest, of a tag, of nothing at all while it is switched off, and what garbage collection frees then.

use serde_json::json;

use wharf_e2e::config::Config;
use wharf_e2e::layout::SCHEMA_2;
use wharf_e2e::need;
use wharf_e2e::registry::Registry;

use crate::user::{REPOSITORY, TAG, User};

#[test]
fn a_manifest_deleted_by_digest_takes_its_tags_along() {
    let user = need!(User::new());
    let registry = Registry::start(Config::new());
    let pushed = user.push(&registry);
    user.push_again(&registry, &pushed, "0.2");
    let path = format!("/v2/{REPOSITORY}/manifests/{}", pushed.digest);
    let delete = || registry.curl(&path).method("DELETE").send();

    let deleted = delete().expect(202);
    assert_eq!(deleted.header("Content-Length"), Some("0"));
    let again = delete().expect(404);
    assert_eq!(again.code(), "MANIFEST_UNKNOWN");

    for reference in [TAG, "0.2", &pushed.digest] {
        let path = format!("/v2/{REPOSITORY}/manifests/{reference}");
        let answer = registry.curl(&path).accept(&[SCHEMA_2]).send();
        assert_eq!(answer.expect(404).code(), "MANIFEST_UNKNOWN", "{reference}");
    }
    let tags = registry.curl("/v2/greet/tags/list").send();
    assert_eq!(tags.expect(404).code(), "NAME_UNKNOWN");
    let catalog = registry.curl("/v2/_catalog").send();
    assert_eq!(catalog.text(), "{\"repositories\":[]}\n");
}

#[test]
fn a_tag_is_deleted_alone() {
    let user = need!(User::new());
    let registry = Registry::start(Config::new());
    let pushed = user.push(&registry);
    user.push_again(&registry, &pushed, "0.2");
    let path = format!("/v2/{REPOSITORY}/manifests/{TAG}");
    let delete = || registry.curl(&path).method("DELETE").send();

    let _ = delete().expect(202);
    assert_eq!(delete().expect(404).code(), "MANIFEST_UNKNOWN");

    let tags = registry.curl("/v2/greet/tags/list").send();
    assert_eq!(
        tags.expect(200).json(),
        json!({"name": "greet", "tags": ["0.2"]})
    );
    for reference in ["0.2", &pushed.digest] {
        let path = format!("/v2/{REPOSITORY}/manifests/{reference}");
        let answer = registry.curl(&path).accept(&[SCHEMA_2]).send();
        assert_eq!(answer.expect(200).digest(), pushed.digest);
    }
}

#[test]
fn deletion_that_is_off_says_how_to_switch_it_on() {
    let off = Config::shipped().env("REGISTRY_STORAGE_DELETE_ENABLED", "false");
    let user = need!(User::new());
    let registry = Registry::start(off);
    let pushed = user.push(&registry);

    let path = format!("/v2/{REPOSITORY}/manifests/{}", pushed.digest);
    let answer = registry.curl(&path).method("DELETE").send();
    let answer = answer.expect(405);

    assert_eq!(answer.code(), "UNSUPPORTED");
    let detail = answer.json()["errors"][0]["detail"].to_string();
    assert!(detail.contains("storage.delete.enabled"), "{detail}");
    let answer = registry.curl(&path).accept(&[SCHEMA_2]).send();
    let _ = answer.expect(200);
}

#[test]
fn what_was_set_aside_need_not_be_sent_again() {
    collected_and_pushed_again(&[], ": Layer already exists");
}

#[test]
fn what_was_deleted_and_collected_can_be_pushed_again() {
    collected_and_pushed_again(&["--lease", "0s"], ": Pushed");
}

fn collected_and_pushed_again(flags: &[&str], layers_are: &str) {
    let user = need!(User::new());
    let registry = Registry::start(Config::new());
    let pushed = user.push(&registry);
    let path = format!("/v2/{REPOSITORY}/manifests/{}", pushed.digest);
    let manifest = registry.curl(&path).accept(&[SCHEMA_2]).send().json();
    let layers = manifest["layers"].as_array().unwrap().iter();
    let parts = layers.chain([&manifest["config"]]);
    let parts: Vec<&str> = parts.map(|part| part["digest"].as_str().unwrap()).collect();
    let _ = registry.curl(&path).method("DELETE").send().expect(202);
    for part in parts.iter().chain([&&*pushed.digest]) {
        assert!(registry.blob(part).exists(), "{part}");
    }

    let collected = registry.collect(flags);

    assert!(collected.succeeded(), "{collected}");
    for part in parts.iter().chain([&&*pushed.digest]) {
        assert!(!registry.blob(part).exists(), "{part}: {collected}");
    }
    let said = user.docker.run(["push", &pushed.name]).ok();
    assert_eq!(said.matches(layers_are).count(), 2, "{said}");
    for part in parts.iter().chain([&&*pushed.digest]) {
        assert!(registry.blob(part).exists(), "{part}: {said}");
    }
    user.forget(&[&pushed.name]);
    user.docker.run(["pull", &pushed.name]).ok();
    assert_eq!(user.run(&pushed.name), pushed.greeting);
}
