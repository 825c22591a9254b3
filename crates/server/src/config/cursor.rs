//! A place in the untyped tree, from where sections are read and mistakes are reported.

use std::cell::RefCell;

use serde::Deserialize;

use crate::config::fault::{Fault, LIST_RULE, Problem, quote};
use crate::config::node::{Node, Place, Scalar, Section, Value};
use crate::config::{duration, scalar, spelling};

/// The value of one key: its node, its dotted name, and where to put what is worth a warning.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    /// What stands there; [`Node::ABSENT`] if the key is not given.
    pub(crate) node: &'a Node,
    pub(super) key: String,
    pub(super) report: &'a Report,
}

/// The warnings that reading a configuration has given so far.
#[derive(Debug)]
pub(crate) struct Report {
    origin: String,
    warnings: RefCell<Vec<String>>,
}

impl Report {
    /// Starts without warnings; `origin` is the name of the file that lines are lines of.
    pub(crate) fn new(origin: String) -> Self {
        Self {
            origin,
            warnings: RefCell::default(),
        }
    }

    /// Adds a warning.
    pub(crate) fn warn(&self, warning: String) {
        self.warnings.borrow_mut().push(warning);
    }

    /// Adds a warning of what stands at `place`.
    pub(crate) fn warn_at(&self, place: &Place, warning: &str) {
        let origin = &self.origin;
        self.warn(match place {
            Place::Absent => format!("{origin}: {warning}"),
            Place::Line(line) => format!("{origin}: line {line}: {warning}"),
            Place::Variable(name) => format!("environment variable {name}: {warning}"),
        });
    }

    /// All warnings, in the order in which they came up.
    pub(crate) fn into_warnings(self) -> Vec<String> {
        self.warnings.into_inner()
    }
}

impl<'a> Cursor<'a> {
    /// Stands at the top of a tree.
    pub(crate) fn root(node: &'a Node, report: &'a Report) -> Self {
        Self {
            node,
            key: String::new(),
            report,
        }
    }

    /// Stands at a key of this section; at nothing if this is no section or has no such key.
    pub(crate) fn child(&self, key: &str) -> Self {
        let node = match &self.node.value {
            Value::Section(section) => section.get(key),
            Value::Scalar(_) | Value::List(_) => None,
        };
        self.below(node.unwrap_or(const { &Node::ABSENT }), key)
    }

    /// The elements of this list; a lone value is a list of one, null is an empty list.
    pub(crate) fn elements(&self) -> Result<Vec<Self>, Fault> {
        let items = match &self.node.value {
            Value::List(items) => items.as_slice(),
            Value::Scalar(scalar) if scalar.is_null() => &[],
            Value::Scalar(_) => std::slice::from_ref(self.node),
            Value::Section(section) => return Err(self.not_a_list(section)),
        };
        let elements = items.iter().enumerate().map(|(index, node)| Self {
            node,
            key: format!("{}[{index}]", self.key),
            report: self.report,
        });
        Ok(elements.collect())
    }

    /// The keys of this section with their values; none for null.
    pub(crate) fn children(&self) -> Result<Vec<(&'a str, Self)>, Fault> {
        let Some(section) = self.section()? else {
            return Ok(Vec::new());
        };
        let children = section
            .iter()
            .map(|(key, node)| (key, self.below(node, key)));
        Ok(children.collect())
    }

    /// Reads the value as a `T`; a key that is not given is read as null.
    pub(crate) fn read<T: Deserialize<'a>>(&self) -> Result<T, Fault> {
        T::deserialize(self.clone()).map_err(|fault| self.locate(fault))
    }

    /// The text of a bare scalar that says something.
    pub(crate) fn text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Scalar(scalar) if !scalar.is_null() => Some(&scalar.text),
            Value::Scalar(_) | Value::List(_) | Value::Section(_) => None,
        }
    }

    /// A mistake at this key.
    pub(crate) fn fault(&self, problem: Problem) -> Fault {
        self.locate(Fault::new(problem))
    }

    /// Refuses what stands here: other registries have it, this version has not.
    pub(crate) fn unsupported(&self, instead: &str) -> Fault {
        self.fault(Problem::Unsupported(format!("this version {instead}")))
    }

    /// Warns of the value of this key.
    pub(crate) fn warn(&self, warning: &str) {
        let Self { node, key, report } = self;
        report.warn_at(&node.place, &format!("{key}: {warning}"));
    }

    /// Warns that this key means nothing, and names what may be meant.
    pub(crate) fn warn_unknown(&self, known: &[&'static str]) {
        let Self { node, key, report } = self;
        let (parent, name) = key
            .rsplit_once('.')
            .map_or(("", key.as_str()), |(parent, name)| (parent, name));
        let meant = match spelling::nearest(name, known) {
            Some(meant) if parent.is_empty() => format!("; did you mean {meant}?"),
            Some(meant) => format!("; did you mean {parent}.{meant}?"),
            None => String::new(),
        };
        let warning = format!("unknown key {key}{meant}");
        match &node.place {
            Place::Variable(name) => report.warn(format!(
                "Ignoring unrecognized environment variable {name}: {warning}"
            )),
            place => report.warn_at(place, &warning),
        }
    }

    fn below(&self, node: &'a Node, key: &str) -> Self {
        let separator = if self.key.is_empty() { "" } else { "." };
        Self {
            node,
            key: format!("{}{separator}{key}", self.key),
            report: self.report,
        }
    }

    /// The same mistake, made here unless it knows better.
    pub(super) fn locate(&self, fault: Fault) -> Fault {
        fault.at(&self.node.place, &self.key)
    }

    /// A value that cannot stand at this key.
    pub(super) fn value_fault(&self, message: String) -> Fault {
        self.fault(Problem::Value(message))
    }

    /// The scalar that stands here, where `wanted` is expected.
    pub(super) fn scalar(&self, wanted: &str) -> Result<&'a Scalar, Fault> {
        match &self.node.value {
            Value::Scalar(scalar) => Ok(scalar),
            Value::List(_) => Err(self.value_fault(format!("this is a list, not {wanted}"))),
            Value::Section(_) => Err(self.value_fault(format!("this is a section, not {wanted}"))),
        }
    }

    /// The section that stands here; `None` for null.
    pub(super) fn section(&self) -> Result<Option<&'a Section>, Fault> {
        match &self.node.value {
            Value::Section(section) => Ok(Some(section)),
            Value::Scalar(scalar) if scalar.is_null() => Ok(None),
            Value::Scalar(_) => {
                Err(self.value_fault("this is a text, not a section of keys".to_owned()))
            }
            Value::List(_) => {
                Err(self.value_fault("this is a list, not a section of keys".to_owned()))
            }
        }
    }

    /// The mistake of giving a section for a list. A variable makes one by going on with a name
    /// where a list has numbers.
    fn not_a_list(&self, section: &Section) -> Fault {
        let message = "this is a section, not a list";
        let entries = section.iter().map(|(_, node)| node);
        let by_variable = std::iter::once(self.node)
            .chain(entries)
            .find(|node| matches!(node.place, Place::Variable(_)));
        match by_variable {
            Some(node) => {
                let problem = Problem::Value(format!("{message}; {LIST_RULE}"));
                Fault::new(problem).at(&node.place, &self.key)
            }
            None => self.value_fault(message.to_owned()),
        }
    }

    /// The whole number that stands here; 0 for null.
    pub(super) fn integer(&self) -> Result<i128, Fault> {
        let scalar = self.scalar("a whole number")?;
        if scalar.is_null() {
            return Ok(0);
        }
        scalar::integer(&scalar.text).ok_or_else(|| {
            self.value_fault(format!("{} is not a whole number", quote(&scalar.text)))
        })
    }

    /// The nanoseconds of the duration that stands here.
    pub(super) fn duration(&self) -> Result<u64, Fault> {
        let scalar = self.scalar("a duration")?;
        if let Some(nanoseconds) =
            scalar::integer(&scalar.text).and_then(|number| u64::try_from(number).ok())
        {
            if nanoseconds != 0 {
                let text = &scalar.text;
                self.warn(&format!(
                    "{text} without a unit is {text} nanoseconds; write a unit, for example 30s"
                ));
            }
            return Ok(nanoseconds);
        }
        duration::parse(&scalar.text)
            .and_then(|duration| u64::try_from(duration.as_nanos()).ok())
            .ok_or_else(|| {
                self.value_fault(format!(
                    "{} is not a duration; use for example 30s or 1m30s",
                    quote(&scalar.text)
                ))
            })
    }
}
