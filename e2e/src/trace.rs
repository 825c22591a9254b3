//! What a server asks of the kernel, seen from outside by `strace`, and whether that is on the disk when it answers.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::needs::{self, Missing};
use crate::registry::Registry;
use crate::wait;

/// Somebody who watches a server.
#[derive(Debug)]
pub struct Trace {
    strace: Daemon,
    folder: TempDir,
}

/// What the server did for one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The status code.
    pub status: u16,
    /// How many files and folders it synced.
    pub syncs: usize,
    /// How often it synced the whole file system.
    pub system_syncs: usize,
    /// What was not on the disk for sure when it answered: files that were renamed or closed before they were synced, and names
    /// in folders that were not.
    pub unsynced: BTreeSet<String>,
}

impl Trace {
    /// Begins to watch a server.
    pub fn begin(registry: &Registry) -> Result<Self, Missing> {
        Self::with(registry, &[])
    }

    /// Lets a system call on one file or folder fail with an I/O error from now on, until the end of the trace.
    pub fn failing(registry: &Registry, call: &str, path: &Path) -> Result<Self, Missing> {
        let inject = format!("inject={call}:error=EIO");
        Self::with(registry, &["-e", &inject, "-P", path.to_str().unwrap()])
    }

    /// Kills the server at its next system call of this name.
    pub fn killing(registry: &Registry, call: &str) -> Result<Self, Missing> {
        Self::with(registry, &["-e", &format!("inject={call}:signal=KILL")])
    }

    fn with(registry: &Registry, options: &[&str]) -> Result<Self, Missing> {
        let strace = needs::program("strace")?;
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(strace);
        command
            .args(["-f", "-y", "-s", "64", "-e", &format!("trace={CALLS}")])
            .args(options)
            .arg("-o")
            .arg(folder.path().join("trace"))
            .args(["-p", &registry.id().to_string()]);
        let mut strace = Daemon::start(&mut command, folder.path().join("log"), "").unwrap();
        let attached = wait::until("strace to attach", PATIENCE, || {
            if strace.log().contains("attached") {
                return Some(Ok(()));
            }
            strace.ended().map(|_| Err(strace.log()))
        });
        attached.map_err(|log| Missing::new(format!("strace may not watch a process: {log}")))?;
        Ok(Self { strace, folder })
    }

    /// Waits for the end of the server, which ends the watching.
    pub fn ended(mut self) {
        wait::until("the server to be killed", PATIENCE, || self.strace.ended());
    }

    /// Ends the watching; the server goes on. Tells what it did for each answer.
    pub fn end(mut self) -> Vec<Answered> {
        self.strace.end("INT", PATIENCE);
        let text = std::fs::read_to_string(self.folder.path().join("trace")).unwrap();
        answers(&calls(&text))
    }
}

/// A system call, and when it began and ended, in lines of the trace.
#[derive(Debug)]
struct Call {
    name: String,
    arguments: String,
    began: usize,
    ended: usize,
}

/// Puts the halves of calls together that were interrupted by others; leaves out those that failed.
fn calls(text: &str) -> Vec<Call> {
    let mut begun: HashMap<&str, (usize, String)> = HashMap::new();
    let mut calls = Vec::new();
    for (ended, line) in text.lines().enumerate() {
        let Some((thread, line)) = line.split_once(' ') else {
            continue;
        };
        let line = line.trim_start();
        if let Some(first) = line.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, (ended, first.to_owned()));
            continue;
        }
        let (began, whole) = match line.split_once(" resumed>") {
            Some((start, rest)) if start.starts_with("<... ") => {
                let Some((began, first)) = begun.remove(thread) else {
                    continue;
                };
                (began, first + rest)
            }
            _ => (ended, line.to_owned()),
        };
        let Some((call, result)) = whole.rsplit_once(" = ") else {
            continue;
        };
        if let Some((name, arguments)) = call.split_once('(')
            && !result.starts_with('-')
        {
            calls.push(Call {
                name: name.to_owned(),
                arguments: arguments.to_owned(),
                began,
                ended,
            });
        }
    }
    calls
}

impl Call {
    /// The quoted arguments.
    fn texts(&self) -> Vec<&str> {
        self.arguments.split('"').skip(1).step_by(2).collect()
    }

    /// What the file descriptor in front stands for.
    fn file(&self) -> &str {
        let (_, rest) = self.arguments.split_once('<').unwrap_or_default();
        rest.split_once('>').unwrap_or_default().0
    }

    /// The path of a call like `unlinkat`.
    fn path_at(&self) -> PathBuf {
        let name = self.texts()[0];
        // A path that begins at the root stands alone.
        Path::new(self.file()).join(name)
    }

    /// The status of an answer that begins with this call.
    fn status(&self) -> Option<u16> {
        let (_, rest) = self.arguments.split_once("\"HTTP/1.1 ")?;
        rest.get(..3)?.parse().ok()
    }
}

/// Plays the calls in the order in which they took effect.
fn answers(calls: &[Call]) -> Vec<Answered> {
    // What is sent leaves when the call begins; everything else is done when it ends.
    let mut order: Vec<(usize, &Call)> = calls
        .iter()
        .map(|call| match call.status() {
            Some(_) => (call.began, call),
            None => (call.ended, call),
        })
        .collect();
    order.sort_by_key(|(time, _)| *time);
    let (mut disk, mut answers) = (Disk::default(), Vec::new());
    for (_, call) in order {
        match call.status() {
            None => disk.take(call),
            Some(status) => answers.push(Answered {
                status,
                syncs: std::mem::take(&mut disk.syncs),
                system_syncs: std::mem::take(&mut disk.system_syncs),
                unsynced: disk.unsynced(),
            }),
        }
    }
    answers
}

/// What a power cut could take away.
#[derive(Debug, Default)]
struct Disk {
    /// Files with bytes that were not synced, and when they were last written.
    written: HashMap<PathBuf, usize>,
    /// Names that were made or removed in a folder that was not synced since, and when.
    named: HashMap<PathBuf, usize>,
    syncs: usize,
    system_syncs: usize,
}

impl Disk {
    fn take(&mut self, call: &Call) {
        match call.name.as_str() {
            "fsync" | "fdatasync" => {
                self.syncs += 1;
                let synced = Path::new(call.file());
                let before = |at: &usize| *at < call.began;
                self.written
                    .retain(|path, at| path != synced || !before(at));
                self.named
                    .retain(|path, at| path.parent() != Some(synced) || !before(at));
            }
            "syncfs" => {
                self.system_syncs += 1;
                self.written.retain(|_, at| *at >= call.began);
                self.named.retain(|_, at| *at >= call.began);
            }
            "write" | "writev" | "pwrite64" => {
                self.written.insert(call.file().into(), call.ended);
            }
            "rename" => {
                let paths = call.texts();
                let (from, to) = (PathBuf::from(paths[0]), PathBuf::from(paths[1]));
                match self.written.remove(&from) {
                    Some(at) => self.written.insert(to.clone(), at),
                    None => self.written.remove(&to),
                };
                // The journal keeps both halves together.
                self.named.remove(&from);
                self.named.insert(to, call.ended);
            }
            "mkdir" => {
                self.named.insert(call.texts()[0].into(), call.ended);
            }
            "unlink" | "rmdir" => self.remove(call.texts()[0].into(), call.ended),
            "unlinkat" => self.remove(call.path_at(), call.ended),
            _ => {}
        }
    }

    fn remove(&mut self, path: PathBuf, ended: usize) {
        // With a folder goes what happened in it.
        self.named.retain(|other, _| !other.starts_with(&path));
        self.written.retain(|other, _| !other.starts_with(&path));
        self.named.insert(path, ended);
    }

    /// What of it was promised: not when an upload began, nor the state of its hash, nor its name.
    fn unsynced(&self) -> BTreeSet<String> {
        let written = self.written.keys().filter(|path| {
            let text = path.to_string_lossy();
            text.contains(STORE) && (!text.contains("/_uploads/") || text.ends_with("/data"))
        });
        let named = self.named.keys().filter(|path| {
            let text = path.to_string_lossy();
            text.contains(STORE) && !text.contains("/_uploads")
        });
        written
            .chain(named)
            .map(|path| path.display().to_string())
            .collect()
    }
}

const CALLS: &str = "fsync,fdatasync,syncfs,write,writev,pwrite64,sendto,sendmsg,\
                     rename,renameat,renameat2,mkdir,mkdirat,unlink,unlinkat,rmdir";
const STORE: &str = "/store/docker";
const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn unsynced(text: &str) -> Vec<String> {
        let answers = answers(&calls(text));
        let last = answers.last().unwrap();
        last.unsynced.iter().cloned().collect()
    }

    const SYNCED: &str = r#"7 write(9</s/store/docker/l.tmp>, "x", 1) = 1
7 fsync(9</s/store/docker/l.tmp>) = 0
7 rename("/s/store/docker/l.tmp", "/s/store/docker/l") = 0
7 fsync(9</s/store/docker>) = 0
8 sendto(5<socket:[1]>, "HTTP/1.1 201 Created"..., 64, 0, NULL, 0) = 64
"#;

    #[test]
    fn what_is_synced_in_order_is_on_the_disk() {
        assert_eq!(unsynced(SYNCED), [""; 0]);
    }

    #[test]
    fn a_sync_that_is_missing_or_late_is_seen() {
        let lines: Vec<&str> = SYNCED.lines().collect();
        for missing in [1, 3] {
            let mut lines = lines.clone();
            lines.remove(missing);
            assert_eq!(
                unsynced(&lines.join("\n")),
                ["/s/store/docker/l"],
                "{missing}"
            );
        }
        let mut late = lines;
        late[3] = "7 fsync(9</s/store/docker> <unfinished ...>";
        late.push("7 <... fsync resumed>) = 0");
        assert_eq!(unsynced(&late.join("\n")), ["/s/store/docker/l"]);
        late[3] = "7 fsync(9</s/store/docker>) = -1 EIO (Input/output error)";
        assert_eq!(unsynced(&late.join("\n")), ["/s/store/docker/l"]);
    }
}
