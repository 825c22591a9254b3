//! Each target for a short time: on its seeds, and on a fixed number of changed ones.
//!
//! The changes are the same in every run, so that a failure is one for everybody, and few, so that
//! nobody waits. Who changes a parser lets `cargo fuzz` look for longer.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use wharf_fuzz::{
    accept, basic, challenge, endpoint, grammar, location, manifest, precondition, ranges, state,
};

macro_rules! short_runs {
    ($($name:ident: $target:path, $cases:expr;)+) => {
        $(#[test] fn $name() { run(stringify!($name), $target, $cases); })+

        const NAMES: &[&str] = &[$(stringify!($name)),+];
    };
}

// Fewer cases where each one costs more.
short_runs! {
    accept: accept::accept, 10_000;
    // Every header that can be read costs a bcrypt.
    basic: basic::basic, 500;
    challenge: challenge::challenge, 20_000;
    content_range: ranges::content_range, 20_000;
    digest: grammar::digest, 20_000;
    endpoint: endpoint::endpoint, 30_000;
    link: location::link, 20_000;
    location: location::location, 20_000;
    manifest: manifest::manifest, 30_000;
    media_type: grammar::media_type, 20_000;
    name: grammar::name, 20_000;
    precondition: precondition::precondition, 20_000;
    range: ranges::range, 20_000;
    reference: grammar::reference, 20_000;
    state: state::state, 3_000;
    tag: grammar::tag, 20_000;
}

#[test]
fn every_target_has_a_short_run_and_seeds() {
    let expected: BTreeSet<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    let programs = entries(&folder("fuzz_targets"));
    let programs = programs.iter().map(|path| path.with_extension(""));
    let seeds = entries(&folder("seeds"));
    let names = |paths: &mut dyn Iterator<Item = PathBuf>| -> BTreeSet<String> {
        let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        paths.map(name).collect()
    };
    assert_eq!(names(&mut programs.into_iter()), expected);
    assert_eq!(names(&mut seeds.into_iter()), expected);
}

fn run(name: &str, target: fn(&[u8]), cases: u32) {
    let files = entries(&folder("seeds").join(name));
    assert!(!files.is_empty(), "{name} has no seeds");
    let seeds: Vec<Vec<u8>> = files
        .iter()
        .map(|file| fs::read(file).expect("a seed is a file"))
        .collect();
    let fails = |seed: &Vec<u8>| panic::catch_unwind(|| target(seed)).is_err();
    let failed = files.iter().zip(&seeds).filter(|(_, seed)| fails(seed));
    let failed: Vec<_> = failed.filter_map(|(file, _)| file.file_name()).collect();
    assert!(failed.is_empty(), "{name} fails on {failed:?}");

    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, random);
    let outcome = runner.run(&inputs(&seeds), |Input(data)| {
        target(&data);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{name}: {error}");
    }
}

/// What a target is given; shown as it can be pasted into a test or a seed.
#[derive(Clone)]
struct Input(Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// A seed with a few changes; a failure is shown with as few as it takes.
fn inputs(seeds: &[Vec<u8>]) -> impl Strategy<Value = Input> {
    let changes = vec(changes(seeds), 1..6);
    (select(seeds.to_vec()), changes).prop_map(|(mut data, changes)| {
        for change in changes {
            change.apply(&mut data);
        }
        Input(data)
    })
}

/// One change of some bytes: what stands there for `length` bytes gives way to something else.
#[derive(Debug, Clone)]
struct Change {
    at: Index,
    length: usize,
    with: Vec<u8>,
}

impl Change {
    fn apply(&self, data: &mut Vec<u8>) {
        let at = self.at.index(data.len() + 1);
        let end = data.len().min(at + self.length);
        data.splice(at..end, self.with.iter().copied());
    }
}

fn changes(seeds: &[Vec<u8>]) -> impl Strategy<Value = Change> {
    let length = prop_oneof![3 => Just(0), 4 => Just(1), 2 => 2..12_usize, 1 => 12..100_usize];
    (any::<Index>(), length, replacements(seeds)).prop_map(|(at, length, with)| Change {
        at,
        length,
        with,
    })
}

fn replacements(seeds: &[Vec<u8>]) -> impl Strategy<Value = Vec<u8>> {
    let piece = (select(seeds.to_vec()), any::<Index>(), 1..24_usize);
    let piece = piece.prop_map(|(seed, at, length)| {
        let at = at.index(seed.len() + 1);
        seed[at..seed.len().min(at + length)].to_owned()
    });
    let sign = select(SIGNS).prop_map(|sign| vec![sign]);
    let word = select(WORDS).prop_map(|word| word.as_bytes().to_owned());
    let long = ("[a-z0-9]", 60..300_usize).prop_map(|(letter, times)| letter.repeat(times).into());
    prop_oneof![
        4 => piece,
        4 => sign,
        2 => word,
        2 => Just(Vec::new()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
        1 => long,
    ]
}

/// The files of a folder, in their order.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is in the tree");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    paths.sort();
    paths
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Where grammars have their joints.
const SIGNS: &[u8] = b"/.:-_*,;=\"\\%+@#?&<>()[]{} \t\n\r\0aZz09";

/// What often tells one case from another.
const WORDS: &[&str] = &[
    "0",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "-1",
    "null",
    "[]",
    "{}",
    "\"\"",
    "..",
    "%2F",
    "\u{e9}",
];
