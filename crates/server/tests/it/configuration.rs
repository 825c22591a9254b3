//! How a server learns what to do: no file, a file, a variable that names it, overrides.

use std::fs;

use crate::image::Image;
use crate::store::Store;
use crate::test_registry::{CONFIGURATION, TestRegistry, text, write_htpasswd};

#[test]
fn without_a_file_it_stores_below_the_current_folder_and_says_so() {
    let registry = TestRegistry::new().with_env("REGISTRY_HTTP_ADDR", "127.0.0.1:0");
    let server = registry.start_with(&["serve"]);
    let said = server.logged("built-in configuration");
    assert!(said.contains("level=warning"), "{said}");
    assert!(said.contains("./registry-data"), "{said}");
    assert!(said.contains("service=registry"), "{said}");
    let place = format!(
        "storing under ./registry-data ({})",
        text(&server.registry().file("registry-data"))
    );
    assert!(server.logged("storage driver filesystem").contains(&place));

    let (client, image) = (server.client(), Image::new(1));
    client.push_image("library/app", "v1", &image);
    client.expect_image("library/app", "v1", &image);
    let base = client.get("/v2/").expect(200);
    assert_eq!(base.header("x-content-type-options"), Some("nosniff"));
    let store = Store::at(server.registry().file("registry-data"));
    assert_eq!(store.blobs().len(), 4);
    assert!(!server.store().root().exists());
}

#[test]
fn where_the_bytes_go_is_said_at_every_start() {
    let registry = TestRegistry::new();
    let elsewhere = text(&registry.file("elsewhere"));
    let store = text(&registry.store().root());
    let server = registry.start();
    let said = server.logged("storage driver filesystem, storing under ");
    assert!(said.contains("level=info"), "{said}");
    assert!(said.contains(&store), "{said}");
    drop(server);

    let built_in = || TestRegistry::new().with_env("REGISTRY_HTTP_ADDR", "127.0.0.1:0");
    let root = "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY";
    for (registry, driver, place) in [
        (
            built_in().with_env(root, &elsewhere),
            "filesystem",
            elsewhere.as_str(),
        ),
        (
            built_in().with_env("REGISTRY_STORAGE", "inmemory"),
            "inmemory",
            "in memory",
        ),
    ] {
        let server = registry.start_with(&["serve"]);
        let said = server.logged("built-in configuration");
        assert!(
            said.contains(place) && !said.contains("registry-data"),
            "{said}"
        );
        let said = server.logged(&format!("storage driver {driver}, storing "));
        assert!(said.contains(place), "{said}");
        assert!(!server.registry().file("registry-data").exists());
    }
}

#[test]
fn a_variable_names_the_file_and_an_argument_beats_it() {
    let registry = TestRegistry::new();
    registry.write_configuration();
    let other = registry.file("other.yml");
    fs::write(&other, "version: 0.2\n").unwrap();

    let registry = registry.with_env("REGISTRY_CONFIGURATION_PATH", text(&other));
    let refused = registry.run(&["serve"]);
    assert_eq!(refused.code, Some(1));
    let path = other.display();
    let line = format!("configuration error: error parsing {path}: unsupported version: \"0.2\"; ");
    assert!(refused.log.starts_with(&line), "{}", refused.log);

    let server = registry.start_with(&["serve", CONFIGURATION, "more", "words"]);
    server.client().get("/v2/").expect(200);
    assert!(!server.log().contains("REGISTRY_CONFIGURATION_PATH"));
    assert!(!server.log().contains("level=warning"), "{}", server.log());
    let registry = server.stop();
    fs::copy(registry.file(CONFIGURATION), &other).unwrap();
    registry
        .start_with(&["serve"])
        .client()
        .get("/v2/")
        .expect(200);
}

#[test]
fn the_environment_of_a_compose_file_makes_a_secured_registry() {
    let mut registry = TestRegistry::new()
        .with("http.addr", "203.0.113.1:1")
        .with("storage.delete.enabled", false);
    let (certificate, key) = registry.make_certificate();
    let users = registry.file("secrets");
    write_htpasswd(&users, &[("alice", "open sesame")]);
    let root = registry.file("elsewhere");
    let server = registry
        .with_env("REGISTRY_HTTP_ADDR", "127.0.0.1:0")
        .with_env("REGISTRY_HTTP_TLS_CERTIFICATE", text(&certificate))
        .with_env("REGISTRY_HTTP_TLS_KEY", text(&key))
        .with_env("REGISTRY_HTTP_HEADERS", "{X-Served-By: [wharf]}")
        .with_env("REGISTRY_AUTH", "htpasswd")
        .with_env("REGISTRY_AUTH_HTPASSWD_REALM", "Compose Realm")
        .with_env("REGISTRY_AUTH_HTPASSWD_PATH", text(&users))
        .with_env("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", text(&root))
        .with_env("REGISTRY_STORAGE_DELETE_ENABLED", "true")
        .with_env("REGISTRY_LOG_LEVEL", "debug")
        .start();

    assert!(server.logged("listening on").contains(", tls\""));
    let refused = server.client().get("/v2/").expect(401);
    let challenge = refused.header("www-authenticate");
    assert_eq!(challenge, Some("Basic realm=\"Compose Realm\""));
    assert_eq!(refused.header("x-served-by"), Some("wharf"));

    let client = server.client().as_user("alice", "open sesame");
    let image = Image::new(2);
    let digest = client.push_image("team/app", "v1", &image);
    assert_eq!(Store::at(root).blobs().len(), 4);
    let deletion = format!("/v2/team/app/manifests/{digest}");
    client
        .send(crate::request::Request::delete(deletion))
        .expect(202);
    client.pull_manifest("team/app", "v1").expect(404);
}

#[test]
fn what_is_not_known_is_named_in_the_log_and_read_over() {
    let server = TestRegistry::new()
        .with("http.adr", "127.0.0.1:1")
        .with("storag.filesystem.rootdirectory", "/nowhere")
        .with_env("REGISTRY_HTP_ADDR", "127.0.0.1:1")
        .with_env("REGISTRY_HTTP_ADRR", "127.0.0.1:1")
        .with_env("registry_http_addr", "127.0.0.1:1")
        .start();
    server.client().get("/v2/").expect(200);
    for name in [
        "unknown key http.adr;",
        "unknown key storag;",
        "REGISTRY_HTP_ADDR",
        "REGISTRY_HTTP_ADRR",
    ] {
        let line = server.logged(name);
        assert!(line.contains("level=warning"), "{line}");
    }
    assert!(!server.log().contains("registry_http_addr"));
}
