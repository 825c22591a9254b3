//! What cargo and git know of this workspace: its packages, its folders, its files.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Outcome;
use crate::program;

/// The workspace that `cargo xtask` was called in.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One member of the workspace and what it depends on.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A line under `[dependencies]`, `[build-dependencies]` or `[dev-dependencies]`.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) only_for_tests: bool,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Outcome<Self> {
        let mut cargo = cargo();
        cargo.args(["metadata", "--format-version", "1", "--no-deps"]);
        Self::from_metadata(&serde_json::from_str(&program::output(&mut cargo)?)?)
            .ok_or_else(|| "`cargo metadata` answered in an unknown form".into())
    }

    /// Every file of the project, relative to its root: what git tracks, and what it would if it were added.
    pub(crate) fn files(&self) -> Outcome<Vec<PathBuf>> {
        let mut git = Command::new("git");
        // A clone that another user made (a container's, say) may be listed all the same.
        git.current_dir(&self.root).args(["-c", "safe.directory=*"]);
        git.args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]);
        let listed = program::output(&mut git)?;
        let mut files: Vec<PathBuf> = listed
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(PathBuf::from)
            .collect();
        files.sort();
        files.dedup();
        files.retain(|file| self.root.join(file).is_file());
        Ok(files)
    }

    /// A command of cargo's, run in the root.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = cargo();
        cargo.current_dir(&self.root).args(arguments);
        cargo
    }

    fn from_metadata(metadata: &Value) -> Option<Self> {
        let packages = metadata["packages"]
            .as_array()?
            .iter()
            .map(Package::from_metadata)
            .collect::<Option<_>>()?;
        Some(Self {
            root: Path::new(metadata["workspace_root"].as_str()?).to_owned(),
            target: Path::new(metadata["target_directory"].as_str()?).to_owned(),
            packages,
        })
    }
}

impl Package {
    fn from_metadata(package: &Value) -> Option<Self> {
        let dependencies = package["dependencies"]
            .as_array()?
            .iter()
            .map(Dependency::from_metadata)
            .collect::<Option<_>>()?;
        Some(Self {
            name: package["name"].as_str()?.to_owned(),
            dependencies,
        })
    }
}

impl Dependency {
    fn from_metadata(dependency: &Value) -> Option<Self> {
        Some(Self {
            name: dependency["name"].as_str()?.to_owned(),
            only_for_tests: dependency["kind"].as_str() == Some("dev"),
        })
    }
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
