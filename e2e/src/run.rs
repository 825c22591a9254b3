//! One command run to its end, and everything it said.

use std::ffi::OsStr;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

/// A command about to run, under a deadline: a client that hangs must not hang the test.
#[derive(Debug)]
pub struct Run {
    command: Command,
    input: Vec<u8>,
}

/// What a command left behind.
#[derive(Debug)]
pub struct Output {
    line: String,
    status: ExitStatus,
    /// Raw, because a blob or a manifest comes this way too.
    pub stdout: Vec<u8>,
    /// What the command complained of.
    pub stderr: String,
}

impl Run {
    /// Prepares a program without arguments.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", DEADLINE]).arg(program);
        Self {
            command,
            input: Vec::new(),
        }
    }

    /// Prepares a line as a user types it, pipes and all.
    pub fn shell(line: &str) -> Self {
        Self::new("sh").args(["-e", "-c", line])
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, arguments: I) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets several variables of the environment.
    #[must_use]
    pub fn envs(mut self, variables: &[(String, String)]) -> Self {
        self.command.envs(variables.iter().cloned());
        self
    }

    /// Runs it in this folder.
    #[must_use]
    pub fn dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Gives it something to read.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Runs it, however it ends.
    pub fn output(self) -> Output {
        let Self { mut command, input } = self;
        let line = shown(&command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {line}: {error}"));
        // A command that ends without reading its input is none of our business here.
        let _ = child.stdin.take().unwrap().write_all(&input);
        let output = child.wait_with_output().unwrap();
        Output {
            line,
            status: output.status,
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs it and hands out what it printed.
    ///
    /// # Panics
    ///
    /// If it fails, with everything it said.
    pub fn ok(self) -> String {
        let output = self.output();
        assert!(output.succeeded(), "{output}");
        output.text()
    }

    /// Runs it in the expectation that it fails.
    ///
    /// # Panics
    ///
    /// If it succeeds.
    pub fn fails(self) -> Output {
        let output = self.output();
        assert!(!output.succeeded(), "this should fail: {output}");
        output
    }
}

impl Output {
    /// Whether the exit status was zero.
    pub fn succeeded(&self) -> bool {
        self.status.success()
    }

    /// The exit status, unless a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard output and standard error one after the other, for texts that move between the two from version to version.
    pub fn everything(&self) -> String {
        self.text() + &self.stderr
    }
}

impl fmt::Display for Output {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            status,
            stdout,
            stderr,
        } = self;
        let stdout = String::from_utf8_lossy(stdout);
        write!(
            formatter,
            "`{line}` ended with {status}\n{stdout}\n{stderr}"
        )
    }
}

fn shown(command: &Command) -> String {
    let words = command.get_args().skip(2);
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// In seconds; nothing here takes a tenth of it on an idle machine.
const DEADLINE: &str = "180";
