//! `catalog` and `tags`.

use serde::Deserialize;

use crate::config::cursor::Cursor;
use crate::config::fault::{Fault, Problem};

/// How many entries a page of a list may have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Of the list of repositories.
    pub(crate) catalog_entries: usize,
    /// Of a list of tags.
    pub(crate) tags: usize,
}

impl Limits {
    /// Reads the sections from the top of the tree.
    pub(super) fn read(root: &Cursor<'_>) -> Result<Self, Fault> {
        let Catalog { maxentries } = root.child("catalog").read()?;
        let tags = root.child("tags");
        let Tags { maxtags } = tags.read()?;
        if maxtags < 0 {
            let problem = "maxtags limit must be a non-negative integer value".to_owned();
            return Err(tags.child("maxtags").fault(Problem::Value(problem)));
        }
        Ok(Self {
            catalog_entries: or_default(maxentries),
            tags: or_default(maxtags),
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Catalog {
    maxentries: i64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Tags {
    maxtags: i64,
}

/// The limit that is given, or Distribution's if none is.
fn or_default(limit: i64) -> usize {
    usize::try_from(limit)
        .ok()
        .filter(|limit| *limit > 0)
        .unwrap_or(1000)
}
