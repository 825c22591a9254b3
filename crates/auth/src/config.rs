//! The `auth` section of the configuration, one struct for each controller.

use std::path::PathBuf;

use serde::Deserialize;

use crate::error::Error;
use crate::htpasswd::Htpasswd;

/// The section `auth.htpasswd`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Options")]
pub struct HtpasswdConfig {
    realm: String,
    path: PathBuf,
}

impl HtpasswdConfig {
    /// Returns the configuration of a password file; neither text may be empty.
    pub fn new(realm: String, path: PathBuf) -> Result<Self, Error> {
        if realm.is_empty() {
            return Err(Error::OptionMissing { option: "realm" });
        }
        if path.as_os_str().is_empty() {
            return Err(Error::OptionMissing { option: "path" });
        }
        Ok(Self { realm, path })
    }

    /// Opens the password file, creating it with one user where there is none.
    pub fn build(self) -> Result<Htpasswd, Error> {
        let Self { realm, path } = self;
        Htpasswd::open(realm, path)
    }
}

/// The section as it is written.
#[derive(Deserialize)]
struct Options {
    realm: Option<String>,
    path: Option<PathBuf>,
}

impl TryFrom<Options> for HtpasswdConfig {
    type Error = Error;

    fn try_from(Options { realm, path }: Options) -> Result<Self, Error> {
        Self::new(realm.unwrap_or_default(), path.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(options: Value) -> Result<HtpasswdConfig, String> {
        serde_json::from_value(options).map_err(|error| error.to_string())
    }

    #[test]
    fn both_options_are_needed() {
        let config = read(json!({"realm": "R", "path": "/x", "other": 1}));
        let expected = HtpasswdConfig::new("R".to_owned(), "/x".into());
        assert_eq!(config.unwrap(), expected.unwrap());
        let realm = "\"realm\" must be set for htpasswd access controller";
        let path = "\"path\" must be set for htpasswd access controller";
        for (options, expected) in [
            (json!({}), realm),
            (json!({"path": "/x"}), realm),
            (json!({"realm": "", "path": "/x"}), realm),
            (json!({"realm": null, "path": "/x"}), realm),
            (json!({"realm": "R"}), path),
            (json!({"realm": "R", "path": ""}), path),
        ] {
            assert_eq!(read(options), Err(expected.to_owned()));
        }
    }
}
