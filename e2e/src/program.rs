//! Which server: this workspace's binary, or Debian's Distribution.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::needs::{self, Missing};

/// A server to start; both understand the same command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// The one under test.
    Wharf(PathBuf),
    /// The one it replaces, version 2.8.
    Distribution(PathBuf),
}

impl Program {
    /// Finds or builds the binary under test.
    ///
    /// # Panics
    ///
    /// If it does not build.
    pub fn wharf() -> Self {
        static BINARY: OnceLock<PathBuf> = OnceLock::new();
        let binary = BINARY.get_or_init(|| match std::env::var_os("WHARF_E2E_REGISTRY") {
            Some(path) => PathBuf::from(path),
            None => build(),
        });
        Self::Wharf(binary.clone())
    }

    /// Finds Debian's `docker-registry`.
    pub fn distribution() -> Result<Self, Missing> {
        needs::program("docker-registry").map(Self::Distribution)
    }

    /// The file to run.
    pub fn path(&self) -> &Path {
        match self {
            Self::Wharf(path) | Self::Distribution(path) => path,
        }
    }
}

/// Has cargo bring the binary up to date, beside this test and in its profile.
fn build() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // <target>/<profile>/deps/<test>
    let [_, _, folder, target] = test.ancestors().take(4).collect::<Vec<_>>()[..] else {
        panic!("{} does not lie in a target folder", test.display());
    };
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--package", "wharf-server", "--bin", "registry"])
        .args(["--profile", profile, "--target-dir"])
        .arg(target)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "the registry does not build:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    folder.join("registry")
}
