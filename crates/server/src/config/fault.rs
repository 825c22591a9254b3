//! What is wrong with a configuration, and where.

use std::fmt;

use serde::de;

use crate::config::node::Place;

/// A mistake in the configuration and the place it was made in.
#[derive(Debug)]
pub(crate) struct Fault {
    location: Option<Location>,
    /// What is wrong.
    pub(crate) problem: Problem,
}

/// Where a mistake was made.
#[derive(Debug)]
struct Location {
    place: Place,
    key: String,
}

/// What is wrong.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// The text is not YAML.
    #[error("yaml: {0}")]
    Syntax(String),
    /// The file is of another version of the format, or of none.
    #[error("unsupported version: {}; write version: 0.1 at the top of the file", quote(.0))]
    Version(String),
    /// A key has a value that it cannot have.
    #[error("{0}")]
    Value(String),
    /// A key asks for something that exists in other registries, and not in this version.
    #[error("{0}")]
    Unsupported(String),
    /// There is no storage driver.
    #[error(
        "no storage configuration provided; write for example storage: {{filesystem: {{rootdirectory: /var/lib/registry}}}}"
    )]
    NoDriver,
    /// The file names more than one storage driver.
    #[error("must provide exactly one storage type. Provided: [{}]", .0.join(" "))]
    SeveralDrivers(Vec<String>),
    /// The environment adds a storage driver to the one of the file.
    #[error(
        "multiple storage drivers specified in configuration or environment: {}; a variable REGISTRY_STORAGE=<driver> replaces the whole storage section",
        .0.join(", ")
    )]
    DriverBesideFile(Vec<String>),
    /// There is no storage driver of this name.
    #[error("StorageDriver not registered: {0}; use filesystem or inmemory")]
    UnknownDriver(String),
    /// There is more than one way to authenticate.
    #[error("must provide exactly one type. Provided: [{}]", .0.join(" "))]
    SeveralControllers(Vec<String>),
    /// There is no such way to authenticate.
    #[error(
        "unable to configure authorization ({0}): no access controller registered with name: {0}; use htpasswd or none"
    )]
    UnknownController(String),
    /// An access controller lacks an option.
    #[error(
        "unable to configure authorization ({controller}): {option:?} must be set for {controller} access controller"
    )]
    ControllerOption {
        /// The access controller.
        controller: &'static str,
        /// The option that is missing.
        option: &'static str,
    },
    /// A variable counts the elements of a list with something that is no number.
    #[error("non-numeric index: {0}; {LIST_RULE}")]
    IndexNotNumeric(String),
    /// A variable leaves a gap in a list.
    #[error("undefined index: {index}; this list goes on with {next}: {LIST_RULE}")]
    IndexUndefined {
        /// The number in the variable's name.
        index: String,
        /// The number that would append.
        next: usize,
    },
}

impl Fault {
    /// A mistake of the whole configuration.
    pub(crate) fn new(problem: Problem) -> Self {
        Self {
            location: None,
            problem,
        }
    }

    /// The same mistake, made at `key` in `place`; keeps the place that it has.
    #[must_use]
    pub(crate) fn at(mut self, place: &Place, key: &str) -> Self {
        self.location.get_or_insert_with(|| Location {
            place: place.clone(),
            key: key.to_owned(),
        });
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Location { place, key }) = &self.location {
            write!(f, "{place}")?;
            if !key.is_empty() {
                write!(f, "{key}: ")?;
            }
        }
        self.problem.fmt(f)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Problem::Value(message.to_string()))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Problem::Value(format!("{field:?} must be set")))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Problem::Value(format!(
            "{} is not known; use one of {}",
            quote(variant),
            expected.join(", ")
        )))
    }
}

/// Quotes text of the user's for a message of one line, shortened if it is long.
pub(crate) fn quote(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// How variables give the elements of a list.
pub(crate) const LIST_RULE: &str =
    "the elements of a list are numbered from 0 without a gap, or given all at once as [a, b]";

/// How many characters of the user's text a message repeats.
const QUOTED: usize = 80;
