//! `validation`.

use std::str::FromStr;

use regex::Regex;
use serde::Deserialize;

use crate::config::cursor::Cursor;
use crate::config::fault::{Fault, quote};
use crate::config::typed;

/// What a manifest may refer to.
#[derive(Debug)]
pub(crate) struct ValidationSection {
    /// Whether manifests are taken as they come.
    pub(crate) disabled: bool,
    /// A URL of a layer must match one of these, if there are any; with neither these nor
    /// [`Self::urls_deny`] no URL may be given.
    pub(crate) urls_allow: Vec<Regex>,
    /// A URL of a layer must match none of these.
    pub(crate) urls_deny: Vec<Regex>,
    /// Which manifests of an index must exist.
    pub(crate) platforms: IndexPlatforms,
}

/// Which manifests of an index must exist when the index is pushed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum IndexPlatforms {
    /// All of them.
    All,
    /// None of them.
    None,
    /// Those for these platforms.
    List(Vec<Platform>),
}

/// A platform that must be there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Platform {
    /// Such as `amd64`.
    pub(crate) architecture: String,
    /// Such as `linux`.
    pub(crate) os: String,
}

impl ValidationSection {
    /// Reads the section `validation`.
    pub(super) fn read(section: &Cursor<'_>) -> Result<Self, Fault> {
        let Keys {
            disabled,
            enabled: serde::de::IgnoredAny,
            manifests,
        } = section.read()?;
        let Manifests {
            urls: Urls { allow, deny },
            indexes:
                Indexes {
                    platforms,
                    platformlist,
                },
        } = manifests;
        if section.child("enabled").text().is_some() {
            section
                .child("enabled")
                .warn("this key is deprecated and has no effect; see validation.disabled");
        }
        let cursor = section
            .child("manifests")
            .child("indexes")
            .child("platforms");
        let platforms = match platforms {
            Kind::All => IndexPlatforms::All,
            Kind::None => {
                cursor.warn("an index is accepted without the manifests that it refers to");
                IndexPlatforms::None
            }
            Kind::List => {
                cursor.warn(
                    "an index is accepted without its manifests for platforms that are not listed",
                );
                IndexPlatforms::List(platformlist)
            }
        };
        Ok(Self {
            disabled,
            urls_allow: allow.into_iter().map(|pattern| pattern.0).collect(),
            urls_deny: deny.into_iter().map(|pattern| pattern.0).collect(),
            platforms,
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Keys {
    disabled: bool,
    enabled: serde::de::IgnoredAny,
    manifests: Manifests,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Manifests {
    urls: Urls,
    indexes: Indexes,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Urls {
    allow: Vec<Pattern>,
    deny: Vec<Pattern>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Indexes {
    #[serde(deserialize_with = "typed::keyword")]
    platforms: Kind,
    platformlist: Vec<Platform>,
}

#[derive(Default)]
enum Kind {
    #[default]
    All,
    None,
    List,
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "none" => Ok(Self::None),
            "list" => Ok(Self::List),
            _ => Err(format!(
                "{} is not known; use one of all, none, list",
                quote(text)
            )),
        }
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Pattern(Regex);

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Regex::new(&text).map(Self).map_err(|error| {
            // The library draws the place of the mistake over several lines; the last one says
            // what it is.
            let message = error.to_string();
            let reason = message.lines().last().unwrap_or_default();
            let reason = reason.trim_start_matches("error: ");
            format!("{} is not a regular expression: {reason}", quote(&text))
        })
    }
}
