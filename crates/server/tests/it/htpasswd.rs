//! Passwords: the challenge, who is let in, and a file that changes while it is in use.

use std::fs;

use crate::image::Image;
use crate::request::Request;
use crate::test_registry::{TestRegistry, write_htpasswd};

#[test]
fn the_challenge_is_what_docker_login_understands() {
    let server = TestRegistry::new()
        .with_htpasswd(&[("alice", "secret")])
        .start();
    let answer = server.client().get("/v2/").expect(401);
    let line = "\r\nWww-Authenticate: Basic realm=\"Registry Realm\"\r\n";
    assert!(answer.head.contains(line), "{}", answer.head);
    assert_eq!(answer.code(), "UNAUTHORIZED");
    let version = answer.header("docker-distribution-api-version");
    assert_eq!(version, Some("registry/2.0"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[test]
fn only_who_is_in_the_file_is_let_in_to_anything() {
    let server = TestRegistry::new()
        .with_htpasswd(&[("alice", "secret"), ("bob", "p:a:s:s")])
        .start();
    let stranger = server.client();
    let (alice, bob) = (
        stranger.as_user("alice", "secret"),
        stranger.as_user("bob", "p:a:s:s"),
    );
    alice.get("/v2/").expect(200);
    bob.get("/v2/").expect(200);
    for refused in [
        stranger.clone(),
        stranger.as_user("alice", "wrong"),
        stranger.as_user("alice", ""),
        stranger.as_user("mallory", "secret"),
        stranger.as_user("", ""),
    ] {
        for request in [
            Request::get("/v2/"),
            Request::get("/v2/_catalog"),
            Request::head("/v2/a/b/manifests/v1"),
            Request::post("/v2/a/b/blobs/uploads/"),
            Request::put("/v2/a/b/manifests/v1").body(b"{}"),
            Request::delete("/v2/a/b/manifests/v1"),
        ] {
            let answer = refused.send(request).expect(401);
            assert!(answer.header("www-authenticate").is_some());
        }
    }
    stranger.get("/").expect(200);
    let image = Image::new(1);
    alice.push_image("a/b", "v1", &image);
    bob.expect_image("a/b", "v1", &image);
    stranger.pull_manifest("a/b", "v1").expect(401);
    let line = server.logged("auth.user.name=alice");
    assert!(line.contains("level=info"), "{line}");
    let log = server.log();
    assert!(!log.contains("secret") && !log.contains("p:a:s:s"), "{log}");
}

#[test]
fn a_file_that_changes_counts_at_once() {
    let server = TestRegistry::new()
        .with_htpasswd(&[("alice", "old")])
        .start();
    let client = server.client();
    client.as_user("alice", "old").get("/v2/").expect(200);
    client.as_user("carol", "new").get("/v2/").expect(401);

    let file = server.registry().file("htpasswd");
    write_htpasswd(&file, &[("alice", "changed"), ("carol", "new")]);
    client.as_user("alice", "old").get("/v2/").expect(401);
    client.as_user("alice", "changed").get("/v2/").expect(200);
    client.as_user("carol", "new").get("/v2/").expect(200);

    // As editors do it: a new file takes the place of the old one.
    let next = server.registry().file("htpasswd.next");
    write_htpasswd(&next, &[("carol", "new")]);
    fs::rename(next, &file).unwrap();
    client.as_user("alice", "changed").get("/v2/").expect(401);
    client.as_user("carol", "new").get("/v2/").expect(200);
}

#[test]
fn entries_that_let_nobody_in_are_told_at_the_start_and_when_the_file_changes() {
    let registry = TestRegistry::new().with_htpasswd(&[]);
    let file = registry.file("htpasswd");
    fs::write(&file, "alice:$apr1$x$y\n").unwrap();
    let server = registry.start();
    let line = server.logged("1 of the 1 entries of the htpasswd file are of no use");
    assert!(line.contains("level=warning"), "{line}");
    assert!(line.contains("htpasswd -B"), "{line}");
    assert!(line.contains(file.to_str().unwrap()), "{line}");

    write_htpasswd(&file, &[("bob", "secret")]);
    let bob = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{bob}alice:{{SHA}}x\n")).unwrap();
    server
        .client()
        .as_user("bob", "secret")
        .get("/v2/")
        .expect(200);
    server.logged("1 of the 2 entries of the htpasswd file are of no use");
}

#[test]
fn a_file_that_is_gone_or_broken_is_no_fault_of_the_client() {
    let server = TestRegistry::new()
        .with_htpasswd(&[("alice", "secret")])
        .start();
    let client = server.client().as_user("alice", "secret");
    let file = server.registry().file("htpasswd");
    let good = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let answer = client.get("/v2/").expect(500);
    assert!(!answer.text().contains("htpasswd"), "{}", answer.text());
    server.logged("cannot read htpasswd file");
    fs::write(&file, "a line that is no entry\n").unwrap();
    client.get("/v2/").expect(500);
    fs::write(&file, good).unwrap();
    client.get("/v2/").expect(200);
}

#[test]
fn a_registry_without_its_file_makes_one_and_tells_the_password_once() {
    let registry = TestRegistry::new().with_htpasswd(&[]);
    let file = registry.file("htpasswd");
    fs::remove_file(&file).unwrap();
    let server = registry.start();
    let line = server.logged("htpasswd is missing, provisioning with default user");
    let (_, rest) = line.split_once("password=").unwrap();
    let password = rest.split(' ').next().unwrap().to_owned();
    server
        .client()
        .as_user("docker", &password)
        .get("/v2/")
        .expect(200);
    assert!(file.exists());

    let server = server.stop().start();
    assert!(!server.log().contains("password"), "{}", server.log());
    server
        .client()
        .as_user("docker", &password)
        .get("/v2/")
        .expect(200);
}

/// Go's client sends the head of a request by itself when its body comes out of a file.
#[test]
fn who_is_refused_before_the_body_has_come_tries_again_over_the_same_connection() {
    let server = TestRegistry::new()
        .with_htpasswd(&[("alice", "secret")])
        .start();
    let stranger = server.client();
    let alice = stranger.as_user("alice", "secret");
    let retry = alice.authorized(Request::get("/v2/"));
    for (length, expected) in [(1, None), (200_000, None), (1_000_000, Some("close"))] {
        let mut connection = stranger.connect();
        connection.write(&Request::put("/v2/a/manifests/v1").announcing(length));
        // The server has read the head, and most likely answered or be about to.
        let _ = stranger.get("/v2/").expect(401);
        let body = vec![b'x'; length];
        // Nobody reads a body that is too long.
        let _ = connection.try_write(&body);
        let refused = connection.answer_to("PUT").expect(401);
        assert_eq!(refused.header("connection"), expected, "{length} bytes");
        if expected.is_none() {
            let _ = connection.send(&retry).expect(200);
        }
    }
    let mut connection = stranger.connect();
    let held_back = Request::put("/v2/a/manifests/v1").header("Expect", "100-continue");
    connection.write(&held_back.announcing(5));
    let refused = connection.answer_to("PUT").expect(401);
    assert_eq!(refused.header("connection"), Some("close"));
}
