//! podman: pushed and pulled without an engine, run where this machine lets it.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use wharf_e2e::certificate::Certificate;
use wharf_e2e::config::Config;
use wharf_e2e::layout::MANIFEST;
use wharf_e2e::needs::{self, Missing};
use wharf_e2e::registry::Registry;
use wharf_e2e::run::Run;
use wharf_e2e::{digest, image, need};

#[test]
fn podman_pushes_and_pulls() {
    let podman = need!(Podman::new());
    let registry = Registry::start(Config::new());
    let name = registry.image("pod/greet:1");
    podman.import(&name);

    let push = ["push", "--tls-verify=false", "--format", "oci", &name];
    podman.run(push).ok();

    let answer = registry.curl("/v2/pod/greet/manifests/1");
    let answer = answer.accept(&[MANIFEST]).send().expect(200);
    assert_eq!(answer.digest(), digest::of(&answer.body));
    podman.run(["rmi", "--force", &name]).ok();
    podman
        .run(["pull", "--quiet", "--tls-verify=false", &name])
        .ok();
    let digest = ["image", "inspect", "--format", "{{.Digest}}", &name];
    assert_eq!(podman.run(digest).ok().trim(), answer.digest());
}

#[test]
fn podman_runs_what_it_pulls() {
    let podman = need!(Podman::new());
    need!(podman.can_run());
    let registry = Registry::start(Config::new());
    let name = registry.image("pod/greet:1");
    podman.import(&name);
    podman.run(["push", "--tls-verify=false", &name]).ok();
    podman.run(["rmi", "--force", &name]).ok();

    podman
        .run(["pull", "--quiet", "--tls-verify=false", &name])
        .ok();

    assert_eq!(podman.container(&name).ok(), GREETING);
}

#[test]
fn podman_logs_in_over_tls() {
    let podman = need!(Podman::new());
    let certificate = need!(Certificate::new());
    let htpasswd = need!(needs::program("htpasswd"));
    let users = podman.folder.path().join("users");
    let line = Run::new(htpasswd).args(["-Bbn", "testuser", "password"]);
    fs::write(&users, line.ok()).unwrap();
    let registry = Registry::start(
        Config::shipped()
            .env("REGISTRY_HTTP_TLS_CERTIFICATE", certificate.file())
            .env("REGISTRY_HTTP_TLS_KEY", certificate.key())
            .env("REGISTRY_AUTH_HTPASSWD_REALM", "Registry Realm")
            .env("REGISTRY_AUTH_HTPASSWD_PATH", &users),
    );
    let trusted = podman.folder.path().join("trusted");
    fs::create_dir(&trusted).unwrap();
    fs::copy(certificate.file(), trusted.join("ca.crt")).unwrap();
    let trusted = format!("--cert-dir={}", trusted.display());
    let name = registry.image("pod/greet:1");
    podman.import(&name);
    let push = || podman.run(["push", &trusted, &name]);
    let login = |password: &str| {
        podman
            .run(["login", &trusted, "--username=testuser"])
            .args(["--password-stdin", &registry.host()])
            .input(password)
    };

    push().fails();
    login("wrong").fails();
    login("password").ok();
    push().ok();
}

const GREETING: &str = "hello from podman";

/// podman with its own storage.
#[derive(Debug)]
struct Podman {
    folder: TempDir,
    busybox: PathBuf,
}

impl Podman {
    fn new() -> Result<Self, Missing> {
        needs::program("podman")?;
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("auth.json"), "{}").unwrap();
        Ok(Self {
            busybox: image::busybox()?,
            folder,
        })
    }

    fn run<const N: usize>(&self, arguments: [&str; N]) -> Run {
        let folder = self.folder.path();
        Run::new("podman")
            .args(["--storage-driver", "vfs", "--root"])
            .arg(folder.join("root"))
            .arg("--runroot")
            .arg(folder.join("runroot"))
            .arg("--tmpdir")
            .arg(folder.join("tmp"))
            .args(["--cgroup-manager=cgroupfs", "--events-backend=none"])
            .args(arguments)
            .env("HOME", folder)
            .env("REGISTRY_AUTH_FILE", folder.join("auth.json"))
    }

    /// Makes an image that greets.
    fn import(&self, name: &str) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("bin")).unwrap();
        fs::copy(&self.busybox, root.path().join("bin/busybox")).unwrap();
        let archive = self.folder.path().join("root.tar");
        fs::write(&archive, image::pack(root.path())).unwrap();
        let command = format!("CMD [\"/bin/busybox\", \"echo\", \"-n\", \"{GREETING}\"]");
        self.run(["import", "--quiet", "--change", &command])
            .arg(&archive)
            .arg(name)
            .ok();
    }

    /// Runs an image with the least that podman can be content with.
    fn container(&self, name: &str) -> Run {
        // podman's own limits are higher than a user, or a root without all rights, may set.
        self.run(["run", "--rm", "--network=none", "--ulimit=nofile=256:256"])
            .args(["--ulimit=nproc=256:256", name])
    }

    /// Running containers asks for more rights than pushing and pulling.
    fn can_run(&self) -> Result<(), Missing> {
        self.import("localhost/probe");
        let output = self.container("localhost/probe").output();
        if output.succeeded() {
            return Ok(());
        }
        let why = output.stderr.trim();
        Err(Missing::new(format!(
            "podman runs no container here: {why}"
        )))
    }
}
