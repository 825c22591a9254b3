//! Who may do what: the challenge, what is asked for, and what is told to whom.

use serde_json::{Value, json};

use crate::{
    document::Document,
    gatekeeper::{Gatekeeper, OutOfOrder},
    test_registry::{TestRegistry, blob, closing, manifest, sha256},
};

const RIGHTS: Gatekeeper = Gatekeeper(&[
    (
        "everything",
        &[
            "registry:catalog:*",
            "repository:a:pull",
            "repository:a:push",
            "repository:a:delete",
            "repository:b:pull",
            "repository:b:push",
        ],
    ),
    ("reader", &["repository:a:pull"]),
    ("writer of b", &["repository:b:pull", "repository:b:push"]),
    ("writer of nothing", &["repository:a:push"]),
]);

fn guarded() -> TestRegistry {
    TestRegistry::set_up().guarded_by(RIGHTS).start()
}

#[tokio::test]
async fn whoever_brings_nothing_is_told_what_to_bring() {
    let registry = guarded();
    let refused = registry.get("/v2/").send().await;
    let body = "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\",\
                \"detail\":null}]}\n";
    assert_eq!(refused.text(), body);
    let expected = [
        "401".to_owned(),
        format!("content-length: {}", body.len()),
        "content-type: application/json".to_owned(),
        "www-authenticate: Basic realm=\"Registry \\\"Realm\\\"\"".to_owned(),
    ];
    assert_eq!(refused.head(), expected);
    let head = registry.head("/v2/").send().await;
    assert_eq!(head.head(), expected);

    let refused = registry.get("/v2/a/tags/list").send().await.expect(401);
    let body = "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\",\
                \"detail\":[{\"Type\":\"repository\",\"Class\":\"\",\"Name\":\"a\",\
                \"Action\":\"pull\"}]}]}\n";
    assert_eq!(refused.text(), body);
}

#[tokio::test]
async fn every_request_asks_for_what_it_needs() {
    let registry = guarded();
    let access = |resource: &str, actions: &[&str]| -> Value {
        let (kind, name) = resource.split_once(':').unwrap();
        let record =
            |action: &&str| json!({"Type": kind, "Class": "", "Name": name, "Action": action});
        actions.iter().map(record).collect()
    };
    let image = manifest("a/b", "v1");
    let layer = blob("a/b", &sha256(""));
    let uploads = "/v2/a/b/blobs/uploads/";
    let upload = "/v2/a/b/blobs/uploads/id";
    let pull = access("repository:a/b", &["pull"]);
    let push = access("repository:a/b", &["pull", "push"]);
    let delete = access("repository:a/b", &["delete"]);
    for (method, path, needed) in [
        ("GET", "/v2/", Value::Null),
        ("GET", "/v2/_catalog", access("registry:catalog", &["*"])),
        ("GET", "/v2/a/b/tags/list", pull.clone()),
        ("GET", &image, pull.clone()),
        ("PUT", &image, push.clone()),
        ("DELETE", &image, delete.clone()),
        ("GET", &layer, pull.clone()),
        ("DELETE", &layer, delete),
        ("POST", uploads, push.clone()),
        ("GET", upload, pull),
        ("PATCH", upload, push.clone()),
        ("PUT", upload, push.clone()),
        ("DELETE", upload, push),
        ("OPTIONS", "/v2/_catalog", Value::Null),
        ("POST", "/v2/_catalog", Value::Null),
        ("GET", "/v2/A/tags/list", Value::Null),
        ("GET", uploads, Value::Null),
    ] {
        let refused = registry.ask(method, path).send().await;
        let refused = refused.expect_error(401, "UNAUTHORIZED");
        assert_eq!(refused.detail(), needed, "{method} {path}");
        assert!(refused.header("www-authenticate").is_some());
        assert_eq!(refused.header("allow"), None, "{method} {path}");
    }
}

#[tokio::test]
async fn paths_that_are_no_routes_are_nobodys_secret() {
    let registry = guarded();
    for (path, status) in [("/", 200), ("/v2", 301), ("/v2/nothing", 404), ("/x", 404)] {
        registry.get(path).send().await.expect(status);
    }
}

#[tokio::test]
async fn whoever_may_is_let_in() {
    let registry = guarded();
    let known = |method: &str, path: &str| {
        registry
            .ask(method, path)
            .header("authorization", "everything")
    };
    known("GET", "/v2/").send().await.expect(200);
    known("GET", "/v2/_catalog").send().await.expect(200);
    known("OPTIONS", "/v2/_catalog").send().await.expect(200);
    known("POST", "/v2/_catalog").send().await.expect(405);
    known("GET", "/v2/A/tags/list").send().await.expect(400);
    let begun = known("POST", "/v2/a/blobs/uploads/").send().await;
    let path = closing(&begun.expect(202).location(), &sha256("x"));
    known("PUT", &path).body("x").send().await.expect(201);
    let path = blob("a", &sha256("x"));
    known("GET", &path).send().await.expect(200);
    known("DELETE", &path).send().await.expect(202);
}

#[tokio::test]
async fn a_right_that_is_missing_is_a_401_too() {
    let registry = guarded();
    let reader =
        |method: &str, path: &str| registry.ask(method, path).header("authorization", "reader");
    reader("GET", "/v2/").send().await.expect(200);
    let unknown = reader("GET", "/v2/a/tags/list").send().await;
    unknown.expect_error(404, "NAME_UNKNOWN");
    for (method, path) in [
        ("GET", "/v2/_catalog"),
        ("GET", "/v2/b/tags/list"),
        ("POST", "/v2/a/blobs/uploads/"),
        ("PUT", "/v2/a/manifests/v1"),
        ("DELETE", "/v2/a/manifests/v1"),
    ] {
        let refused = reader(method, path).send().await;
        refused.expect_error(401, "UNAUTHORIZED");
    }
    let ask = registry.post("/v2/a/blobs/uploads/");
    let refused = ask
        .header("authorization", "writer of nothing")
        .send()
        .await;
    refused.expect(401);
    let ask = registry.get("/v2/").header("authorization", "stranger");
    ask.send().await.expect(401);
}

#[tokio::test]
async fn a_refused_push_writes_nothing() {
    let registry = guarded();
    let image = Document::oci_image("a");
    let path = format!("/v2/a/blobs/uploads/?digest={}", sha256("x"));
    registry.post(&path).body("x").send().await.expect(401);
    let refused = registry.put_manifest("a", "v1", &image).await;
    refused.expect(401);
    assert_eq!(registry.files().await, [""; 0]);
}

#[tokio::test]
async fn a_mount_from_where_one_may_not_read_is_as_if_nothing_were_there() {
    let registry = guarded();
    let (there, missing) = (sha256("secret"), sha256("missing"));
    let path = format!("/v2/a/blobs/uploads/?digest={there}");
    let ask = registry.post(&path).header("authorization", "everything");
    ask.body("secret").send().await.expect(201);
    let mut seen = Vec::new();
    for digest in [&there, &missing] {
        let path = format!("/v2/b/blobs/uploads/?mount={digest}&from=a");
        let ask = registry.post(&path).header("authorization", "writer of b");
        let answer = ask.send().await.expect(202);
        let mut head = answer.head();
        head.retain(|line| !line.starts_with("location") && !line.contains("uuid"));
        seen.push(head);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], ["202", "content-length: 0", "range: 0-0"]);
    let ask = registry.get(&blob("b", &there));
    let answer = ask.header("authorization", "writer of b").send().await;
    answer.expect_error(404, "BLOB_UNKNOWN");

    let path = format!("/v2/b/blobs/uploads/?mount={there}&from=a");
    let ask = registry.post(&path).header("authorization", "everything");
    ask.send().await.expect(201);
}

#[tokio::test]
async fn a_controller_that_is_out_of_order_lets_nobody_in() {
    let registry = TestRegistry::set_up().guarded_by(OutOfOrder).start();
    for (method, path) in [
        ("GET", "/v2/"),
        ("GET", "/v2/a/tags/list"),
        ("POST", "/v2/_catalog"),
    ] {
        let answer = registry.ask(method, path).send().await.expect(500);
        let expected = "{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"unknown error\"}]}\n";
        assert_eq!(answer.text(), expected);
        assert_eq!(answer.header("www-authenticate"), None);
    }
}
