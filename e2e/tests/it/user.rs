//! Somebody who uses docker, and the image that they build and push.

use std::path::PathBuf;

use wharf_e2e::docker::Docker;
use wharf_e2e::image;
use wharf_e2e::needs::Missing;
use wharf_e2e::registry::Registry;

/// The tag under which the image is pushed at first.
pub(crate) const TAG: &str = "0.1";
/// The repository.
pub(crate) const REPOSITORY: &str = "greet";

/// Somebody with docker and a busybox.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) docker: Docker,
    pub(crate) busybox: PathBuf,
}

/// What the user knows of an image after pushing it.
#[derive(Debug)]
pub(crate) struct Pushed {
    pub(crate) name: String,
    pub(crate) greeting: String,
    pub(crate) digest: String,
    pub(crate) said: String,
}

impl User {
    pub(crate) fn new() -> Result<Self, Missing> {
        Ok(Self {
            busybox: image::busybox()?,
            docker: Docker::new()?,
        })
    }

    /// Builds `greet:0.1` and pushes it.
    pub(crate) fn push(&self, registry: &Registry) -> Pushed {
        let name = registry.image(&format!("{REPOSITORY}:{TAG}"));
        let greeting = image::build(&self.docker, &self.busybox, &name);
        let said = self.docker.run(["push", &name]).ok();
        Pushed {
            name,
            greeting,
            digest: pushed_digest(&said),
            said,
        }
    }

    /// Tags what was pushed once more and pushes it under the new tag; returns what docker said.
    pub(crate) fn push_again(&self, registry: &Registry, pushed: &Pushed, tag: &str) -> String {
        let name = registry.image(&format!("{REPOSITORY}:{tag}"));
        self.docker.run(["tag", &pushed.name, &name]).ok();
        let said = self.docker.run(["push", &name]).ok();
        assert_eq!(pushed_digest(&said), pushed.digest);
        said
    }

    /// Forgets an image, so that a pull has to fetch it.
    pub(crate) fn forget(&self, names: &[&str]) {
        self.docker.run(["rmi", "--force"]).args(names).ok();
    }

    /// Runs an image without any network and returns what it printed.
    pub(crate) fn run(&self, name: &str) -> String {
        self.docker
            .run(["run", "--rm", "--network", "none", name])
            .ok()
    }
}

/// The digest in the last line of `docker push`.
pub(crate) fn pushed_digest(said: &str) -> String {
    let digest = said
        .lines()
        .find_map(|line| line.split_once("digest: ")?.1.split(' ').next());
    digest
        .unwrap_or_else(|| panic!("docker named no digest: {said}"))
        .to_owned()
}
