//! A registry to be started: a folder of its own, a configuration file, an environment.

use std::fs;
use std::io::PipeReader;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::authority::Authority;
use crate::process::{Ended, Piped, Process};
use crate::server::Server;
use crate::store::Store;
use crate::wait;

/// A place in which one server after the other lives.
#[derive(Debug)]
pub(crate) struct TestRegistry {
    folder: TempDir,
    settings: Value,
    environment: Vec<(String, String)>,
    authority: Option<Arc<Authority>>,
}

impl TestRegistry {
    /// A registry on any free port of this machine, with a store of its own.
    pub(crate) fn new() -> Self {
        let registry = Self {
            folder: TempDir::new().unwrap(),
            settings: json!({ "version": 0.1 }),
            environment: Vec::new(),
            authority: None,
        };
        let store = registry.store().root();
        registry
            .with("http.addr", "127.0.0.1:0")
            .with("storage.filesystem.rootdirectory", text(&store))
    }

    /// Sets a key of the configuration file.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        let mut node = &mut self.settings;
        for part in key.split('.') {
            node = &mut node[part];
        }
        *node = value.into();
        self
    }

    /// Sets a variable of the environment.
    pub(crate) fn with_env(mut self, name: &str, value: impl AsRef<str>) -> Self {
        let variable = (name.to_owned(), value.as_ref().to_owned());
        self.environment.push(variable);
        self
    }

    /// Lets these users in, and nobody else.
    pub(crate) fn with_htpasswd(self, users: &[(&str, &str)]) -> Self {
        let path = self.file("htpasswd");
        write_htpasswd(&path, users);
        self.with("auth.htpasswd.realm", "Registry Realm")
            .with("auth.htpasswd.path", text(&path))
    }

    /// Serves over TLS, by the configuration file.
    pub(crate) fn with_tls(mut self) -> Self {
        let (certificate, key) = self.make_certificate();
        self.with("http.tls.certificate", text(&certificate))
            .with("http.tls.key", text(&key))
    }

    /// Makes a certificate that clients of this registry trust; tells its file and its key's.
    pub(crate) fn make_certificate(&mut self) -> (PathBuf, PathBuf) {
        let files = (self.file("tls.crt"), self.file("tls.key"));
        let authority = Authority::new();
        authority.write(&files.0, &files.1);
        self.authority = Some(Arc::new(authority));
        files
    }

    /// A path in the folder of this registry, which is where its processes run.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The store that the configuration file names.
    pub(crate) fn store(&self) -> Store {
        Store::at(self.file("store"))
    }

    /// Who signed the certificate, if this registry has one.
    pub(crate) fn authority(&self) -> Option<Arc<Authority>> {
        self.authority.clone()
    }

    /// Starts `registry serve config.yml` and waits until it listens.
    pub(crate) fn start(self) -> Server {
        self.write_configuration();
        self.start_with(&["serve", CONFIGURATION])
    }

    /// Starts a server by any command line and waits until it listens.
    pub(crate) fn start_with(self, arguments: &[&str]) -> Server {
        let process = Process::start(&mut self.command(arguments));
        Server::listening(self, process)
    }

    /// Starts a server that does not say where it listens: at a socket file.
    pub(crate) fn start_quiet(self) -> Server {
        self.start_at_socket(Process::start)
    }

    /// Starts a server whose output nobody reads, at a socket file.
    pub(crate) fn start_unheard(self) -> Server {
        self.start_at_socket(Process::start_unheard)
    }

    /// Starts a server of whose output one stream is a pipe, at a socket file.
    pub(crate) fn start_piped(self, piped: Piped) -> (Server, PipeReader) {
        let mut pipe = None;
        let server = self.start_at_socket(|command| {
            let (process, reader) = Process::start_piped(command, piped);
            pipe = Some(reader);
            process
        });
        (server, pipe.unwrap())
    }

    /// Starts a server that may have so many files open, and may allow itself so many.
    pub(crate) fn start_with_files(self, soft: u32, hard: u32) -> Server {
        self.write_configuration();
        let script = format!(
            "ulimit -S -n {soft} && ulimit -H -n {hard} && exec \"$0\" serve {CONFIGURATION}"
        );
        let shell = ["-c", &script, env!("CARGO_BIN_EXE_registry")];
        let process = Process::start(&mut self.command_of("/bin/sh", &shell));
        Server::listening(self, process)
    }

    fn start_at_socket(self, start: impl FnOnce(&mut Command) -> Process) -> Server {
        let socket = self.file("registry.sock");
        let registry = self
            .with("http.net", "unix")
            .with("http.addr", text(&socket));
        registry.write_configuration();
        let process = start(&mut registry.command(&["serve", CONFIGURATION]));
        Server::at_socket(registry, process, socket)
    }

    /// Runs a command that comes to its end by itself.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Process::start(&mut self.command(arguments)).end()
    }

    /// Runs a command whose standard output is a full disk.
    pub(crate) fn run_on_full_disk(&self, arguments: &[&str]) -> Ended {
        let full = fs::OpenOptions::new().write(true).open("/dev/full");
        Process::start_into(&mut self.command(arguments), full.unwrap()).end()
    }

    /// Runs a command whose standard error is a terminal.
    pub(crate) fn run_before(&self, arguments: &[&str], terminal: fs::File) -> Ended {
        Process::start_before(self.command(arguments), terminal).end()
    }

    /// Runs a command whose standard output nobody reads.
    pub(crate) fn run_unheard(&self, arguments: &[&str]) -> Ended {
        Process::start_unheard(&mut self.command(arguments)).end()
    }

    /// Starts a server that is expected to refuse its configuration.
    pub(crate) fn refuse(&self) -> Ended {
        self.write_configuration();
        let mut process = Process::start(&mut self.command(&["serve", CONFIGURATION]));
        wait::until("a refusal", || {
            assert!(!process.log().contains("listening on"), "it serves");
            process.ended()
        });
        process.end()
    }

    /// Writes the configuration file.
    pub(crate) fn write_configuration(&self) {
        let mut yaml = String::new();
        push_yaml(&mut yaml, self.settings.as_object().unwrap(), 0);
        fs::write(self.file(CONFIGURATION), yaml).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_registry"), arguments)
    }

    fn command_of(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.environment.iter().cloned());
        command
    }
}

/// Writes a password file, as `htpasswd -B` does, in the place of another.
pub(crate) fn write_htpasswd(path: &Path, users: &[(&str, &str)]) {
    let lines = users.iter().map(|(user, password)| {
        let hash = bcrypt::hash(password, CHEAP).unwrap();
        format!("{user}:{hash}\n")
    });
    fs::write(path, lines.collect::<String>()).unwrap();
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Writes a section as people do: a line for each key, indented.
fn push_yaml(yaml: &mut String, section: &Map<String, Value>, depth: usize) {
    for (key, value) in section {
        let indent = "  ".repeat(depth);
        match value {
            Value::Object(section) => {
                yaml.push_str(&format!("{indent}{key}:\n"));
                push_yaml(yaml, section, depth + 1);
            }
            value => yaml.push_str(&format!("{indent}{key}: {value}\n")),
        }
    }
}

/// The configuration file, in the folder where the processes run.
pub(crate) const CONFIGURATION: &str = "config.yml";

/// The least that bcrypt can cost.
const CHEAP: u32 = 4;
