//! A registry that was started for one test.

use std::fs::{self, File};
use std::io::{BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use wharf_e2e::program::Program;
use wharf_e2e::wait;

use crate::answer::Answer;
use crate::errors;
use crate::repository::Repository;
use crate::request::Request;

/// The built binary with a store in a folder of its own; dropped, both are gone.
#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    command: Command,
    keeper: Child,
    host: String,
    /// An `Authorization` header for every request.
    authorization: Option<&'static str>,
}

impl Server {
    /// Starts a registry that allows deleting and is otherwise as it comes.
    pub fn start() -> Self {
        Self::configured(&[])
    }

    /// Starts a registry with variables of the environment on top, without their `REGISTRY_`.
    ///
    /// # Panics
    ///
    /// If it does not listen.
    pub fn configured(variables: &[(&str, &str)]) -> Self {
        Self::start_in(TempDir::new().unwrap(), variables)
    }

    /// Starts a registry that lets one user in, as whom all requests are sent.
    ///
    /// # Panics
    ///
    /// If it does not listen.
    pub fn with_a_user() -> Self {
        let folder = TempDir::new().unwrap();
        let passwords = folder.path().join("htpasswd");
        fs::write(&passwords, PASSWORDS).unwrap();
        let variables = [
            ("AUTH", "htpasswd"),
            ("AUTH_HTPASSWD_REALM", "conformance"),
            ("AUTH_HTPASSWD_PATH", &passwords.display().to_string()),
        ];
        let mut server = Self::start_in(folder, &variables);
        server.authorization = Some(AUTHORIZATION);
        server
    }

    fn start_in(folder: TempDir, variables: &[(&str, &str)]) -> Self {
        let configuration = folder.path().join("config.yml");
        let settings = json!({
            "version": 0.1,
            "storage": {
                // Nothing here outlives the test, least of all a power cut.
                "filesystem": { "rootdirectory": folder.path().join("store"), "durability": "none" },
                "delete": { "enabled": true },
            },
            "http": { "addr": "127.0.0.1:0" },
            "log": { "accesslog": { "disabled": true } },
        });
        fs::write(&configuration, settings.to_string()).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER]);
        command.arg(Program::wharf().path()).arg(configuration);
        for (name, value) in variables {
            command.env(format!("REGISTRY_{name}"), value);
        }
        let keeper = start(&mut command, &folder);
        let mut server = Self {
            folder,
            command,
            keeper,
            host: String::new(),
            authorization: None,
        };
        server.await_host();
        server
    }

    /// Lets another process take over, after something was done to the store.
    pub fn restarted(mut self, between: impl FnOnce(&Self)) -> Self {
        self.stop();
        between(&self);
        self.keeper = start(&mut self.command, &self.folder);
        self.await_host();
        self
    }

    /// A repository of this registry.
    pub fn repository(&self, name: &str) -> Repository<'_> {
        Repository::new(self, name)
    }

    /// Sends a request and reads its answer.
    ///
    /// # Panics
    ///
    /// If there is none, or one that no request may get.
    #[track_caller]
    pub fn send(&self, request: Request) -> Answer {
        let request = match self.authorization {
            None => request,
            Some(authorization) => request.header("Authorization", authorization),
        };
        self.send_as_it_is(&request)
    }

    /// Sends a request without this client's credentials.
    ///
    /// # Panics
    ///
    /// As [`Server::send`] does.
    #[track_caller]
    pub fn send_as_it_is(&self, request: &Request) -> Answer {
        let asked = format!("{} {}", request.method, request.target);
        let mut stream = self.connect();
        // A server may answer before it has read everything.
        let _ = stream.write_all(&request.to_bytes(&self.host));
        let answer = Answer::read(&mut BufReader::new(stream), &asked);
        let answer = answer.unwrap_or_else(|| panic!("no answer to {asked}"));
        if let Some(fault) = errors::fault(&answer) {
            panic!("{fault}\n{answer:?}");
        }
        answer
    }

    /// Sends the beginning of a request and goes away.
    ///
    /// # Panics
    ///
    /// If the request is a whole one.
    pub fn break_off(&self, request: &Request) {
        assert!(request.is_cut(), "nothing is missing from {request:?}");
        let mut stream = self.connect();
        stream.write_all(&request.to_bytes(&self.host)).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        // Whatever it says, it has noticed by then.
        let _ = Answer::read(&mut BufReader::new(stream), "");
    }

    /// How long to wait for what this server does by itself.
    pub fn patience(&self) -> Duration {
        PATIENCE
    }

    /// `127.0.0.1:<port>`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// A file below `docker/registry/v2` of the store.
    pub fn stored(&self, path: &str) -> PathBuf {
        let folder = self.folder.path().join("store/docker/registry/v2");
        folder.join(path)
    }

    fn await_host(&mut self) {
        self.host = wait::until("the registry to listen", PATIENCE, || self.listening());
    }

    fn stop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }

    /// Where it says that it listens, once it does.
    fn listening(&self) -> Option<String> {
        let log = self.log();
        let (_, address) = log.split_once("listening on ")?;
        let (address, _) = address.split_once('"')?;
        Some(address.to_owned())
    }

    fn end_of_log(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.host).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

impl Drop for Server {
    #[expect(
        clippy::print_stderr,
        reason = "the harness shows it with the test that failed"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the end of the registry's log:\n{}", self.end_of_log());
        }
        self.stop();
    }
}

fn start(command: &mut Command, folder: &TempDir) -> Child {
    let log = File::create(folder.path().join("log")).unwrap();
    command
        .stdin(Stdio::piped())
        // Ctrl-C reaches only the tests; with them standard input ends.
        .process_group(0)
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Runs a registry until standard input ends, which it does with the test, whatever ends that.
const KEEPER: &str = r#""$0" serve "$1" </dev/null & cat; kill -KILL $!; wait"#;

/// The user's name and password, `alice` and `secret`, as the registry keeps them.
const PASSWORDS: &str = "alice:$2y$04$znIMnyEK1sVGX/HA.ZCJb.lx4RAHNogMhuOB9ckkKGerKp3pXSPFC\n";

/// The same as a client sends them.
const AUTHORIZATION: &str = "Basic YWxpY2U6c2VjcmV0";

/// Of the log in a message.
const LINES_SHOWN: usize = 3;

/// A server that says nothing for so long is taken for dead.
const PATIENCE: Duration = Duration::from_secs(60);
