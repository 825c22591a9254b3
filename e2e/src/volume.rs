//! A file system of its own for a store: small, so that it is full soon, and read-only when asked.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::config::Config;
use crate::needs::Missing;
use crate::run::Run;

/// A mounted file system in memory. To be declared before the server that is on it, so that it goes after it.
#[derive(Debug)]
pub struct Volume {
    folder: TempDir,
}

impl Volume {
    /// Mounts one of so many bytes.
    pub fn mount(size: u64) -> Result<Self, Missing> {
        let folder = tempfile::Builder::new()
            .prefix("wharf-volume-")
            .tempdir()
            .unwrap();
        let mounted = Run::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(folder.path())
            .output();
        if !mounted.succeeded() {
            let why = mounted.stderr.trim();
            return Err(Missing::new(format!(
                "no file system can be mounted: {why}"
            )));
        }
        Ok(Self { folder })
    }

    /// A server's configuration with its store here.
    pub fn config(&self) -> Config {
        Config::new().env(
            "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY",
            self.folder.path(),
        )
    }

    /// Lets nothing be written, or lets it again. The kernel does not while a file is open for writing.
    pub fn set_read_only(&self, read_only: bool) {
        let option = if read_only {
            "remount,ro"
        } else {
            "remount,rw"
        };
        Run::new("mount")
            .args(["-o", option])
            .arg(self.folder.path())
            .ok();
    }

    /// Takes all space that is left, until [`Volume::give_back`].
    pub fn fill(&self) {
        let mut options = fs::File::options();
        let mut filler = options
            .create(true)
            .append(true)
            .open(self.filler())
            .unwrap();
        for size in [64 * 1024, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Frees what [`Volume::fill`] took.
    pub fn give_back(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    /// How many bytes are taken.
    pub fn used(&self) -> u64 {
        let folder = self.folder.path();
        let told = Run::new("df")
            .args(["--output=used", "--block-size=1"])
            .arg(folder)
            .ok();
        told.lines().last().unwrap().trim().parse().unwrap()
    }

    /// The files of the store whose path has one of these parts.
    pub fn files_with(&self, parts: &[&str]) -> Vec<PathBuf> {
        let mut found = Vec::new();
        collect(&self.folder.path().join("docker"), &mut found);
        found.retain(|file| {
            parts
                .iter()
                .any(|part| file.to_string_lossy().contains(part))
        });
        found
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("filler")
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = Run::new("umount")
            .arg("--lazy")
            .arg(self.folder.path())
            .output();
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
