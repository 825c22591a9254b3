//! Failures that are not the client's: a store that fails, a handler that breaks.

use std::sync::Arc;

use async_trait::async_trait;
use wharf_oci::{Digest, RepositoryName};
use wharf_registry::{Error, ListRequest, Listing, Registry, Repository};
use wharf_storage::{inmemory::InMemory, testing::Faulty};

use crate::{
    answer::Answer,
    document::Document,
    test_registry::{TestRegistry, blob, closing, manifest, sha256},
};

const UNKNOWN: &str = "{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"unknown error\"}]}\n";

/// A registry with an image and an upload, whose store can be made to fail.
struct Fragile {
    registry: TestRegistry,
    store: Faulty,
    location: String,
}

impl Fragile {
    async fn start() -> Self {
        let store = Faulty::new(Arc::new(InMemory::new()));
        let registry = TestRegistry::set_up().on(Arc::new(store.clone())).start();
        let image = Document::oci_image("a");
        registry.push_manifest("a", "v1", &image).await;
        let location = registry.upload("a", "hello").await;
        Self {
            registry,
            store,
            location,
        }
    }

    /// Sends one of the requests of a push, a pull or a deletion.
    async fn ask(&self, request: &str) -> Answer {
        let registry = &self.registry;
        let image = Document::oci_image("a");
        let ask = match request {
            "catalog" => registry.get("/v2/_catalog"),
            "tags" => registry.get("/v2/a/tags/list"),
            "manifest by tag" => registry.get(&manifest("a", "v1")),
            "manifest by digest" => registry.get(&manifest("a", image.digest().as_str())),
            "blob" => registry.get(&blob("a", &sha256("a layer"))),
            "blob's range" => registry
                .get(&blob("a", &sha256("a layer")))
                .header("range", "bytes=0-1"),
            "known blob" => registry
                .get(&blob("a", &sha256("a layer")))
                .header("if-none-match", "*"),
            "status" => registry.get(&self.location),
            "start" => registry.post("/v2/a/blobs/uploads/"),
            "single" => {
                let path = format!("/v2/a/blobs/uploads/?digest={}", sha256("x"));
                registry.post(&path).body("x")
            }
            "mount" => {
                let layer = sha256("a layer");
                registry.post(&format!("/v2/b/blobs/uploads/?mount={layer}&from=a"))
            }
            "append" => registry.patch(&self.location).body(" world"),
            "complete" => registry
                .put(&closing(&self.location, &sha256("hello world")))
                .body(" world"),
            "cancel" => registry.delete(&self.location),
            "push" => registry
                .put(&manifest("a", "v2"))
                .header("content-type", image.media_type.as_str())
                .body(image.bytes.clone()),
            "delete tag" => registry.delete(&manifest("a", "v1")),
            "delete manifest" => registry.delete(&manifest("a", image.digest().as_str())),
            "delete blob" => registry.delete(&blob("a", &sha256("a layer"))),
            other => panic!("{other}"),
        };
        ask.send().await
    }
}

/// Fails every call of the store in turn, one by one: a failure is told as one, in fixed words,
/// and is never taken for an absence.
#[tokio::test]
async fn a_failure_of_the_store_is_told_in_fixed_words() {
    for request in [
        "catalog",
        "tags",
        "manifest by tag",
        "manifest by digest",
        "blob",
        "blob's range",
        "known blob",
        "status",
        "start",
        "single",
        "mount",
        "append",
        "complete",
        "cancel",
        "push",
        "delete tag",
        "delete manifest",
        "delete blob",
    ] {
        let expected = Fragile::start().await.ask(request).await;
        assert!(
            expected.status.is_success() || expected.status == 304,
            "{expected:?}"
        );
        let mut failures = 0;
        for call in 0.. {
            let fragile = Fragile::start().await;
            fragile.store.fail_at(call);
            let answer = fragile.ask(request).await;
            if !fragile.store.has_failed() {
                break;
            }
            // What only clears up may fail in silence.
            if answer.status != expected.status {
                assert_eq!(answer.status, 500, "{request}, call {call}: {answer:?}");
                assert_eq!(answer.text(), UNKNOWN, "{request}, call {call}");
                failures += 1;
            }
        }
        assert!(failures > 0, "{request} does not need the store");
    }
}

#[tokio::test]
async fn a_push_that_failed_in_the_middle_succeeds_when_it_is_repeated() {
    for request in ["push", "mount", "single", "delete manifest"] {
        for call in 0.. {
            let fragile = Fragile::start().await;
            fragile.store.fail_at(call);
            let answer = fragile.ask(request).await;
            if !fragile.store.has_failed() {
                break;
            }
            fragile.store.heal();
            if answer.status == 500 {
                let again = fragile.ask(request).await;
                assert!(
                    again.status.is_success(),
                    "{request}, call {call}: {again:?}"
                );
            }
        }
    }
}

/// A registry with a fault in it.
#[derive(Debug)]
struct Broken;

#[async_trait]
impl Registry for Broken {
    fn repository(&self, name: &RepositoryName) -> Repository {
        panic!("a fault on purpose: {name}")
    }

    async fn catalog(&self, _: ListRequest) -> Result<Listing<RepositoryName>, Error> {
        let what = "/docker/registry/v2 is not a folder".to_owned();
        Err(Error::Damaged { what })
    }

    async fn holders(&self, _: &Digest) -> Result<Vec<RepositoryName>, Error> {
        let what = "/docker/registry/v2 is not a folder".to_owned();
        Err(Error::Damaged { what })
    }
}

#[tokio::test]
async fn a_request_that_breaks_its_handler_gets_an_answer() {
    let registry = TestRegistry::to(Broken);
    for (method, path) in [
        ("PUT", "/v2/a/manifests/v1"),
        ("DELETE", "/v2/a/manifests/v1"),
        ("POST", "/v2/a/blobs/uploads/"),
    ] {
        let answer = registry.ask(method, path).send().await.expect(500);
        assert_eq!(answer.text(), UNKNOWN, "{method} {path}");
    }
}

#[tokio::test]
async fn damage_in_the_store_is_not_described_to_clients() {
    let registry = TestRegistry::to(Broken);
    let answer = registry.get("/v2/_catalog").send().await.expect(500);
    assert_eq!(answer.text(), UNKNOWN);
}
