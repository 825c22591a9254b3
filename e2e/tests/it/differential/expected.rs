//! The tables of expected differences, and what became of each line of them.
//!
//! A table is text:
//!
//! ```text
//! # what the row of docs/differences.md says in its first column
//! @ theme/name of a request
//! @ theme/names of * requests
//! status: HTTP/1.1 405 Method Not Allowed => HTTP/1.1 200 OK
//! Allow: GET => (none)
//! body: Method not allowed\n => {*}
//! ```
//!
//! Between `=>` stand Distribution's value and ours; `*` stands for any text. A request that is named without `*` must show every
//! difference of its group; a pattern must find some request, and every difference must occur in one of them. Where several groups know
//! a difference, a name goes before a pattern and a longer pattern before a shorter one. Lines that begin with `//` are comments.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::Difference;

/// All tables together.
#[derive(Debug, Default)]
pub(super) struct Expected {
    groups: Vec<Group>,
    /// What occurred: group, difference within it, request.
    met: BTreeSet<(usize, usize, String)>,
}

/// Differences that some requests share for one reason.
#[derive(Debug)]
struct Group {
    row: String,
    requests: Vec<String>,
    differences: Vec<Difference>,
}

impl Expected {
    /// Adds the groups of a table.
    ///
    /// # Panics
    ///
    /// If a line is none of the kinds above.
    pub(super) fn add(&mut self, table: &str) {
        let mut row = "";
        let mut in_differences = true;
        for line in table.lines().map(str::trim) {
            if line.is_empty() || line.starts_with("//") {
                continue;
            }
            if let Some(text) = line.strip_prefix("# ") {
                row = text;
                in_differences = true;
            } else if let Some(request) = line.strip_prefix("@ ") {
                if in_differences {
                    self.groups.push(Group {
                        row: row.to_owned(),
                        requests: Vec::new(),
                        differences: Vec::new(),
                    });
                    in_differences = false;
                }
                let group = self.groups.last_mut().unwrap();
                group.requests.push(request.to_owned());
            } else {
                let difference = difference(line).unwrap_or_else(|| panic!("what is: {line}"));
                let group = self.groups.last_mut();
                group
                    .unwrap_or_else(|| panic!("a difference of nothing: {line}"))
                    .differences
                    .push(difference);
                in_differences = true;
            }
        }
    }

    /// The row that explains a difference, if any does.
    pub(super) fn explain(&mut self, request: &str, difference: &Difference) -> Option<&str> {
        let candidates = self.groups.iter().enumerate().filter_map(|(at, group)| {
            let rank = group.rank(request)?;
            let line = group
                .differences
                .iter()
                .position(|expected| expected.covers(difference))?;
            Some((rank, at, line))
        });
        let (_, group, line) = candidates.min()?;
        self.met.insert((group, line, request.to_owned()));
        Some(&self.groups[group].row)
    }

    /// What was expected and did not occur.
    pub(super) fn unmet(&self) -> Vec<String> {
        let mut unmet = Vec::new();
        for (at, group) in self.groups.iter().enumerate() {
            for (line, difference) in group.differences.iter().enumerate() {
                let requests: Vec<&String> = self
                    .met
                    .iter()
                    .filter(|(group, met, _)| (*group, *met) == (at, line))
                    .map(|(_, _, request)| request)
                    .collect();
                if requests.is_empty() {
                    unmet.push(group.about(&group.requests.join("\" and \""), difference));
                    continue;
                }
                let names = group.requests.iter().filter(|name| !name.contains('*'));
                for name in names.filter(|name| !requests.contains(name)) {
                    unmet.push(group.about(name, difference));
                }
            }
            for pattern in &group.requests {
                let met = |(met, _, request): &(usize, usize, String)| {
                    *met == at && matches(pattern, request)
                };
                if !self.met.iter().any(met) {
                    unmet.push(format!("nothing that \"{pattern}\" names: {} ", group.row));
                }
            }
        }
        unmet
    }

    /// The rows that are named.
    pub(super) fn rows(&self) -> BTreeSet<&str> {
        self.groups.iter().map(|group| &*group.row).collect()
    }

    /// For each row, how many requests showed it.
    pub(super) fn occurrences(&self) -> BTreeMap<&str, usize> {
        let mut requests: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (group, _, request) in &self.met {
            let row = &self.groups[*group].row;
            requests.entry(row).or_default().insert(request);
        }
        requests
            .into_iter()
            .map(|(row, requests)| (row, requests.len()))
            .collect()
    }
}

impl Group {
    /// How loosely the group names a request: not at all by its name, more by a pattern with fewer letters.
    fn rank(&self, request: &str) -> Option<usize> {
        let names = self.requests.iter();
        let fitting = names.filter(|name| matches(name, request));
        fitting
            .map(|name| match name.contains('*') {
                false => 0,
                true => usize::MAX - name.len(),
            })
            .min()
    }

    fn about(&self, request: &str, difference: &Difference) -> String {
        format!("of \"{request}\", for \"{}\":\n    {difference}", self.row)
    }
}

impl Difference {
    fn covers(&self, difference: &Self) -> bool {
        self.what == difference.what
            && matches(&self.theirs, &difference.theirs)
            && matches(&self.ours, &difference.ours)
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, theirs, ours } = self;
        write!(formatter, "{what}: {theirs} => {ours}")
    }
}

fn difference(line: &str) -> Option<Difference> {
    let (what, values) = line.split_once(": ")?;
    let (theirs, ours) = values.split_once(" => ")?;
    Some(Difference {
        what: what.to_owned(),
        theirs: theirs.to_owned(),
        ours: ours.to_owned(),
    })
}

/// Whether a text follows a pattern in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

#[test]
fn a_star_stands_for_anything() {
    for (pattern, text) in [
        ("a", "a"),
        ("*", ""),
        ("a*c", "abc"),
        ("*b*", "abc"),
        ("a*b*c", "a-b-b-c"),
    ] {
        assert!(matches(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in [("a", "ab"), ("a*a", "a"), ("*b", "abc"), ("a*b*c", "acb")] {
        assert!(!matches(pattern, text), "{pattern} {text}");
    }
}
