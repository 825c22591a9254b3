//! Instructions per request, counted by callgrind in the real server: a noisy machine cannot change them, so a test can hold them.
//!
//! The server runs twice for each kind of request, with few requests and with many; what the difference took, divided by how many more
//! they were, is free of the start and of the end. The last accepted counts stand in a file beside the code.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use wharf_e2e::program::Program;
use wharf_e2e::registry::{Place, free_port};

use crate::Outcome;
use crate::client::connection::Connection;
use crate::client::target::Target;
use crate::content::Noise;
use crate::cores::Cores;
use crate::process::Meter;
use crate::push::{self, Image, Way};
use crate::report::table::number;
use crate::scenarios::Read;
use crate::scenarios::start::{Killed, answers};
use crate::stage::{Setup, configuration};

/// The word for counting on the command line.
pub(crate) const COMMAND: &str = "count";

/// What is done with the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Fails if one has grown by more than a tenth.
    Compare,
    /// They become the accepted ones.
    Write,
}

/// Counts: `words` are our binary, the file of accepted counts, and `--write` if they are to be accepted.
pub(crate) fn run(words: &[String]) -> Outcome {
    let (ours, file, then) = match words {
        [ours, file] => (ours, file, Then::Compare),
        [ours, file, write] if write == "--write" => (ours, file, Then::Write),
        _ => return Err("it is `wharf-bench count REGISTRY FILE [--write]`".into()),
    };
    let counter = Counter {
        program: Program::Wharf(Path::new(ours).canonicalize()?),
        cores: Cores::divide()?,
    };
    let counts = Kind::ALL
        .into_iter()
        .map(|kind| Ok((kind.name(), counter.count(kind)?)))
        .collect::<Outcome<Vec<_>>>()?;
    match then {
        Then::Write => Ok(fs::write(file, written(&counts))?),
        Then::Compare => compare(&counts, &fs::read_to_string(file)?),
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read(Read),
    /// POST, PATCH, PUT of 1 KiB.
    SmallPush,
}

impl Kind {
    const ALL: [Self; 3] = [
        Self::Read(Read::ManifestByTag),
        Self::Read(Read::BlobExists),
        Self::SmallPush,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Read(read) => read.words(),
            Self::SmallPush => "push of 1 KiB",
        }
    }

    async fn once(
        self,
        target: &Target,
        connection: &mut Connection,
        image: &Image,
        number: u64,
    ) -> Outcome {
        match self {
            Self::Read(read) => {
                connection
                    .exchange(&read.request(target, image))
                    .await?
                    .expect(200)?;
            }
            Self::SmallPush => {
                let blob = Noise {
                    number: number + 1_000_000,
                    length: 1024,
                };
                push::blob(
                    target,
                    connection,
                    crate::scenarios::NAME,
                    blob,
                    &blob.digest(),
                    Way::Chunked,
                )
                .await?;
            }
        }
        Ok(())
    }
}

/// A server under callgrind, again and again.
struct Counter {
    program: Program,
    cores: Cores,
}

impl Counter {
    /// Instructions for one request: the smaller of two counts, since threads that meet each other only ever add some (one in fifty).
    fn count(&self, kind: Kind) -> Outcome<u64> {
        Ok(self.count_once(kind)?.min(self.count_once(kind)?))
    }

    fn count_once(&self, kind: Kind) -> Outcome<u64> {
        let few = self.total(kind, FEW)?;
        let many = self.total(kind, MANY)?;
        Ok(many.saturating_sub(few) / (MANY - FEW))
    }

    /// Instructions from start to end of a server that answered so many.
    fn total(&self, kind: Kind, requests: u64) -> Outcome<u64> {
        let folder = tempfile::tempdir()?;
        let profile = folder.path().join("profile");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let place = Place::new(configuration(&self.program, &Setup::default()));
        let mut server = self.start(&place, address, &profile, &folder.path().join("log"))?;
        let target = Target {
            address,
            tls: None,
            authorization: None,
            meter: Meter::of(server.0.id())?,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let image = push::image(
                &target,
                crate::scenarios::NAME,
                crate::scenarios::TAG,
                1,
                &[1024],
            )
            .await?;
            // Right after a push nothing that is read may be kept for the next request.
            tokio::time::sleep(SETTLED).await;
            let mut connection = target.connect().await?;
            for number in 0..requests {
                kind.once(&target, &mut connection, &image, number).await?;
            }
            Outcome::Ok(())
        })?;
        kill(
            Pid::from_raw(i32::try_from(server.0.id())?),
            Signal::SIGTERM,
        )?;
        server.0.wait()?;
        let text = fs::read_to_string(&profile)?;
        total(&text).ok_or_else(|| "callgrind wrote no total".into())
    }

    fn start(
        &self,
        place: &Place,
        address: SocketAddr,
        profile: &Path,
        log: &Path,
    ) -> Outcome<Killed> {
        let mut out = std::ffi::OsString::from("--callgrind-out-file=");
        out.push(profile);
        let mut command = Command::new("valgrind");
        command.arg("--tool=callgrind").arg(out);
        command
            .arg(self.program.path())
            .arg("serve")
            .arg(place.configuration());
        command.env("REGISTRY_HTTP_ADDR", address.to_string());
        let output = fs::File::create(log)?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        // On one core the server has one worker, and no two threads in a race that could go one way or the other.
        let mut server = Killed(self.cores.on_server(move || command.spawn())??);
        let begun = Instant::now();
        while !answers(address)? {
            if begun.elapsed() > PATIENCE || server.0.try_wait()?.is_some() {
                let log = fs::read_to_string(log)?;
                return Err(format!("the server does not answer under callgrind:\n{log}").into());
            }
            std::thread::sleep(PAUSE);
        }
        Ok(server)
    }
}

/// The line `totals: 123` of a profile.
fn total(profile: &str) -> Option<u64> {
    let line = profile
        .lines()
        .find_map(|line| line.strip_prefix("totals:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The file of accepted counts.
fn written(counts: &[(&str, u64)]) -> String {
    let mut text = HEADER.to_owned();
    for (name, count) in counts {
        // Writing to a `String` does not fail.
        let _ = writeln!(text, "{name}: {count}");
    }
    text
}

#[expect(clippy::print_stdout, reason = "what the command is for")]
fn compare(counts: &[(&str, u64)], accepted: &str) -> Outcome {
    let findings = counts
        .iter()
        .map(|(name, count)| {
            let before = count_of(accepted, name)
                .ok_or_else(|| format!("no count of \"{name}\" is accepted yet"))?;
            println!(
                "{name}: {} instructions, accepted are {}",
                number(*count as f64),
                number(before as f64)
            );
            Ok((*name, *count, before))
        })
        .collect::<Result<Vec<_>, String>>()?;
    let grown: Vec<&str> = findings
        .iter()
        .filter(|(_, count, before)| has_grown(*before, *count))
        .map(|(name, _, _)| *name)
        .collect();
    if grown.is_empty() {
        return Ok(());
    }
    Err(format!(
        "more than a tenth more instructions than accepted: {}; make it cheaper, or accept it with `cargo xtask count --write` and say why",
        grown.join(", ")
    )
    .into())
}

fn count_of(accepted: &str, name: &str) -> Option<u64> {
    accepted
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(known, _)| *known == name)?
        .1
        .parse()
        .ok()
}

/// By more than a tenth.
fn has_grown(before: u64, now: u64) -> bool {
    now * 10 > before * 11
}

/// Requests in the shorter run: enough that what is kept for the next one is there.
const FEW: u64 = 50;
const MANY: u64 = 250;
/// How long a file must have been unchanged before the server trusts its times, and some more.
const SETTLED: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);
const HEADER: &str = "\
# Instructions per request in the release build, counted by callgrind. `cargo xtask test` fails when one grows by more than a
# tenth; `cargo xtask count --write` accepts what is counted now.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_more_passes_and_what_is_above_does_not() {
        assert!(!has_grown(1000, 1100));
        assert!(has_grown(1000, 1101));
        assert!(!has_grown(1000, 500));
    }

    #[test]
    fn counts_are_read_as_they_are_written() {
        let text = written(&[("HEAD blob", 12), ("push of 1 KiB", 345)]);
        assert_eq!(count_of(&text, "push of 1 KiB"), Some(345));
        assert_eq!(count_of(&text, "HEAD"), None);
    }

    #[test]
    fn growth_is_an_error_that_names_what_grew() {
        let accepted = written(&[("a", 1000), ("b", 1000)]);
        assert!(compare(&[("a", 1100), ("b", 900)], &accepted).is_ok());
        let error = compare(&[("a", 1200), ("b", 900)], &accepted)
            .unwrap_err()
            .to_string();
        assert!(error.contains("accepted: a;"), "{error}");
        assert!(compare(&[("c", 1)], &accepted).is_err());
    }

    #[test]
    fn the_total_stands_in_the_profile() {
        assert_eq!(total("events: Ir\nsummary: 5\n\ntotals: 42\n"), Some(42));
        assert_eq!(total("events: Ir\n"), None);
    }
}
