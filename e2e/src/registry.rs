//! A server in a folder of its own, on a port of its own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::config::Config;
use crate::curl::Curl;
use crate::daemon::Daemon;
use crate::program::Program;
use crate::run::{Output, Run};
use crate::wait;

/// A running server; dropped, it is killed and its folder removed.
#[derive(Debug)]
pub struct Registry {
    daemon: Daemon,
    place: Place,
    program: Program,
}

/// Where servers live one after the other: a store, an address, and what they are told.
#[derive(Debug)]
pub struct Place {
    folder: TempDir,
    port: u16,
    config: Config,
}

impl Registry {
    /// Starts the server under test in a place of its own.
    pub fn start(config: Config) -> Self {
        Place::new(config).start(&Program::wharf())
    }

    /// `127.0.0.1:<port>`, as it stands before the name of an image.
    pub fn host(&self) -> String {
        self.place.host()
    }

    /// The name of an image in this registry.
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.host())
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.place.port
    }

    /// A URL below this server.
    pub fn url(&self, path: &str) -> String {
        self.place.url(path)
    }

    /// A curl that is about to ask for a path.
    pub fn curl(&self, path: &str) -> Curl {
        Curl::new(&self.url(path))
    }

    /// The root folder of the store.
    pub fn store(&self) -> PathBuf {
        self.place.store()
    }

    /// A folder below `docker/registry/v2`.
    pub fn stored(&self, path: &str) -> PathBuf {
        self.place.stored(path)
    }

    /// Where the content of a digest lies in the store.
    pub fn blob(&self, digest: &str) -> PathBuf {
        self.place.blob(digest)
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.daemon.id()
    }

    /// Everything it printed so far.
    pub fn log(&self) -> String {
        self.daemon.log()
    }

    /// Collects garbage with the same program and the same configuration, while it serves.
    pub fn collect(&self, flags: &[&str]) -> Output {
        self.place.collect(&self.program, flags)
    }

    /// Asks it to stop and leaves the place to the next one.
    ///
    /// # Panics
    ///
    /// If Wharf does not stop, or says that it did not stop well. Distribution dies of the signal.
    pub fn stop(self) -> Place {
        self.stop_by("TERM")
    }

    /// Asks it to stop by a signal of this name.
    ///
    /// # Panics
    ///
    /// As [`Registry::stop`] does.
    pub fn stop_by(mut self, signal: &str) -> Place {
        let status = self.daemon.end(signal, PATIENCE);
        assert!(
            status.success() || matches!(self.program, Program::Distribution(_)),
            "the registry ended with {status} on SIG{signal}; its log:\n{}",
            self.log()
        );
        let Self { place, .. } = self;
        place
    }

    /// Ends it in the middle of whatever it does, as a crash would.
    pub fn kill(mut self) -> Place {
        self.daemon.end("KILL", PATIENCE);
        let Self { place, .. } = self;
        place
    }
}

impl Place {
    /// Chooses a folder and a port.
    pub fn new(config: Config) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("wharf-e2e-")
            .tempdir()
            .unwrap();
        fs::create_dir(folder.path().join("store")).unwrap();
        let place = Self {
            folder,
            port: free_port(),
            config,
        };
        place.write_configuration();
        place
    }

    /// Starts a server here and waits until it answers.
    ///
    /// # Panics
    ///
    /// If it ends instead, or does not answer.
    pub fn start(self, program: &Program) -> Registry {
        let mut command = Command::new(program.path());
        command
            .arg("serve")
            .arg(self.configuration())
            .current_dir(self.folder.path())
            .envs(self.environment());
        let log = self.folder.path().join("log");
        let mut daemon = Daemon::start(&mut command, log, "").unwrap();
        wait::until("the registry to listen", PATIENCE, || {
            if let Some(status) = daemon.ended() {
                panic!("{program:?} ended with {status}:\n{}", daemon.log());
            }
            TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
        let registry = Registry {
            daemon,
            place: self,
            program: program.clone(),
        };
        let answer = registry.curl("/v2/").insecure().send();
        // Under a prefix this path is not there, and yet answered.
        assert!(matches!(answer.status, 200 | 401 | 404), "{answer:?}");
        registry
    }

    /// Collects garbage; a server may or may not be running here.
    pub fn collect(&self, program: &Program, flags: &[&str]) -> Output {
        Run::new(program.path())
            .arg("garbage-collect")
            .args(flags)
            .arg(self.configuration())
            .envs(&self.environment())
            .dir(self.folder.path())
            .output()
    }

    /// Verifies the store with a program while nothing serves it.
    pub fn verify(&self, program: &Program) -> Output {
        Run::new(program.path())
            .arg("verify")
            .arg(self.configuration())
            .envs(&self.environment())
            .dir(self.folder.path())
            .output()
    }

    /// Tells the next server something else.
    #[must_use]
    pub fn configured(mut self, config: Config) -> Self {
        self.config = config;
        self.write_configuration();
        self
    }

    /// Where the content of a digest lies in the store.
    pub fn blob(&self, digest: &str) -> PathBuf {
        let (algorithm, hex) = digest.split_once(':').unwrap();
        self.stored(&format!("blobs/{algorithm}/{}/{hex}/data", &hex[..2]))
    }

    /// A folder below `docker/registry/v2`.
    pub fn stored(&self, path: &str) -> PathBuf {
        self.store().join("docker/registry/v2").join(path)
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn url(&self, path: &str) -> String {
        let scheme = if self.config.is_secure() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}{path}", self.host())
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// The configuration file.
    pub fn configuration(&self) -> PathBuf {
        self.folder.path().join("config.yml")
    }

    fn write_configuration(&self) {
        let yaml = self.config.yaml(&self.host(), &self.store());
        fs::write(self.configuration(), yaml).unwrap();
    }

    fn environment(&self) -> Vec<(String, String)> {
        self.config.environment(&self.host(), &self.store())
    }
}

/// A port that nobody listens on and that no outgoing connection will take: the kernel gives those higher numbers.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test runs beside each other begin at different places.
    let first = u16::try_from(std::process::id() % 100).unwrap() * 100;
    loop {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The names in a folder, sorted.
pub fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// How long a server may take to start or stop on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
