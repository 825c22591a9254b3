//! The configuration: CNCF Distribution's `config.yml` and its overrides from the environment, as
//! one typed value that is valid.
//!
//! Reading order: [`source`] (where the text comes from), [`yaml`] and [`node`] (the untyped
//! tree), [`environment`] (overrides on the tree), [`cursor`] and [`typed`] (from the tree to
//! types), then a file for each group of sections.

use std::fmt;

pub(crate) mod address;
pub(crate) mod auth;
pub(crate) mod compatibility;
mod cursor;
pub(crate) mod duration;
pub(crate) mod environment;
mod fault;
pub(crate) mod health;
pub(crate) mod http;
pub(crate) mod limits;
pub(crate) mod log;
mod node;
mod scalar;
pub(crate) mod secret;
pub(crate) mod source;
mod spelling;
pub(crate) mod storage;
pub(crate) mod tls;
mod typed;
mod unsupported;
pub(crate) mod validation;
mod yaml;

use crate::config::auth::AuthSection;
use crate::config::compatibility::CompatibilitySection;
use crate::config::cursor::{Cursor, Report};
use crate::config::fault::{Fault, Problem};
use crate::config::health::HealthSection;
use crate::config::http::HttpSection;
use crate::config::limits::Limits;
use crate::config::log::LogSection;
use crate::config::node::{Node, Place};
use crate::config::source::{ConfigSource, Unreadable};
use crate::config::storage::StorageSection;
use crate::config::validation::ValidationSection;

/// Everything that this version can be told.
#[derive(Debug)]
pub(crate) struct Configuration {
    /// `log`: the application's and the access log.
    pub(crate) log: LogSection,
    /// `storage`: where the bytes are, and what may be done to them.
    pub(crate) storage: StorageSection,
    /// `auth`: who may use the registry.
    pub(crate) auth: AuthSection,
    /// `http`: where and how to listen.
    pub(crate) http: HttpSection,
    /// `health`: what must be well for the registry to serve.
    pub(crate) health: HealthSection,
    /// `catalog` and `tags`: how long a page of a list may be.
    pub(crate) limits: Limits,
    /// `validation`: what a manifest may refer to.
    pub(crate) validation: ValidationSection,
    /// `compatibility`: what is done for clients of long ago.
    pub(crate) compatibility: CompatibilitySection,
}

/// A configuration, and what there is to say about how it was read.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The configuration.
    pub(crate) configuration: Configuration,
    /// What is worth a line in the log at level warning.
    pub(crate) warnings: Vec<String>,
    /// Where the configuration comes from; prints as a path or as `built-in configuration`.
    pub(crate) origin: ConfigSource,
}

/// Why there is no configuration; one line, to be printed after `configuration error: `.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// What the file and the environment say makes no configuration.
    #[error("error parsing {origin}: {fault}")]
    Invalid {
        /// Where the configuration comes from.
        origin: ConfigSource,
        /// What is wrong with it.
        fault: Fault,
    },
}

impl Configuration {
    /// Reads the configuration from `source` and lets `environment` override it.
    ///
    /// Of the environment only names that begin with `REGISTRY_` are looked at.
    pub(crate) fn load(
        source: ConfigSource,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        let text = source.read()?;
        let report = Report::new(source.to_string());
        match Self::parse(&text, environment, &report) {
            Ok(configuration) => Ok(Loaded {
                configuration,
                warnings: report.into_warnings(),
                origin: source,
            }),
            Err(fault) => Err(ConfigError::Invalid {
                origin: source,
                fault,
            }),
        }
    }

    fn parse(
        text: &str,
        environment: impl Iterator<Item = (String, String)>,
        report: &Report,
    ) -> Result<Self, Fault> {
        let document = yaml::parse(text, Place::Line)?;
        for (place, warning) in document.warnings {
            report.warn_at(&place, &warning);
        }
        let mut tree = document.root;
        check_version(&tree, report)?;
        environment::apply(&mut tree, environment, report)?;
        Self::from_tree(&Cursor::root(&tree, report))
    }

    fn from_tree(root: &Cursor<'_>) -> Result<Self, Fault> {
        for (key, child) in root.children()? {
            if !SECTIONS.contains(&key) {
                child.warn_unknown(&SECTIONS);
            }
        }
        unsupported::refuse(root)?;
        Ok(Self {
            log: LogSection::read(root)?,
            storage: StorageSection::read(&root.child("storage"))?,
            auth: AuthSection::read(&root.child("auth"))?,
            http: HttpSection::read(&root.child("http"))?,
            health: HealthSection::read(&root.child("health"))?,
            limits: Limits::read(root)?,
            validation: ValidationSection::read(&root.child("validation"))?,
            compatibility: CompatibilitySection::read(&root.child("compatibility"))?,
        })
    }
}

/// The version of the file's format comes before everything else: the keys of another version may
/// mean anything.
fn check_version(tree: &Node, report: &Report) -> Result<(), Fault> {
    let root = Cursor::root(tree, report);
    // A file that is not keys and values at all deserves to hear that, not that it lacks a version.
    root.children()?;
    let version: String = root.child("version").read()?;
    if version == VERSION {
        Ok(())
    } else {
        Err(Fault::new(Problem::Version(version)))
    }
}

/// The keys at the top of a file.
pub(crate) const SECTIONS: [&str; 17] = [
    "version",
    "log",
    "loglevel",
    "storage",
    "auth",
    "middleware",
    "reporting",
    "http",
    "notifications",
    "redis",
    "health",
    "catalog",
    "tags",
    "proxy",
    "compatibility",
    "validation",
    "policy",
];

/// The only version of the file's format that there is.
const VERSION: &str = "0.1";

impl fmt::Display for ConfigSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::BuiltIn => f.write_str("built-in configuration"),
        }
    }
}

#[cfg(test)]
mod tests;
