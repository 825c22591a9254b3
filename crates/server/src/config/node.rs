//! The configuration as an untyped tree: what the file and the environment say, before anybody
//! knows what they mean.

use std::fmt;
use std::sync::Arc;

/// A value together with the place where it was written.
#[derive(Clone)]
pub(crate) struct Node {
    /// Where it was written.
    pub(crate) place: Place,
    /// What was written.
    pub(crate) value: Value,
}

/// The three shapes of a value.
#[derive(Clone)]
pub(crate) enum Value {
    /// One piece of text, not yet a number or a boolean.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// Keys with their values.
    Section(Section),
}

/// A piece of text as it was written; its meaning depends on who reads it.
#[derive(Clone)]
pub(crate) struct Scalar {
    /// The text, without quotes and with its escapes undone.
    pub(crate) text: String,
    /// Whether it was quoted, and so can only be text.
    pub(crate) quoted: bool,
}

/// Keys with their values, in the order of the file, no key twice.
#[derive(Clone, Default)]
pub(crate) struct Section {
    entries: Vec<(String, Node)>,
}

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nowhere: the key is not given.
    Absent,
    /// A line of the file, counted from 1.
    Line(usize),
    /// The environment variable of this name.
    Variable(Arc<str>),
}

impl Node {
    /// The value of a key that is not given.
    pub(crate) const ABSENT: Self = Self::null(Place::Absent);

    /// A value that says nothing.
    pub(crate) const fn null(place: Place) -> Self {
        Self {
            place,
            value: Value::Scalar(Scalar {
                text: String::new(),
                quoted: false,
            }),
        }
    }

    /// Whether the value says nothing: the key alone, or `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.is_null())
    }

    /// Whether nothing in the value says anything: nulls, empty texts, empty lists, and sections
    /// of these.
    pub(crate) fn is_blank(&self) -> bool {
        match &self.value {
            Value::Scalar(scalar) => scalar.is_null() || scalar.text.is_empty(),
            Value::List(items) => items.iter().all(Self::is_blank),
            Value::Section(section) => section.iter().all(|(_, node)| node.is_blank()),
        }
    }
}

impl Scalar {
    /// Whether it is one of YAML's words for nothing.
    pub(crate) fn is_null(&self) -> bool {
        !self.quoted && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

impl Section {
    /// The value of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.iter()
            .find(|(name, _)| *name == key)
            .map(|(_, node)| node)
    }

    /// Sets `key` to `node` where it stands, or adds it at the end; returns what was there before.
    pub(crate) fn set(&mut self, key: String, node: Node) -> Option<Node> {
        match self.entries.iter_mut().find(|(name, _)| *name == key) {
            Some((_, existing)) => Some(std::mem::replace(existing, node)),
            None => {
                self.entries.push((key, node));
                None
            }
        }
    }

    /// The value of `key`, made by `absent` if there is none.
    pub(crate) fn entry(&mut self, key: String, absent: impl FnOnce() -> Node) -> &mut Node {
        let index = self.entries.iter().position(|(name, _)| *name == key);
        let index = index.unwrap_or_else(|| {
            self.entries.push((key, absent()));
            self.entries.len() - 1
        });
        &mut self.entries[index].1
    }

    /// The keys and their values in the order of the file.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.entries.iter().map(|(key, node)| (key.as_str(), node))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => Ok(()),
            Self::Line(line) => write!(f, "line {line}: "),
            Self::Variable(name) => write!(f, "parsing environment variable {name}: "),
        }
    }
}
