//! A process in the background that never outlives the tests, whatever ends them.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::run::Run;
use crate::wait;

/// The process, and a shell that watches us for it.
#[derive(Debug)]
pub(crate) struct Daemon {
    process: Child,
    watcher: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts a command with its output in a log file.
    ///
    /// `afterwards` is what the watcher runs once the process is told to end because the tests are gone.
    pub(crate) fn start(command: &mut Command, log: PathBuf, afterwards: &str) -> io::Result<Self> {
        let output = File::options().create(true).append(true).open(&log)?;
        // The watcher comes first, so that there is no moment without one. It reads the process's number from a pipe and then waits
        // for the pipe's end, which comes when we end, by whatever cause.
        let mut watcher = Command::new("sh")
            .args([
                "-c",
                &format!("read process; cat; kill $process; {afterwards}"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        // A group of its own, so that Ctrl-C at the terminal reaches only us; the watcher sees to the rest in order.
        let process = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()?;
        if let Some(pipe) = &mut watcher.stdin {
            writeln!(pipe, "{}", process.id())?;
        }
        Ok(Self {
            process,
            watcher,
            log,
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The exit status, if it ended by itself.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().unwrap()
    }

    /// Sends a signal by its name and waits for the end.
    pub(crate) fn end(&mut self, signal: &str, deadline: Duration) -> ExitStatus {
        self.signal(signal);
        let status = wait::until("the process to end", deadline, || self.ended());
        self.dismiss_watcher();
        status
    }

    /// Everything it printed so far.
    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    /// A watcher that outlived the process could send its signal to a stranger.
    fn dismiss_watcher(&mut self) {
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
    }

    fn signal(&self, name: &str) {
        let script = format!("kill -{name} {}", self.id());
        Run::shell(&script).output();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        self.dismiss_watcher();
        let _ = self.process.wait();
        if std::thread::panicking() {
            #[expect(
                clippy::print_stderr,
                reason = "belongs to the output of the failing test"
            )]
            {
                eprintln!(
                    "--- the end of {}:\n{}",
                    self.log.display(),
                    end(&self.log())
                );
            }
        }
    }
}

/// Enough to see what went wrong, without burying the message of the test.
fn end(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

fn read(log: &Path) -> String {
    std::fs::read(log).map_or_else(
        |error| error.to_string(),
        |log| String::from_utf8_lossy(&log).into_owned(),
    )
}
