//! What differs between two answers, after taking out what must differ.

use std::collections::BTreeMap;

use wharf_e2e::raw::{Answer, End};

use super::scenario::Pair;

/// One thing that differs between the two answers to a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Difference {
    /// `status`, `body`, or the name of a header.
    pub(super) what: String,
    /// What Distribution says; see [`NONE`] and [`EMPTY`].
    pub(super) theirs: String,
    /// What Wharf says.
    pub(super) ours: String,
}

impl Pair {
    /// Everything that differs, in the order of the alphabet.
    pub(super) fn differences(&self) -> Vec<Difference> {
        let theirs = aspects(self.theirs.as_ref());
        let ours = aspects(self.ours.as_ref());
        let mut names: Vec<&String> = theirs.keys().chain(ours.keys()).collect();
        names.sort_unstable();
        names.dedup();
        names
            .into_iter()
            .filter(|name| theirs.get(*name) != ours.get(*name))
            .map(|name| Difference {
                what: name.clone(),
                theirs: shown(theirs.get(name)),
                ours: shown(ours.get(name)),
            })
            .collect()
    }
}

/// An answer as names and values.
fn aspects(answer: Option<&Answer>) -> BTreeMap<String, String> {
    let mut aspects = BTreeMap::new();
    let Some(answer) = answer else {
        aspects.insert("status".to_owned(), "(the connection is closed)".to_owned());
        return aspects;
    };
    aspects.insert("status".to_owned(), answer.line.clone());
    for (name, value) in &answer.headers {
        let value = match name.as_str() {
            "Date" => "<date>".to_owned(),
            // Bodies are compared anyway; only to a HEAD does the length say something of its own.
            "Content-Length" if !value.is_empty() && *value == answer.body.len().to_string() => {
                "<of the body>".to_owned()
            }
            _ => without_chance(value),
        };
        aspects
            .entry(name.clone())
            .and_modify(|values: &mut String| *values += &format!(" and {value}"))
            .or_insert(value);
    }
    let body = String::from_utf8_lossy(&answer.body);
    let body = body.replace('\r', "\\r").replace('\n', "\\n");
    aspects.insert(
        "body".to_owned(),
        without_signatures(&without_chance(&body)),
    );
    if answer.end != End::Framed {
        aspects.insert("end".to_owned(), format!("{:?}", answer.end));
    }
    aspects
}

/// Takes out the ids of uploads and their signed states, which no two servers share.
fn without_chance(text: &str) -> String {
    let mut rest = text;
    let mut result = String::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("_state=") {
            result.push_str("_state=<state>");
            let end = after.find(|letter: char| {
                !letter.is_ascii_alphanumeric() && !matches!(letter, '-' | '_' | '%' | '=')
            });
            rest = &after[end.unwrap_or(after.len())..];
        } else if rest.get(..UUID).is_some_and(is_uuid) {
            result.push_str("<uuid>");
            rest = &rest[UUID..];
        } else {
            let letter = rest.chars().next().unwrap();
            result.push(letter);
            rest = &rest[letter.len_utf8()..];
        }
    }
    result
}

/// Takes out what an image of schema 1 ends with: each server signs with a key of its own, and never twice the same.
fn without_signatures(body: &str) -> String {
    match body.split_once("\\n   \"signatures\": [") {
        Some((signed, _)) => format!("{signed}<signatures>"),
        None => body.to_owned(),
    }
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

fn shown(value: Option<&String>) -> String {
    match value {
        None => NONE.to_owned(),
        Some(value) if value.is_empty() => EMPTY.to_owned(),
        Some(value) => value.clone(),
    }
}

/// How the tables write a header that is not there.
pub(super) const NONE: &str = "(none)";
/// How the tables write a body, or a header, without content.
pub(super) const EMPTY: &str = "(empty)";

/// The length of a UUID as text.
const UUID: usize = 36;
