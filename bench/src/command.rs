//! A command that runs to its end, and what it used.
//!
//! The kernel tells what children used once they have ended, but for all of them together and with the memory of whoever started
//! them. So each command is started by a small process of its own (`wharf-bench measure <command>`).

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::Outcome;
use crate::cores::Cores;

/// What a command used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) wall: Duration,
    /// User and system time of all its threads.
    pub(crate) cpu: Duration,
    /// The most memory that was resident, in bytes.
    pub(crate) peak: u64,
}

/// Runs a command on all cores with its output in a file, and fails if it does.
pub(crate) fn measured(cores: Cores, words: &[&Path], output: &Path) -> Outcome<Used> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(COMMAND).arg(output).args(words);
    command.stdin(Stdio::null());
    let done = cores.on_all(move || command.output())??;
    let text = String::from_utf8_lossy(&done.stdout);
    if !done.status.success() {
        let complaint = String::from_utf8_lossy(&done.stderr);
        return Err(format!("{complaint}{}", std::fs::read_to_string(output)?).into());
    }
    Used::parse(&text).ok_or_else(|| format!("measuring ended with \"{text}\"").into())
}

/// The word for the small process on the command line.
pub(crate) const COMMAND: &str = "measure";

/// The body of the small process: `words` are the output file, the programme, its arguments.
pub(crate) fn measure(words: &[String]) -> Outcome {
    let [output, program, arguments @ ..] = words else {
        return Err("measure wants a file for the output and a command".into());
    };
    let output = File::create(output)?;
    let start = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .stdout(output.try_clone()?)
        .stderr(output)
        .status()?;
    let wall = start.elapsed();
    if !status.success() {
        return Err(format!("{program} ended with {status}").into());
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    // In KiB, getrusage(2).
    let peak = usage.max_rss() * 1024;
    writeln!(io::stdout(), "{} {cpu} {peak}", wall.as_micros())?;
    Ok(())
}

impl Used {
    fn parse(line: &str) -> Option<Self> {
        let mut numbers = line.split_whitespace().map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self {
            wall: Duration::from_micros(next()?),
            cpu: Duration::from_micros(next()?),
            peak: next()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_between_the_processes_is_understood() {
        let used = Used::parse("1500000 20 4096\n").unwrap();
        assert_eq!(used.wall, Duration::from_millis(1500));
        assert_eq!((used.cpu, used.peak), (Duration::from_micros(20), 4096));
        assert_eq!(Used::parse("1 2"), None);
    }
}
