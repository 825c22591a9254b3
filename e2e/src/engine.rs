//! A Docker Engine of our own: one per run of the tests, started by the first that needs it.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::daemon::Daemon;
use crate::needs::{self, Missing};
use crate::run::Run;

/// A running `dockerd` that shares nothing with another on this machine: not its data, not its bridge, not its firewall rules.
#[derive(Debug)]
pub struct Engine {
    folder: PathBuf,
    /// Told to end by its watcher when the tests are over: statics are not dropped.
    daemon: Daemon,
}

impl Engine {
    /// The engine of this run.
    pub fn shared() -> Result<&'static Self, Missing> {
        static ENGINE: OnceLock<Result<Engine, Missing>> = OnceLock::new();
        ENGINE
            .get_or_init(Self::start)
            .as_ref()
            .map_err(Clone::clone)
    }

    /// The value of `DOCKER_HOST`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("docker.sock")
    }

    fn start() -> Result<Self, Missing> {
        let docker = needs::program("docker")?;
        let dockerd = needs::program("dockerd")?;
        let folder = tempfile::Builder::new()
            .prefix("wharf-e2e-docker-")
            .tempdir()
            .unwrap()
            .keep();
        // A configuration of our own, because the machine's may say anything.
        fs::write(folder.join("daemon.json"), "{}").unwrap();
        let mut command = Command::new(dockerd);
        command
            .arg("--config-file")
            .arg(folder.join("daemon.json"))
            .arg("--data-root")
            .arg(folder.join("data"))
            .arg("--exec-root")
            .arg(folder.join("exec"))
            .arg("--pidfile")
            .arg(folder.join("pid"))
            .arg("--host")
            .arg(format!("unix://{}", folder.join("docker.sock").display()))
            // Another engine's rules stay as they are; ports are published by docker's own proxy.
            .args(["--bridge=none", "--iptables=false", "--ip-forward=false"])
            .args(["--ip-masq=false", "--shutdown-timeout=2"]);
        let clear_away = clear_away(&folder);
        let daemon = Daemon::start(&mut command, folder.join("log"), &clear_away).unwrap();

        let mut engine = Self { folder, daemon };
        match engine.wait().and_then(|()| engine.answers(&docker)) {
            Ok(()) => Ok(engine),
            Err(missing) => {
                engine.give_up();
                Err(missing)
            }
        }
    }

    fn wait(&mut self) -> Result<(), Missing> {
        let end = Instant::now() + PATIENCE;
        while !is_socket(&self.socket()) {
            let why = if let Some(status) = self.daemon.ended() {
                format!("dockerd ended with {status}")
            } else if Instant::now() > end {
                "dockerd does not open its socket".to_owned()
            } else {
                std::thread::sleep(Duration::from_millis(20));
                continue;
            };
            let log = self.daemon.log();
            let last = log.lines().last().unwrap_or_default();
            return Err(Missing::new(format!("{why}: {last}")));
        }
        Ok(())
    }

    /// In peace, because dockerd has processes of its own to end.
    fn give_up(mut self) {
        if self.daemon.ended().is_none() {
            self.daemon.end("TERM", PATIENCE);
        }
        let _ = fs::remove_dir_all(&self.folder);
    }

    /// A client may be too new or too old for the engine that is installed beside it.
    fn answers(&self, docker: &Path) -> Result<(), Missing> {
        let version = Run::new(docker)
            .args(["--host", &self.host(), "version"])
            .output();
        if version.succeeded() {
            return Ok(());
        }
        Err(Missing::new(format!(
            "docker does not understand dockerd: {}",
            version.stderr.trim()
        )))
    }
}

/// What the watcher does once dockerd was told to end: it waits until it has, and removes what it left.
fn clear_away(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "n=0; while [ -e {folder}/pid ] && [ $n -lt 200 ]; do sleep 0.1; n=$((n + 1)); done; rm -rf --one-file-system {folder}"
    )
}

fn is_socket(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.file_type().is_socket())
}

/// How long dockerd may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
