//! What cannot be served is refused at the start: one clear line, exit code 1.

use std::fs;
use std::net::TcpListener;

use serde_json::json;

use crate::process::Ended;
use crate::test_registry::{CONFIGURATION, TestRegistry, text};

/// Expects one line on standard error, and nothing that only programmers read.
#[track_caller]
fn line_of(ended: &Ended) -> &str {
    assert_eq!(ended.code, Some(1), "{}", ended.log);
    assert_eq!(ended.output, "");
    let line = ended.log.strip_suffix('\n').expect("a whole line");
    assert!(!line.contains('\n'), "more than one line:\n{line}");
    assert!(line.len() < 300, "hard to read: {line}");
    for word in ["panicked", "RUST_BACKTRACE", "src/", "Error {", "Some("] {
        assert!(!line.contains(word), "{word:?} in {line}");
    }
    line
}

/// The log line of a server that cannot have what it was told to use.
#[track_caller]
fn fatal(ended: &Ended) -> &str {
    let line = line_of(ended);
    assert!(line.starts_with("time=\""), "{line}");
    assert!(line.contains(" level=fatal msg=\""), "{line}");
    line
}

#[test]
fn a_configuration_that_cannot_be_read_is_a_configuration_error() {
    let registry = TestRegistry::new();
    let missing = registry.run(&["serve", "missing.yml"]);
    assert_eq!(
        line_of(&missing),
        "configuration error: open missing.yml: no such file or directory"
    );
    assert_eq!(
        line_of(&registry.run(&["serve", ""])),
        "configuration error: configuration path unspecified; name the file after the command or in \
         REGISTRY_CONFIGURATION_PATH"
    );
    fs::create_dir(registry.file("folder.yml")).unwrap();
    assert_eq!(
        line_of(&registry.run(&["serve", "folder.yml"])),
        "configuration error: read folder.yml: is a directory"
    );
    for (text, reason) in [
        ("", "config.yml: "),
        ("version: 0.1\nstorage: [\n", "yaml: "),
        ("version: 0.1\n\tstorage: filesystem\n", "yaml: "),
        ("\u{0}", "config.yml: "),
        ("just words", "config.yml: "),
        ("storage: inmemory\n", "unsupported version: \"\""),
        ("version: 0.1\n", "no storage configuration provided"),
        (
            "version: 0.1\nstorage: tape\n",
            "StorageDriver not registered: tape",
        ),
    ] {
        fs::write(registry.file(CONFIGURATION), text).unwrap();
        let ended = registry.run(&["serve", CONFIGURATION]);
        let line = line_of(&ended);
        let start = format!("configuration error: error parsing {CONFIGURATION}: ");
        assert!(line.starts_with(&start), "{text:?}: {line}");
        assert!(line.contains(reason), "{text:?}: {line}");
    }
}

#[test]
fn keys_that_this_version_cannot_serve_are_refused() {
    for (key, value) in [
        ("proxy.remoteurl", json!("https://registry.example")),
        (
            "notifications.endpoints",
            json!([{"name": "a", "url": "http://a.example"}]),
        ),
        ("redis.addr", json!("localhost:6379")),
        ("middleware.storage", json!([{"name": "cloudfront"}])),
        ("storage.s3.bucket", json!("images")),
        ("auth.token.realm", json!("https://auth.example/token")),
        ("auth.htpasswd.path", json!("users")),
        ("log.level", json!("chatty")),
        ("log.formatter", json!("xml")),
        ("http.net", json!("carrier-pigeon")),
        ("http.addr", json!("5000")),
        ("http.draintimeout", json!("soon")),
        ("http.host", json!("https://foo:bar")),
        ("http.headers", json!({"Transfer-Encoding": ["chunked"]})),
        ("storage.delete.enabled", json!("perhaps")),
        ("health.storagedriver.interval", json!("often")),
    ] {
        let ended = TestRegistry::new().with(key, value).refuse();
        let line = line_of(&ended);
        assert!(line.starts_with("configuration error: "), "{line}");
        let last = key.rsplit('.').next().unwrap();
        let known = line.contains(last) || line.contains(key.split('.').nth(1).unwrap());
        assert!(known, "{key} is not named: {line}");
    }
}

#[test]
fn a_variable_with_a_bad_value_is_named() {
    let ended = TestRegistry::new()
        .with_env("REGISTRY_STORAGE_DELETE_ENABLED", "[")
        .refuse();
    let line = line_of(&ended);
    assert!(line.contains("REGISTRY_STORAGE_DELETE_ENABLED"), "{line}");
}

#[test]
fn an_address_that_cannot_be_used_is_the_last_line_of_the_log() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for key in ["http.addr", "http.debug.addr"] {
        let ended = TestRegistry::new().with(key, address.as_str()).refuse();
        let line = fatal(&ended);
        assert!(line.contains("address already in use"), "{line}");
        assert!(line.contains(&address), "{line}");
    }

    let registry = TestRegistry::new();
    let file = registry.file("not-a-socket");
    fs::write(&file, "kept").unwrap();
    let ended = registry
        .with("http.net", "unix")
        .with("http.addr", text(&file))
        .refuse();
    assert!(fatal(&ended).contains("not-a-socket exists and is not a socket"));
}

#[test]
fn files_of_tls_that_cannot_be_used_are_named_with_their_keys() {
    let mut registry = TestRegistry::new();
    let (certificate, key) = registry.make_certificate();
    let (certificate, key) = (text(&certificate), text(&key));
    let missing = text(&registry.file("missing.pem"));
    let empty = text(&registry.file("empty.pem"));
    fs::write(&empty, "").unwrap();
    let damaged = text(&registry.file("damaged.pem"));
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(&damaged, pem).unwrap();
    // A key that belongs to another certificate.
    let foreign = text(&registry.file("foreign.key"));
    let authority = crate::authority::Authority::new();
    authority.write(&registry.file("foreign.crt"), foreign.as_ref());

    let mut registry = registry
        .with("http.tls.certificate", certificate.as_str())
        .with("http.tls.key", key.as_str());
    for (name, right, wrongs) in [
        (
            "certificate",
            json!(certificate),
            vec![&missing, &empty, &damaged],
        ),
        ("key", json!(key), vec![&missing, &empty, &foreign]),
        ("clientcas", json!([]), vec![&missing, &empty, &damaged]),
    ] {
        let setting = format!("http.tls.{name}");
        for wrong in wrongs {
            let (value, told) = match name {
                "clientcas" => (json!([certificate, wrong]), format!("{setting}[1]")),
                _ => (json!(wrong), setting.clone()),
            };
            registry = registry.with(&setting, value);
            let ended = registry.refuse();
            let line = fatal(&ended);
            assert!(line.contains(&format!(" msg=\"{told}: ")), "{line}");
            assert!(line.contains(wrong.as_str()), "{line}");
        }
        registry = registry.with(&setting, right);
    }
}

#[test]
fn a_signing_key_that_cannot_be_used_is_named() {
    let registry = TestRegistry::new();
    let missing = text(&registry.file("missing.json"));
    let wrong = text(&registry.file("wrong.json"));
    fs::write(&wrong, "{\"kty\":\"RSA\",\"d\":\"secret\"}").unwrap();
    for (file, reason) in [
        (missing, "No such file or directory (os error 2)"),
        (
            wrong,
            "this is neither a JWK of type EC nor a PEM with an EC PRIVATE KEY",
        ),
    ] {
        let key = "compatibility.schema1.signingkeyfile";
        let refused = TestRegistry::new()
            .with("compatibility.schema1.enabled", true)
            .with(key, file.as_str())
            .refuse();
        let told = format!(" msg=\"{key}: cannot use \\\"{file}\\\": {reason}\"");
        assert!(fatal(&refused).contains(&told), "{}", refused.log);
        assert!(!refused.log.contains("secret"), "{}", refused.log);
        // Nobody asks for the file as long as nothing is converted.
        let registry = TestRegistry::new().with(key, file.as_str());
        registry.start().stop();
    }
}

#[test]
fn a_password_file_that_cannot_be_used_is_named() {
    let registry = TestRegistry::new().with_htpasswd(&[]);
    fs::write(registry.file("htpasswd"), "no colon here\n").unwrap();
    let ended = registry.refuse();
    assert!(fatal(&ended).contains("htpasswd"), "{}", ended.log);
    assert!(!ended.log.contains("no colon here"), "{}", ended.log);
}

#[test]
fn a_store_that_is_no_folder_is_refused() {
    let registry = TestRegistry::new();
    fs::write(registry.file("file"), "").unwrap();
    for path in ["file", "file/below"] {
        let root = text(&registry.file(path));
        let ended = TestRegistry::new()
            .with("storage.filesystem.rootdirectory", root.as_str())
            .refuse();
        let line = fatal(&ended);
        let file = text(&registry.file("file"));
        let told = format!(
            "storage.filesystem.rootdirectory: cannot use \\\"{root}\\\": \\\"{file}\\\" is not a folder"
        );
        assert!(line.contains(&told), "{line}");
    }
}
