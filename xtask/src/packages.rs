//! What the tests need besides Rust, and where Debian has it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::program;

/// Installs what is missing. Where that is not possible it says which tests will be left out; under `CI=true` it fails instead.
pub(crate) fn provide() -> Outcome {
    let missing = missing();
    if missing.is_empty() {
        println!("everything is here");
        return Ok(());
    }
    let outcome = Installer::find().and_then(|installer| installer.install(&packages(&missing)));
    let missing = self::missing();
    if missing.is_empty() {
        return Ok(());
    }
    if let Err(error) = outcome {
        println!("not everything could be installed: {error}");
    }
    for need in &missing {
        println!(
            "missing: {} (Debian package {}): {} will be left out",
            need.program, need.package, need.tests
        );
    }
    if std::env::var("CI").is_ok_and(|value| value == "true") {
        return Err("with CI=true no test may be left out".into());
    }
    Ok(())
}

/// Installs what a chore cannot do without, and says where it lies.
pub(crate) fn require<const N: usize>(names: [&str; N]) -> Outcome<[PathBuf; N]> {
    let missing: Vec<&Need> = missing()
        .into_iter()
        .filter(|need| names.contains(&need.program))
        .collect();
    if !missing.is_empty() {
        Installer::find()?.install(&packages(&missing))?;
    }
    let mut found = names.map(PathBuf::from);
    for (file, name) in found.iter_mut().zip(names) {
        *file = program::find(name).ok_or_else(|| format!("{name} is not installed"))?;
    }
    Ok(found)
}

/// A program, the package that brings it, and the tests that cannot do without.
#[derive(Debug)]
struct Need {
    program: &'static str,
    package: &'static str,
    tests: &'static str,
}

impl Need {
    const fn new(program: &'static str, package: &'static str, tests: &'static str) -> Self {
        Self {
            program,
            package,
            tests,
        }
    }

    fn is_met(&self) -> bool {
        let Some(file) = program::find(self.program) else {
            return false;
        };
        // busybox is the whole of the images that the tests build, so it must run without a C library.
        self.program != "busybox" || is_static(&file)
    }
}

/// A C compiler is not among them: without its linker this program would not be there to ask for it.
const NEEDS: [Need; 14] = [
    Need::new("git", "git", "the shape of the tree"),
    Need::new("dockerd", "docker.io", "the tests with docker"),
    Need::new("docker", "docker.io", "the tests with docker"),
    Need::new(
        "docker-compose",
        "docker-compose",
        "the test of the compose file",
    ),
    Need::new("busybox", "busybox-static", "the tests with docker"),
    Need::new(
        "docker-registry",
        "docker-registry",
        "the tests that take turns with Distribution",
    ),
    Need::new("skopeo", "skopeo", "the tests with skopeo"),
    Need::new("podman", "podman", "the tests with podman"),
    Need::new("buildah", "buildah", "the tests with buildah"),
    Need::new(
        "htpasswd",
        "apache2-utils",
        "the tests with passwords made by htpasswd",
    ),
    Need::new("curl", "curl", "the tests with curl"),
    Need::new("openssl", "openssl", "the tests over TLS"),
    Need::new("strace", "strace", "the tests of what is synced"),
    Need::new("valgrind", "valgrind", "the counts of instructions"),
];

fn missing() -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| !need.is_met()).collect()
}

fn packages(needs: &[&Need]) -> BTreeSet<&'static str> {
    needs.iter().map(|need| need.package).collect()
}

/// Whether a program names no loader: the name stands near the beginning of the file.
fn is_static(file: &Path) -> bool {
    let Ok(bytes) = std::fs::read(file) else {
        return false;
    };
    let head = &bytes[..bytes.len().min(4096)];
    !head
        .windows(6)
        .any(|window| window == b"/ld-li" || window == b"/ld-mu")
}

/// Debian's package manager, with the rights to use it.
struct Installer {
    sudo: bool,
}

impl Installer {
    fn find() -> Outcome<Self> {
        if program::find("apt-get").is_none() {
            return Err("there is no apt-get here".into());
        }
        if program::output(Command::new("id").arg("-u"))?.trim() == "0" {
            return Ok(Self { sudo: false });
        }
        let asks_nothing = Command::new("sudo")
            .args(["-n", "true"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match asks_nothing {
            Ok(status) if status.success() => Ok(Self { sudo: true }),
            _ => Err("installing needs root, or sudo without a password".into()),
        }
    }

    fn install(&self, packages: &BTreeSet<&str>) -> Outcome {
        println!(
            "installing {}",
            packages.iter().copied().collect::<Vec<_>>().join(" ")
        );
        // Debian starts a service with its package, and Distribution's would sit on port 5000 from now on.
        let keeps_quiet =
            packages.contains("docker-registry") && Path::new("/run/systemd/system").exists();
        if keeps_quiet {
            program::run(&mut self.command(&[
                "systemctl",
                "mask",
                "--runtime",
                "--quiet",
                DISTRIBUTION,
            ]))?;
        }
        let outcome = self.apt_get(packages);
        if keeps_quiet {
            program::run(&mut self.command(&[
                "systemctl",
                "unmask",
                "--runtime",
                "--quiet",
                DISTRIBUTION,
            ]))?;
            program::run(&mut self.command(&["systemctl", "disable", "--quiet", DISTRIBUTION]))?;
        }
        outcome
    }

    fn apt_get(&self, packages: &BTreeSet<&str>) -> Outcome {
        let quiet = [
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "--quiet",
            "--yes",
        ];
        program::run(self.command(&quiet).arg("update"))?;
        program::run(
            self.command(&quiet)
                .args(["install", "--no-install-recommends"])
                .args(packages),
        )
    }

    fn command(&self, words: &[&str]) -> Command {
        let words: Vec<&str> = if self.sudo {
            [&["sudo", "-n"], words].concat()
        } else {
            words.to_vec()
        };
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command
    }
}

/// The service of Debian's `docker-registry`.
const DISTRIBUTION: &str = "docker-registry.service";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_asked_for_once() {
        let docker: Vec<&Need> = NEEDS
            .iter()
            .filter(|need| need.package == "docker.io")
            .collect();
        assert_eq!(docker.len(), 2);
        assert_eq!(packages(&docker).len(), 1);
    }

    #[test]
    fn what_is_required_is_found() {
        let [sh, ls] = require(["sh", "ls"]).expect("every system has them");
        assert!(sh.ends_with("sh") && ls.ends_with("ls"));
        let error = require(["no-such-program"]).expect_err("nothing brings it");
        assert!(error.to_string().contains("no-such-program"));
    }

    #[test]
    fn a_program_that_is_not_there_is_missing() {
        assert!(!Need::new("no-such-program", "none", "nothing").is_met());
        assert!(Need::new("sh", "dash", "everything").is_met());
    }

    #[test]
    fn a_program_with_a_loader_is_not_static() {
        assert!(!is_static(
            &std::env::current_exe().expect("this test is a file")
        ));
        assert!(!is_static(Path::new("/no/such/file")));
    }
}
