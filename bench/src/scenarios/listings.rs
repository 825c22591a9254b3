//! Pages of tags and of the catalog, taken from the middle of lists of 100 to 100,000 names: right after a start, and again.

use std::io;
use std::path::Path;
use std::time::Instant;

use crate::Outcome;
use crate::bench::{Bench, Size};
use crate::client::target::Target;
use crate::content;
use crate::load::{Until, load};
use crate::report::goal::{Lead, Plan};
use crate::sample::{Sample, milliseconds};
use crate::stage::{Restarting, Setup, Stage};
use crate::store;

/// Both lists at every length.
pub(crate) fn run(bench: &Bench) -> Outcome {
    for list in [List::Tags, List::Catalog] {
        for (length, words) in LENGTHS {
            let first = list.plan(length, words, Turn::First);
            let after = list.plan(length, words, Turn::After);
            if bench.wants(&first.name) || bench.wants(&after.name) {
                let length = match bench.size {
                    Size::Full => length,
                    Size::Quick => length.min(1_000),
                };
                measure(bench, list, length, &first, &after)?;
            }
        }
    }
    Ok(())
}

fn measure(bench: &Bench, list: List, length: usize, first: &Plan, after: &Plan) -> Outcome {
    let setup = Setup::default();
    let stage = Stage::start_with(&bench.programs, &setup, |root| list.write(root, length))?;
    let stage = Restarting::new(stage, &bench.programs, setup);
    let path = list.path(length);
    if bench.wants(&first.name) {
        bench.row(first, &[0, 1], |contender| {
            if *contender == 0 {
                // Neither server has seen the folder then.
                stage.restart()?;
            }
            bench.wait(once(&stage.target(*contender)?, &path))
        })?;
    }
    if bench.wants(&after.name) {
        let targets = [stage.target(0)?, stage.target(1)?];
        bench.row(after, &targets, |target| {
            let request = target.get(&path);
            let until = Until::Elapsed(bench.size.while_steady());
            let taken = bench.wait(load(target, 1, until, async |connection, _| {
                Ok(connection.exchange(&request).await?.expect(200)?.length)
            }))?;
            let sample = Sample::of_requests(&taken);
            Ok(Sample {
                rate: sample.p50,
                cpu: sample.cpu.map(|microseconds| microseconds / 1e3),
                ..sample
            })
        })?;
    }
    Ok(())
}

async fn once(target: &Target, path: &str) -> Outcome<Sample> {
    let mut connection = target.connect().await?;
    // The connection and its thread are no part of it.
    connection
        .exchange(&target.get("/v2/"))
        .await?
        .expect(200)?;
    let cpu = target.meter.cpu()?;
    let start = Instant::now();
    connection.exchange(&target.get(path)).await?.expect(200)?;
    Ok(Sample {
        rate: Some(milliseconds(start.elapsed())),
        cpu: Some(milliseconds(target.meter.cpu()? - cpu)),
        ..Sample::default()
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Tags,
    Catalog,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    First,
    After,
}

impl List {
    fn plan(self, length: usize, words: &str, turn: Turn) -> Plan {
        let (page, of) = match self {
            Self::Tags => ("tags page", "tags"),
            Self::Catalog => ("catalog page", "repositories"),
        };
        let (when, turned) = match turn {
            Turn::First => ("first", 1.0),
            Turn::After => ("after", 20.0),
        };
        let plan = Plan::milliseconds(format!("{page} in the middle of {words} {of}, {when}"))
            .by(Lead::Rate);
        match (self, length) {
            (Self::Tags, 100_000) => plan.times(turned, (60.0, 68.0)),
            (Self::Catalog, 100_000) => plan.times(turned, (66.0, 2060.0)),
            (Self::Tags, 10_000) => plan.beside(5.4),
            (Self::Catalog, 10_000) => plan.beside(7.1),
            (Self::Tags, 1_000) => plan.beside(0.75),
            (Self::Catalog, 1_000) => plan.beside(1.8),
            _ => plan,
        }
    }

    fn path(self, length: usize) -> String {
        let last = length / 2;
        match self {
            Self::Tags => format!("/v2/{NAME}/tags/list?n=100&last={}", tag(last)),
            Self::Catalog => format!("/v2/_catalog?n=100&last={}", repository(last)),
        }
    }

    /// One small manifest, with as many tags or in as many repositories as wanted.
    fn write(self, root: &Path, length: usize) -> io::Result<()> {
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{}"}}"#,
            content::MANIFEST_TYPE
        );
        let digest = content::digest(manifest.as_bytes());
        store::write_blob(root, &digest, manifest.as_bytes())?;
        for index in 0..length {
            let (name, tag) = match self {
                Self::Tags => (NAME.to_owned(), tag(index)),
                Self::Catalog => (repository(index), "latest".to_owned()),
            };
            store::tag(&root.join("repositories").join(name), &tag, &digest)?;
        }
        Ok(())
    }
}

fn tag(index: usize) -> String {
    format!("t{index:06}")
}

fn repository(index: usize) -> String {
    format!("shop/r{index:06}")
}

const LENGTHS: [(usize, &str); 4] = [
    (100, "100"),
    (1_000, "1,000"),
    (10_000, "10,000"),
    (100_000, "100,000"),
];
const NAME: &str = "library/tagged";
