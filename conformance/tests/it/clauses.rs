//! All clauses of the specification, with their levels, and why some have no test.
//!
//! A clause is counted as tested if its id stands in the line above a test: `/// OCI-4.19, OCI-4.20`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What a clause asks, and of whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Must,
    Should,
    May,
    /// Of clients; it tells what will arrive.
    Client,
    /// The text is silent: a consequence, a habit, or a choice.
    Note,
    /// Nothing is asked: what something is called, or how a suite works.
    Fact,
    /// A row of what the official suites check.
    Row,
}

impl Level {
    fn of(letter: char) -> Self {
        match letter {
            'M' => Self::Must,
            'S' => Self::Should,
            'O' => Self::May,
            'C' => Self::Client,
            'N' => Self::Note,
            'F' => Self::Fact,
            'R' => Self::Row,
            _ => panic!("{letter} is no level"),
        }
    }
}

/// The clauses by section: number and level.
const SECTIONS: [(u32, &str); 11] = [
    (1, "1M 2M 3S 4O 5N 6O 7N 8N"),
    (
        2,
        "1M 2N 3M 4M 5M 6M 7S 8N 9N 10N 11N 12M 13M 14M 15M 16C 17M 18S 19F 20M 21F 22N",
    ),
    (3, "1M 2M 3M 4S 5M 6N 7N 8M 9M 10M 11M 12N 13S 14N 15N 16O"),
    (
        4,
        "1S 2N 3N 4N 5N 6M 7N 8M 9O 10N 11M 12O 13S 14N 15N 16C 17M 18N 19M 20M 21N 22M 23N 24N 25M 26N 27N 28S 29S 30M \
         31S 32O 33N 34N",
    ),
    (
        5,
        "1M 2M 3N 4C 5N 6S 7N 8O 9O 10M 11M 12N 13N 14O 15N 16N 17N",
    ),
    (
        6,
        "1M 2M 3M 4M 5M 6N 7O 8N 9N 10M 11M 12M 13M 14M 15M 16S 17M 18N 19M 20C 21C 22M 23O 24M 25N",
    ),
    (7, "1O 2M 3M 4M 5M 6M 7N 8N 9N"),
    (8, "1O 2O 3S 4C"),
    (9, "1M 2M 3F 4O 5S 6O 7F"),
    (10, "1O 2M 3O 4O 5N"),
    (
        11,
        "1F 2F 3F 4F 5F 6F 7F 10R 11R 12R 13R 14R 15R 16R 17R 18R 19R 20R 21R 22R 23R 24R 25R 26R 27R 28R 29R 30R 31R 32R \
         33R 34R 35R 36R 37R 38R 39R 50R 51R 52R 53R 54R 55R",
    ),
];

/// The clauses that no test shows, and why.
const WITHOUT_TEST: [(&str, &str); 14] = [
    ("OCI-1.8", "a fact about the table of failures"),
    ("OCI-4.13", "the other choice: here one request is enough"),
    (
        "OCI-4.16",
        "a client's duty: every chunk of these tests is sent so",
    ),
    (
        "OCI-4.29",
        "the first purge is up to an hour after the start: shown in crates/registry/src/purge_uploads",
    ),
    ("OCI-8.1", "not offered: this registry is no proxy yet"),
    ("OCI-8.4", "a client's duty"),
    (
        "OCI-9.5",
        "not offered: no request is ever limited by its rate",
    ),
    ("OCI-11.1", "how the suite chooses a version"),
    ("OCI-11.2", "how the suite is told of a server"),
    ("OCI-11.3", "what can be switched off in the suite"),
    ("OCI-11.4", "which data can be switched off in the suite"),
    (
        "OCI-11.5",
        "how the suite treats registries that are read-only",
    ),
    ("OCI-11.6", "how the suite counts"),
    (
        "OCI-11.7",
        "what the suite's client sends: these tests send the same",
    ),
];

fn clauses() -> BTreeMap<String, Level> {
    let numbers = SECTIONS.iter().flat_map(|(section, numbers)| {
        numbers
            .split_whitespace()
            .map(move |number| (section, number))
    });
    let clauses = numbers.map(|(section, number)| {
        let (number, letter) = number.split_at(number.len() - 1);
        let level = Level::of(letter.chars().next().unwrap());
        (format!("OCI-{section}.{number}"), level)
    });
    clauses.collect()
}

/// The lines of each file of tests but this one.
fn sources() -> Vec<(String, Vec<String>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let others = files.filter(|file| !file.ends_with("clauses.rs"));
    let lines = others.map(|file| {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().map(|line| line.trim().to_owned());
        (file.display().to_string(), lines.collect())
    });
    lines.collect()
}

/// The ids in a line that holds nothing else.
fn ids(line: &str) -> Option<Vec<&str>> {
    let ids: Vec<&str> = line.strip_prefix("/// ")?.split(", ").collect();
    ids.iter().all(|id| id.starts_with("OCI-")).then_some(ids)
}

/// `#[test]`, or a bare name in a macro that makes tests.
fn is_test(line: &str) -> bool {
    let is_name = |line: &str| {
        line.chars()
            .all(|letter| letter.is_ascii_lowercase() || letter == '_')
    };
    line == "#[test]" || (!line.is_empty() && is_name(line))
}

fn tested() -> BTreeSet<String> {
    let mut tested = BTreeSet::new();
    for (file, lines) in sources() {
        for (line, next) in lines.iter().zip(lines.iter().skip(1)) {
            let Some(ids) = ids(line) else { continue };
            assert!(is_test(next), "{file}: \"{line}\" stands over no test");
            tested.extend(ids.into_iter().map(str::to_owned));
        }
    }
    tested
}

#[test]
fn every_test_names_its_clauses() {
    for (file, lines) in sources() {
        for (before, line) in lines.iter().zip(lines.iter().skip(1)) {
            let in_macro = before.starts_with('$');
            assert!(
                line != "#[test]" || in_macro || ids(before).is_some(),
                "{file}: a test without clauses, after \"{before}\""
            );
        }
    }
}

#[test]
fn every_clause_that_is_named_exists() {
    let clauses = clauses();
    for id in tested() {
        assert!(clauses.contains_key(&id), "a test names {id}");
    }
    for (id, reason) in WITHOUT_TEST {
        assert!(
            clauses.contains_key(id),
            "a reason is given for {id}: {reason}"
        );
    }
}

#[test]
fn every_clause_has_a_test_or_a_reason_and_not_both() {
    let tested = tested();
    for (id, level) in clauses() {
        let reason = WITHOUT_TEST.iter().find(|(other, _)| *other == id);
        assert!(
            tested.contains(&id) != reason.is_some(),
            "{id} ({level:?}) has neither test nor reason, or both: {reason:?}"
        );
    }
}

#[test]
fn what_a_registry_must_do_has_a_test() {
    let tested = tested();
    for (id, level) in clauses() {
        assert!(
            tested.contains(&id) || !matches!(level, Level::Must | Level::Row),
            "{id} has none"
        );
    }
}
