//! Whole configurations: what people have, and what they get wrong.

use proptest::prelude::*;

use super::storage::{CacheSection, DriverSection, Durability};
use super::*;
use crate::config::http::ListenAddress;
use crate::config::log::{Formatter, Level};

mod errors;
mod files;
mod values;
mod warnings;

/// Variables as a shell or a compose file gives them.
pub(super) fn environment(variables: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    variables.iter().map(owned).collect::<Vec<_>>().into_iter()
}

/// Loads a file with this text; the error is what stands after `configuration error: error parsing
/// config.yml: `.
pub(super) fn load(
    text: &str,
    variables: &[(&str, &str)],
) -> Result<(Configuration, Vec<String>), String> {
    let report = Report::new("config.yml".to_owned());
    match Configuration::parse(text, environment(variables), &report) {
        Ok(configuration) => Ok((configuration, report.into_warnings())),
        Err(fault) => Err(fault.to_string()),
    }
}

/// Loads a file that must be right and give no warning.
pub(super) fn load_quietly(text: &str, variables: &[(&str, &str)]) -> Configuration {
    let (configuration, warnings) = load(text, variables).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    configuration
}

/// The shortest file that is right.
pub(super) const MINIMAL: &str = "version: 0.1\nstorage: inmemory\n";

/// A file with `lines` after the shortest one.
pub(super) fn with(lines: &str) -> String {
    format!("{MINIMAL}{lines}\n")
}
