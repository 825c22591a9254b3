//! Collecting garbage: equal copies of a store, half of it garbage, and nobody serving from it meanwhile.

use std::path::Path;

use nix::unistd::sync;
use tempfile::TempDir;
use wharf_e2e::program::Program;
use wharf_e2e::registry::Place;

use crate::Outcome;
use crate::bench::{Bench, Size};
use crate::command::{self, Used};
use crate::process::thread_cpu;
use crate::report::goal::Plan;
use crate::sample::{Sample, mebibytes};
use crate::stage::{Setup, configuration};
use crate::store::Garbage;

/// 1,000, 10,000 and 100,000 blobs: first only looked at, then collected.
pub(crate) fn run(bench: &Bench) -> Outcome {
    for (blobs, plans) in scenarios() {
        let [dry_run, delete] = plans;
        let blobs = match bench.size {
            Size::Full => blobs,
            Size::Quick => blobs / 50,
        };
        if !bench.wants(&dry_run.name) && !bench.wants(&delete.name) {
            continue;
        }
        let stores = CONTENDERS
            .iter()
            .map(|contender| Store::new(bench, *contender, blobs))
            .collect::<Outcome<Vec<_>>>()?;
        if bench.wants(&dry_run.name) {
            bench.row(&dry_run, &stores[..2], |store| {
                store.collect(bench, &["--dry-run"])
            })?;
        }
        if bench.wants(&delete.name) {
            bench.row(&delete, &stores, |store| {
                let sample = store.collect(bench, &[])?;
                store.content.check_collected()?;
                store.content.restore()?;
                sync();
                Ok(sample)
            })?;
        }
    }
    Ok(())
}

/// Blobs, and the plans of the dry run and of the real one.
fn scenarios() -> [(usize, [Plan; 2]); 3] {
    let plans = |blobs: &str| {
        [
            Plan::seconds(format!("collect {blobs} blobs, dry run")),
            Plan::seconds(format!("collect {blobs} blobs")).within(UNLINK, None),
        ]
    };
    let [dry_1k, delete_1k] = plans("1,000");
    let [dry_10k, delete_10k] = plans("10,000");
    let [dry_100k, delete_100k] = plans("100,000");
    [
        (1_000, [dry_1k.beside(0.08), delete_1k.beside(0.10)]),
        (10_000, [dry_10k.beside(0.56), delete_10k.beside(0.86)]),
        (
            100_000,
            [
                dry_100k.times(8.0, (6.72, 2.59)),
                delete_100k.times(3.0, (10.2, 6.55)),
            ],
        ),
    ]
}

/// Who collects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contender {
    Ours,
    Peer,
    /// Someone who knows what is garbage.
    Unlink,
}

const CONTENDERS: [Contender; 3] = [Contender::Ours, Contender::Peer, Contender::Unlink];
const UNLINK: &str = "unlink(2)";

/// A store that is waiting to be collected.
#[derive(Debug)]
struct Store {
    contender: Contender,
    place: Place,
    content: Garbage,
    folder: TempDir,
}

impl Store {
    fn new(bench: &Bench, contender: Contender, blobs: usize) -> Outcome<Self> {
        let place = Place::new(configuration(program(bench, contender), &Setup::default()));
        let content = Garbage::write(&place.stored(""), blobs)?;
        // What is still to be written would be written while somebody is measured.
        sync();
        Ok(Self {
            contender,
            place,
            content,
            folder: tempfile::tempdir()?,
        })
    }

    fn collect(&self, bench: &Bench, flags: &[&str]) -> Outcome<Sample> {
        let used = if self.contender == Contender::Unlink {
            self.unlink(bench)?
        } else {
            let configuration = self.place.configuration();
            let mut words = vec![
                program(bench, self.contender).path(),
                Path::new("garbage-collect"),
            ];
            words.extend(flags.iter().map(Path::new));
            words.push(&configuration);
            command::measured(
                bench.programs.cores,
                &words,
                &self.folder.path().join("output"),
            )?
        };
        Ok(Sample {
            rate: Some(used.wall.as_secs_f64()),
            cpu: Some(used.cpu.as_secs_f64()),
            peak: (used.peak > 0).then(|| mebibytes(used.peak)),
            ..Sample::default()
        })
    }

    fn unlink(&self, bench: &Bench) -> Outcome<Used> {
        let work = || {
            let start = std::time::Instant::now();
            let before = thread_cpu().map_err(|error| error.to_string())?;
            self.content.delete().map_err(|error| error.to_string())?;
            let cpu = thread_cpu().map_err(|error| error.to_string())? - before;
            Ok::<_, String>(Used {
                wall: start.elapsed(),
                cpu,
                peak: 0,
            })
        };
        Ok(bench.programs.cores.on_all(work)??)
    }
}

fn program(bench: &Bench, contender: Contender) -> &Program {
    match contender {
        Contender::Peer => &bench.programs.peer,
        Contender::Ours | Contender::Unlink => &bench.programs.ours,
    }
}
