//! Images that run: busybox from scratch, as there is nothing to pull from.

use std::fs;
use std::path::{Path, PathBuf};

use crate::docker::Docker;
use crate::needs::{self, Missing};
use crate::run::Run;

/// Finds a busybox that runs in an image with nothing else in it.
pub fn busybox() -> Result<PathBuf, Missing> {
    let busybox = needs::program("busybox")?;
    // Where there is a dynamic loader to name, `ldd` names it and succeeds.
    let dynamic = Run::new("ldd").arg(&busybox).output().succeeded();
    if dynamic {
        return Err(Missing::new(
            "busybox is not static (Debian package busybox-static)",
        ));
    }
    Ok(busybox)
}

/// Has docker build an image of two layers that greets when it runs; returns the greeting.
///
/// Images of different names share no layer but the last, and nothing of the builder's cache: a test may remove what it built.
pub fn build(docker: &Docker, busybox: &Path, name: &str) -> String {
    let greeting = format!("hello from {name}");
    let context = tempfile::tempdir().unwrap();
    fs::copy(busybox, context.path().join("busybox")).unwrap();
    fs::write(context.path().join("greeting"), &greeting).unwrap();
    fs::write(context.path().join("Dockerfile"), DOCKERFILE).unwrap();
    docker
        .run(["build", "--tag", name])
        .arg(context.path())
        .ok();
    greeting
}

/// Packs what is in a folder, as the user of users.
pub fn pack(folder: &Path) -> Vec<u8> {
    let tar = Run::new("tar")
        .args(["--create", "--owner=0", "--group=0", "--numeric-owner"])
        .arg("--directory")
        .arg(folder)
        .arg(".")
        .output();
    assert!(tar.succeeded(), "{tar}");
    tar.stdout
}

const DOCKERFILE: &str = r#"FROM scratch
COPY greeting /etc/greeting
COPY busybox /bin/busybox
CMD ["/bin/busybox", "cat", "/etc/greeting"]
"#;
