//! A process of the registry: told what to do by signals, its output kept.

use std::fs::File;
use std::io::{PipeReader, pipe};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::NamedTempFile;

use crate::wait;

/// A process. Dropped, it is asked to end; its output is shown if the test fails.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    output: NamedTempFile,
    log: NamedTempFile,
}

/// A stream of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piped {
    /// Standard output: the access log.
    Output,
    /// Standard error: the application log.
    Log,
}

/// What a process that has ended leaves behind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) output: String,
    /// Standard error.
    pub(crate) log: String,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let (output, log) = (NamedTempFile::new().unwrap(), NamedTempFile::new().unwrap());
        let child = command
            .stdin(Stdio::null())
            .stdout(output.reopen().unwrap())
            .stderr(log.reopen().unwrap())
            .spawn()
            .unwrap();
        Self { child, output, log }
    }

    /// Starts a process whose standard output goes to a file or a device.
    pub(crate) fn start_into(command: &mut Command, output: File) -> Self {
        let log = NamedTempFile::new().unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(log.reopen().unwrap())
            .spawn()
            .unwrap();
        Self {
            child,
            output: NamedTempFile::new().unwrap(),
            log,
        }
    }

    /// Starts a process whose standard error is a terminal.
    pub(crate) fn start_before(mut command: Command, terminal: File) -> Self {
        let output = NamedTempFile::new().unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(output.reopen().unwrap())
            .stderr(terminal)
            .spawn()
            .unwrap();
        Self {
            child,
            output,
            log: NamedTempFile::new().unwrap(),
        }
    }

    /// Starts a process that nobody listens to: its output goes to pipes without readers.
    pub(crate) fn start_unheard(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        Self {
            child,
            output: NamedTempFile::new().unwrap(),
            log: NamedTempFile::new().unwrap(),
        }
    }

    /// Starts a process of whose output one stream is a pipe; the caller may read it or not.
    pub(crate) fn start_piped(command: &mut Command, piped: Piped) -> (Self, PipeReader) {
        let (output, log) = (NamedTempFile::new().unwrap(), NamedTempFile::new().unwrap());
        let (reader, writer) = pipe().unwrap();
        command.stdin(Stdio::null());
        match piped {
            Piped::Output => command.stdout(writer).stderr(log.reopen().unwrap()),
            Piped::Log => command.stdout(output.reopen().unwrap()).stderr(writer),
        };
        let child = command.spawn().unwrap();
        // The command keeps the writing end open, and it is the end of it that readers wait for.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        (Self { child, output, log }, reader)
    }

    /// Standard output so far: the access log.
    pub(crate) fn output(&self) -> String {
        read(&self.output)
    }

    /// Standard error so far: the application log.
    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Lets the process have this many files open.
    pub(crate) fn limit_files(&self, count: u64) {
        let limit = Rlimit {
            current: Some(count),
            maximum: Some(count),
        };
        let id = Pid::from_child(&self.child);
        prlimit(Some(id), Resource::Nofile, limit).unwrap();
    }

    /// Waits until the process has ended by itself.
    pub(crate) fn end(&mut self) -> Ended {
        let status = wait::until("the end of the process", || self.ended());
        Ended {
            code: status.code(),
            output: self.output(),
            log: self.log(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let failing = std::thread::panicking();
        if self.ended().is_none() {
            let signal = if failing { Signal::KILL } else { Signal::TERM };
            self.signal(signal);
            self.end();
        }
        if failing {
            eprintln!("--- standard output:\n{}", self.output());
            eprintln!("--- standard error:\n{}", self.log());
        } else {
            let log = self.log();
            assert!(!log.contains("panic"), "a panic in the log:\n{log}");
        }
    }
}

fn read(file: &NamedTempFile) -> String {
    let bytes = std::fs::read(file.path()).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}
