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
    lay_out(folder.path(), &certificate, port);
    Run::new(htpasswd)
        .args(["-Bbc"])
        .arg(folder.path().join("basic-auth/registry.password"))
        .args(["alice", "secret"])
        .ok();
    let run = |arguments: &[&str]| {
        Run::new(&compose)
            .env("DOCKER_HOST", engine.host())
            .arg("--project-directory")
            .arg(folder.path())
            .arg("--file")
            .arg(folder.path().join("compose.yaml"))
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
}

/// The files that the README has people make, beside the repository's own.
fn lay_out(folder: &Path, certificate: &Certificate, port: u16) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::copy(workspace.join("compose.yaml"), folder.join("compose.yaml")).unwrap();
    for name in ["certs", "basic-auth"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    let certs = folder.join("certs");
    fs::copy(certificate.file(), certs.join("docker-registry.crt")).unwrap();
    fs::copy(certificate.key(), certs.join("docker-registry.key")).unwrap();
    let example = fs::read_to_string(workspace.join(".env.example")).unwrap();
    let ours = format!("WHARF_PORT=127.0.0.1:{port}\nWHARF_IMAGE={IMAGE}\n");
    let kept = example
        .lines()
        .filter(|line| !line.starts_with("WHARF_PORT="));
    let env = kept.fold(ours, |env, line| env + line + "\n");
    fs::write(folder.join(".env"), env).unwrap();
}

/// Takes the containers, the network and the volume away, whatever became of the test.
struct Down<F: Fn()>(F);

impl<F: Fn()> Drop for Down<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
