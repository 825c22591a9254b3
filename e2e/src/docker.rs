//! The docker client, with its own folder for what it knows of registries.

use tempfile::TempDir;

use crate::engine::Engine;
use crate::needs::Missing;
use crate::run::Run;

/// A user of the shared engine.
#[derive(Debug)]
pub struct Docker {
    engine: &'static Engine,
    home: TempDir,
}

impl Docker {
    /// A user who is logged in nowhere.
    pub fn new() -> Result<Self, Missing> {
        Ok(Self {
            engine: Engine::shared()?,
            home: tempfile::tempdir().unwrap(),
        })
    }

    /// Prepares `docker` with these arguments.
    pub fn run<I: IntoIterator<Item: AsRef<std::ffi::OsStr>>>(&self, arguments: I) -> Run {
        self.prepare(Run::new("docker")).args(arguments)
    }

    /// Prepares another command that will call `docker`.
    pub fn prepare(&self, run: Run) -> Run {
        run.env("DOCKER_HOST", self.engine.host())
            .env("DOCKER_CONFIG", self.home.path())
            // The classic builder is the one that both Debian's docker and newer ones without plug-ins have.
            .env("DOCKER_BUILDKIT", "0")
    }
}

/// A bridge of its own for published ports; removed when the test is over, however it ends.
#[derive(Debug)]
pub struct Network<'a> {
    docker: &'a Docker,
    id: String,
}

impl<'a> Network<'a> {
    /// Has docker choose the addresses.
    pub fn new(docker: &'a Docker, name: &str) -> Result<Self, Missing> {
        let output = docker.run(["network", "create", name]).output();
        if !output.succeeded() {
            let why = output.stderr.trim();
            return Err(Missing::new(format!("docker makes no network: {why}")));
        }
        Ok(Self {
            docker,
            id: output.text().trim().to_owned(),
        })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for Network<'_> {
    fn drop(&mut self) {
        self.docker.run(["network", "rm", &self.id]).output();
    }
}

/// A container in the background; removed when the test is over, however it ends.
#[derive(Debug)]
pub struct Container<'a> {
    docker: &'a Docker,
    id: String,
}

impl<'a> Container<'a> {
    /// Starts a container in the background.
    pub fn start<I: IntoIterator<Item: AsRef<std::ffi::OsStr>>>(
        docker: &'a Docker,
        arguments: I,
    ) -> Self {
        let id = docker.run(["run", "--detach"]).args(arguments).ok();
        Self {
            docker,
            id: id.trim().to_owned(),
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let logs = self.docker.run(["logs", "--tail", "40", &self.id]).output();
            #[expect(
                clippy::print_stderr,
                reason = "belongs to the output of the failing test"
            )]
            {
                eprintln!("--- the container's log:\n{}", logs.everything());
            }
        }
        self.docker
            .run(["rm", "--force", "--volumes", &self.id])
            .output();
    }
}
