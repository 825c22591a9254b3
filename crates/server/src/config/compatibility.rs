//! `compatibility`.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::cursor::Cursor;
use crate::config::fault::Fault;

/// What is done for clients of long ago.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CompatibilitySection {
    /// Whether and how images are converted to schema 1.
    pub(crate) schema1: Option<Schema1Section>,
}

/// How images are converted to schema 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Schema1Section {
    /// The file with the key to sign with; without one a new key is made at each start.
    pub(crate) signing_key_file: Option<PathBuf>,
}

impl CompatibilitySection {
    /// Reads the section `compatibility`.
    pub(super) fn read(section: &Cursor<'_>) -> Result<Self, Fault> {
        let Compatibility { schema1 } = section.read()?;
        let Schema1 {
            enabled,
            signingkeyfile,
        } = schema1;
        let signing_key_file = signingkeyfile.filter(|path| !path.as_os_str().is_empty());
        Ok(Self {
            schema1: enabled.then_some(Schema1Section { signing_key_file }),
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Compatibility {
    schema1: Schema1,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Schema1 {
    enabled: bool,
    signingkeyfile: Option<PathBuf>,
}
