//! The same requests, good and bad, to Distribution and to this registry: every difference in their answers is one that
//! `docs/differences.md` tells of.
//!
//! What is sent stands in `scenarios`, what may differ in `expected`, and why in the document, whose rows the tables name by their first
//! column. Upload ids, their states and the date differ by nature; everything else is compared: the first line, each header with its
//! letter case, the body byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::thread;

use wharf_e2e::need;
use wharf_e2e::program::Program;

mod compare;
mod content;
mod expected;
mod request;
mod scenario;
mod scenarios;

use compare::Difference;
use expected::Expected;
use scenario::Pair;

#[test]
fn every_difference_from_distribution_is_documented() {
    let distribution = need!(Program::distribution());
    // Built once, before the scenarios ask for it all at the same time.
    Program::wharf();
    let pairs = play(&distribution);
    let mut expected = Expected::default();
    for table in TABLES {
        expected.add(table);
    }
    expected.add(FAULTS);

    let mut faults = String::new();
    let mut unexpected: BTreeMap<Vec<Difference>, Vec<&str>> = BTreeMap::new();
    let mut different = 0;
    for pair in &pairs {
        let differences = pair.differences();
        different += usize::from(!differences.is_empty());
        let mut unexplained = Vec::new();
        for difference in differences {
            match expected.explain(&pair.request, &difference) {
                Some(FAULT) => writeln!(faults, "FAULT {}: {difference}", pair.request).unwrap(),
                Some(_) => {}
                None => unexplained.push(difference),
            }
        }
        if !unexplained.is_empty() {
            let requests = unexpected.entry(unexplained).or_default();
            requests.push(&pair.request);
        }
    }

    let mut wrong = String::new();
    for (differences, requests) in &unexpected {
        wrong += "\n\n";
        for request in requests {
            writeln!(wrong, "@ {request}").unwrap();
        }
        for difference in differences {
            writeln!(wrong, "{difference}").unwrap();
        }
    }
    for unmet in expected.unmet() {
        write!(wrong, "\n\nexpected and not there: {unmet}").unwrap();
    }
    let documented: BTreeSet<&str> = rows(DOCUMENT).collect();
    for row in expected.rows() {
        if row != FAULT && !documented.contains(row) {
            write!(wrong, "\n\nno row of docs/differences.md: {row}").unwrap();
        }
    }
    // Past the test harness, which keeps to itself what a test prints as long as it passes.
    let _ = std::io::stderr().write_all(faults.as_bytes());
    show(&summary(pairs.len(), different, &expected));
    assert!(wrong.is_empty(), "{wrong}");
}

/// Plays all scenarios, beside each other: most of the time is spent in starting servers.
fn play(distribution: &Program) -> Vec<Pair> {
    thread::scope(|scope| {
        let scenarios = scenarios::all().into_iter();
        let runs: Vec<_> = scenarios
            .map(|scenario| scope.spawn(|| scenario.run(distribution)))
            .collect();
        runs.into_iter()
            .flat_map(|run| run.join().unwrap())
            .collect()
    })
}

/// The first columns of the document's tables.
fn rows(document: &str) -> impl Iterator<Item = &str> {
    document.lines().filter_map(|line| {
        let (row, _) = line.strip_prefix("| ")?.split_once(" |")?;
        Some(row)
    })
}

fn summary(requests: usize, different: usize, expected: &Expected) -> String {
    let same = requests - different;
    let mut table =
        format!("{requests} requests: {same} answered the same, {different} differently\n");
    for (row, requests) in expected.occurrences() {
        writeln!(table, "{requests:5}  {row}").unwrap();
    }
    table
}

fn show(text: &str) {
    #[expect(clippy::print_stdout, reason = "what the test is run for")]
    {
        print!("{text}");
    }
}

const DOCUMENT: &str = include_str!("../../../docs/differences.md");

/// What may differ, each for a row of the document.
const TABLES: &[&str] = &[
    include_str!("differential/expected/everywhere.txt"),
    include_str!("differential/expected/authentication.txt"),
    include_str!("differential/expected/blobs.txt"),
    include_str!("differential/expected/connection.txt"),
    include_str!("differential/expected/deletion.txt"),
    include_str!("differential/expected/lists.txt"),
    include_str!("differential/expected/links.txt"),
    include_str!("differential/expected/manifests_pull.txt"),
    include_str!("differential/expected/manifests_push.txt"),
    include_str!("differential/expected/paths.txt"),
    include_str!("differential/expected/referrers.txt"),
    include_str!("differential/expected/uploads.txt"),
];

/// What differs and should not: under [`FAULT`] instead of a row, until it is mended.
const FAULTS: &str = include_str!("differential/expected/faults.txt");

/// What stands in the place of a row in [`FAULTS`].
const FAULT: &str = "FAULT";
