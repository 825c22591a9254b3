//! The container image: built without a network, started as people start `registry:2`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use wharf_e2e::certificate::Certificate;
use wharf_e2e::docker::{Container, Docker, Network};
use wharf_e2e::needs::{self, Missing};
use wharf_e2e::program::Program;
use wharf_e2e::registry::free_port;
use wharf_e2e::run::Run;
use wharf_e2e::{image, need, wait};

use crate::user::pushed_digest;

pub(crate) const IMAGE: &str = "wharf:e2e";
const SHIPPED: &str = "/etc/docker/registry/config.yml";

#[test]
fn the_image_declares_what_distributions_does() {
    let docker = need!(with_image());
    let image = docker.run(["image", "inspect", IMAGE]).ok();
    let image: Value = serde_json::from_str(&image).unwrap();
    let config = &image[0]["Config"];

    assert_eq!(config["Entrypoint"], json!(["/entrypoint.sh"]));
    assert_eq!(config["Cmd"], json!([SHIPPED]));
    assert_eq!(config["ExposedPorts"], json!({"5000/tcp": {}}));
    assert_eq!(config["Volumes"], json!({"/var/lib/registry": {}}));
}

#[test]
fn the_default_command_serves_and_keeps_what_is_pushed() {
    let docker = need!(with_image());
    let busybox = need!(image::busybox());
    let network = need!(Network::new(&docker, "default-command"));
    let server = Server::start(&docker, &network, 5000, &["-e", DELETE_ENABLED], &[]);
    let name = format!("127.0.0.1:{}/greet:1", server.port);
    let greeting = image::build(&docker, &busybox, &name);

    let digest = pushed_digest(&docker.run(["push", &name]).ok());

    let first = server.exec(&["cat", "/proc/1/cmdline"]).ok();
    assert_eq!(first, format!("registry\0serve\0{SHIPPED}\0"));
    let find = "find /var/lib/registry -type f";
    let found = server.exec(&["/bin/sh", "-c", find]).ok();
    let tag =
        "/var/lib/registry/docker/registry/v2/repositories/greet/_manifests/tags/1/current/link";
    assert!(found.lines().any(|line| line == tag), "{found}");

    let start = Instant::now();
    docker.run(["stop", "--time", "60", server.id()]).ok();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    let inspect = ["inspect", "--format", "{{.State.ExitCode}}", server.id()];
    let code = docker.run(inspect).ok();
    assert_eq!(code.trim(), "0");

    docker.run(["start", server.id()]).ok();
    server.wait("http", &[]);
    docker.run(["rmi", "--force", &name]).ok();
    docker.run(["pull", &name]).ok();
    let run = ["run", "--rm", "--network", "none", &name];
    assert_eq!(docker.run(run).ok(), greeting);

    // As in the notes, from beside the server.
    let url = format!(
        "http://127.0.0.1:{}/v2/greet/manifests/{digest}",
        server.port
    );
    let delete = Run::new("curl").args(["--silent", "--noproxy", "*", "--fail"]);
    delete.args(["-X", "DELETE", &url]).ok();
    let collected = server
        .exec(&["bin/registry", "garbage-collect", SHIPPED])
        .ok();
    let line = format!("blob eligible for deletion: {digest}");
    assert!(collected.contains(&line), "{collected}");
    let found = server.exec(&["/bin/sh", "-c", find]).ok();
    let blobs = "/var/lib/registry/docker/registry/v2/blobs/";
    assert!(!found.contains(blobs), "{found}");
}

#[test]
fn a_changed_copy_of_the_configuration_is_served_by_its_bare_name() {
    let docker = need!(with_image());
    let network = need!(Network::new(&docker, "bare-name"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yml");
    let plain = Server::start(&docker, &network, 5000, &[], &[]);
    let inside = format!("{}:{SHIPPED}", plain.id());
    docker.run(["cp", &inside]).arg(&file).ok();
    Run::new("sed").args(["-i", "s/5000/80/"]).arg(&file).ok();

    let mount = format!("{}:/config.yml", file.display());
    let changed = Server::start(&docker, &network, 80, &["-v", &mount], &["config.yml"]);

    let first = changed.exec(&["cat", "/proc/1/cmdline"]).ok();
    assert_eq!(first, "registry\0serve\0config.yml\0");
}

#[test]
fn commands_and_flags_reach_the_registry_and_other_words_the_shell() {
    let docker = need!(with_image());
    let run = |arguments: &[&str]| {
        docker
            .run(["run", "--rm", "--network", "none", IMAGE])
            .args(arguments)
    };
    assert!(run(&["--version"]).ok().starts_with("registry "));
    assert!(run(&["help"]).ok().contains("garbage-collect"));
    assert_eq!(run(&["sh", "-c", "echo hello"]).ok(), "hello\n");
    let failed = run(&["garbage-collect", "/no/such/config.yml"]).fails();
    assert!(failed.stderr.contains("configuration error: "), "{failed}");

    let network = need!(Network::new(&docker, "serve-command"));
    let serve = ["serve", SHIPPED];
    let server = Server::start(&docker, &network, 5000, &[], &serve);
    let collect = ["registry", "garbage-collect", "--dry-run", SHIPPED];
    server.exec(&collect).ok();
}

#[test]
fn certificates_and_passwords_are_mounted_and_named_by_variables() {
    let docker = need!(with_image());
    let certificate = need!(Certificate::new());
    let htpasswd = need!(needs::program("htpasswd"));
    let network = need!(Network::new(&docker, "secured"));
    let folder = tempfile::tempdir().unwrap();
    let users = Run::new(htpasswd).args(["-Bbn", "testuser", "password"]);
    fs::write(folder.path().join("htpasswd"), users.ok()).unwrap();
    fs::copy(certificate.file(), folder.path().join("domain.crt")).unwrap();
    fs::copy(certificate.key(), folder.path().join("domain.key")).unwrap();
    let mount = format!("{}:/secured", folder.path().display());
    let options = [
        "-v",
        &mount,
        "-e",
        "REGISTRY_HTTP_ADDR=0.0.0.0:443",
        "-e",
        "REGISTRY_AUTH=htpasswd",
        "-e",
        "REGISTRY_AUTH_HTPASSWD_REALM=Registry Realm",
        "-e",
        "REGISTRY_AUTH_HTPASSWD_PATH=/secured/htpasswd",
        "-e",
        "REGISTRY_HTTP_TLS_CERTIFICATE=/secured/domain.crt",
        "-e",
        "REGISTRY_HTTP_TLS_KEY=/secured/domain.key",
    ];

    let server = Server::run(&docker, &network, 443, &options, &[]);

    server.wait("https", &["-k", "-u", "testuser:password"]);
    let url = format!("https://127.0.0.1:{}/v2/_catalog", server.port);
    let refused = Run::new("curl").args(["-skf", "--noproxy", "*", &url]);
    assert_eq!(refused.fails().code(), Some(22));
}

const DELETE_ENABLED: &str = "REGISTRY_STORAGE_DELETE_ENABLED=true";

/// A server in a container, published on this machine.
#[derive(Debug)]
struct Server<'a> {
    docker: &'a Docker,
    container: Container<'a>,
    port: u16,
}

impl<'a> Server<'a> {
    /// Runs the image and waits until it answers in plain HTTP.
    fn start(
        docker: &'a Docker,
        network: &Network<'_>,
        inside: u16,
        options: &[&str],
        command: &[&str],
    ) -> Self {
        let server = Self::run(docker, network, inside, options, command);
        server.wait("http", &[]);
        server
    }

    fn run(
        docker: &'a Docker,
        network: &Network<'_>,
        inside: u16,
        options: &[&str],
        command: &[&str],
    ) -> Self {
        let port = free_port();
        let publish = format!("127.0.0.1:{port}:{inside}");
        let own = ["--network", network.id(), "-p", &publish];
        let arguments = [&own, options, &[IMAGE], command].concat();
        Self {
            docker,
            container: Container::start(docker, arguments),
            port,
        }
    }

    /// The port is open before the server is: docker itself listens there.
    fn wait(&self, scheme: &str, flags: &[&str]) {
        let url = format!("{scheme}://127.0.0.1:{}/v2/", self.port);
        wait::until("the container to answer", Duration::from_secs(30), || {
            let curl = Run::new("curl").args(["-sf", "--noproxy", "*"]);
            let output = curl.args(flags).arg(&url).output();
            (output.text() == "{}").then_some(())
        });
    }

    fn exec(&self, command: &[&str]) -> Run {
        self.docker.run(["exec", self.id()]).args(command)
    }

    fn id(&self) -> &str {
        self.container.id()
    }
}

/// A docker whose engine has the image; built once for all tests.
pub(crate) fn with_image() -> Result<Docker, Missing> {
    static BUILT: OnceLock<Result<(), Missing>> = OnceLock::new();
    let docker = Docker::new()?;
    BUILT
        .get_or_init(|| build(&docker, &image::busybox()?))
        .clone()?;
    Ok(docker)
}

/// Builds the image as the Dockerfile has it, on a base with nothing but busybox and what the binary under test is linked to.
fn build(docker: &Docker, busybox: &Path) -> Result<(), Missing> {
    let binary = Program::wharf().path().to_owned();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = tempfile::tempdir().unwrap();

    let base = folder.path().join("base");
    lay_out_base(&base, busybox, &binary);
    let import = docker.run(["import", "-", "base:e2e"]);
    import.input(image::pack(&base)).ok();

    let context = folder.path().join("context");
    fs::create_dir_all(context.join("image")).unwrap();
    fs::copy(&binary, context.join("registry")).unwrap();
    for file in ["Dockerfile", "image/entrypoint.sh", "image/config.yml"] {
        fs::copy(workspace.join(file), context.join(file)).unwrap();
    }
    docker
        .run(["build", "--tag", IMAGE, "--network", "none"])
        .args(["--build-arg", "BASE=base:e2e"])
        .args(["--build-arg", "BUILDER=base:e2e"])
        .arg(&context)
        .ok();
    Ok(())
}

fn lay_out_base(root: &Path, busybox: &Path, binary: &Path) {
    fs::create_dir_all(root.join("bin")).unwrap();
    fs::create_dir_all(root.join("tmp")).unwrap();
    fs::copy(busybox, root.join("bin/busybox")).unwrap();
    let applets = Run::new(busybox).arg("--list").ok();
    for applet in applets.lines().filter(|&applet| applet != "busybox") {
        symlink("busybox", root.join("bin").join(applet)).unwrap();
    }
    // A static binary has no libraries, and `ldd` fails on it.
    let libraries = Run::new("ldd").arg(binary).output().text();
    let paths = libraries
        .split_whitespace()
        .filter(|word| word.starts_with('/'));
    for path in paths {
        let copy = root.join(path.trim_start_matches('/'));
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(path, copy).unwrap();
    }
}
