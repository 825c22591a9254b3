//! The compose file: the registry with TLS and passwords from a `.env`, as the README has it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use wharf_e2e::certificate::Certificate;
use wharf_e2e::engine::Engine;
use wharf_e2e::registry::free_port;
use wharf_e2e::run::Run;
use wharf_e2e::{need, needs, wait};

use crate::container::{IMAGE, with_image};

#[test]
fn compose_brings_the_registry_up_with_tls_and_passwords() {
    need!(with_image());
    let engine = need!(Engine::shared());
    let compose = need!(needs::program("docker-compose"));
    let htpasswd = need!(needs::program("htpasswd"));
    let certificate = need!(Certificate::new());
    let folder = tempfile::Builder::new()
        .prefix("compose")
        .tempdir()
        .unwrap();
    let port = free_port();
    lay_out(folder.path());
    give_certificate(folder.path(), &certificate);
    // Not a variable that compose.yaml could list: the name of the field is the operator's.
    let ours =
        format!("WHARF_PORT=127.0.0.1:{port}\nWHARF_IMAGE={IMAGE}\nREGISTRY_LOG_FIELDS_RACK=b7\n");
    fs::write(
        folder.path().join(".env"),
        example().replace("WHARF_PORT=5000\n", &ours),
    )
    .unwrap();
    Run::new(htpasswd)
        .args(["-Bbc"])
        .arg(folder.path().join("basic-auth/registry.password"))
        .args(["alice", "secret"])
        .ok();
    let run = |arguments: &[&str]| {
        in_folder(&compose, folder.path())
            .env("DOCKER_HOST", engine.host())
            .args(arguments)
    };
    let _down = Down(|| drop(run(&["down", "--volumes", "--timeout", "5"]).output()));

    run(&["up", "--detach"]).ok();

    let url = format!("https://localhost:{port}/v2/_catalog");
    let curl = || {
        Run::new("curl")
            .args(["-sf", "--noproxy", "*", "--cacert"])
            .arg(certificate.file())
            .arg(&url)
    };
    wait::until("the registry to answer", Duration::from_secs(60), || {
        let answer = curl().args(["-u", "alice:secret"]).output().text();
        (answer == "{\"repositories\":[]}\n").then_some(())
    });
    assert_eq!(curl().args(["-u", "alice:wrong"]).fails().code(), Some(22));
    let shipped = "/etc/docker/registry/config.yml";
    let collect = [
        "exec",
        "-T",
        "registry",
        "bin/registry",
        "garbage-collect",
        shipped,
    ];
    assert!(run(&collect).ok().contains("0 blobs marked"));
    let logs = run(&["logs"]).ok();
    assert!(logs.contains("listening on [::]:5000, tls"), "{logs}");
    assert!(logs.contains(" rack=b7 "), "{logs}");
}

#[test]
fn compose_needs_no_env_file() {
    let compose = need!(needs::program("docker-compose"));
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path());
    let config = in_folder(&compose, folder.path()).arg("config").ok();
    assert!(config.contains("published: 5000"), "{config}");
    let given = |line: &&str| line.contains("REGISTRY_") && !line.ends_with(": null");
    assert_eq!(config.lines().find(given), None);
}

#[test]
fn compose_hands_on_what_an_env_file_says() {
    let compose = need!(needs::program("docker-compose"));
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path());
    let handed_on = |env: &str, line: &str| {
        fs::write(folder.path().join(".env"), env).unwrap();
        let config = in_folder(&compose, folder.path()).arg("config").ok();
        config.lines().any(|written| written.trim() == line)
    };
    // Written by hand: the variables that compose.yaml lists.
    assert!(handed_on(
        "REGISTRY_TAGS_MAXTAGS=7\n",
        "REGISTRY_TAGS_MAXTAGS: '7'"
    ));
    // Begun as a copy of the example: all.
    let env = example() + "REGISTRY_HTTP_TLS_CLIENTCAS_0=/certs/ca.crt\nREGISTRY_HTP_ADDR=slip\n";
    for line in [
        "REGISTRY_AUTH: htpasswd",
        "REGISTRY_HTTP_TLS_CLIENTCAS_0: /certs/ca.crt",
        "REGISTRY_HTP_ADDR: slip",
    ] {
        assert!(handed_on(&env, line), "{line}");
    }
}

#[test]
fn compose_lists_every_variable_that_is_documented() {
    let compose = fs::read_to_string(workspace().join("compose.yaml")).unwrap();
    let listed = |name: &str| {
        compose
            .lines()
            .any(|line| line.trim() == format!("- {name}"))
    };
    let document = fs::read_to_string(workspace().join("docs/configuration.md")).unwrap();
    // | key | default | variable | meaning |
    let variables = document
        .lines()
        .filter_map(|line| line.split('|').nth(3))
        .filter_map(|cell| cell.trim().strip_prefix("`REGISTRY_"));
    let mut count = 0;
    for variable in variables {
        // `REGISTRY_STORAGE=inmemory` is a value too; what is named by the operator is in its section.
        let end = variable.find(['=', '`']).unwrap();
        let name = variable[..end].trim_end_matches("_<NAME>");
        assert!(listed(&format!("REGISTRY_{name}")), "{name}");
        count += 1;
    }
    assert!(count > 40, "only {count} variables found");
}

/// `docker-compose` on the file in a folder.
fn in_folder(compose: &Path, folder: &Path) -> Run {
    Run::new(compose)
        .arg("--project-directory")
        .arg(folder)
        .arg("--file")
        .arg(folder.join("compose.yaml"))
}

/// What compose reads of the repository.
fn lay_out(folder: &Path) {
    fs::create_dir(folder.join("image")).unwrap();
    for name in ["compose.yaml", "image/none.env"] {
        fs::copy(workspace().join(name), folder.join(name)).unwrap();
    }
}

/// The folders that the README has people make, without the passwords.
fn give_certificate(folder: &Path, certificate: &Certificate) {
    for name in ["certs", "basic-auth"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    let certs = folder.join("certs");
    fs::copy(certificate.file(), certs.join("docker-registry.crt")).unwrap();
    fs::copy(certificate.key(), certs.join("docker-registry.key")).unwrap();
}

/// The `.env` that people begin with.
fn example() -> String {
    fs::read_to_string(workspace().join(".env.example")).unwrap()
}

fn workspace() -> &'static Path {
    // The crate lies directly below the workspace.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Takes the containers, the network and the volume away, whatever became of the test.
struct Down<F: Fn()>(F);

impl<F: Fn()> Drop for Down<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
