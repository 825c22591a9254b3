//! `auth`.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::cursor::Cursor;
use crate::config::fault::{Fault, Problem};

/// Who may use the registry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AuthSection {
    /// Everybody, for everything.
    None,
    /// Whoever has a line in an htpasswd file, for everything.
    Htpasswd {
        /// The name that clients show when they ask for a password.
        realm: String,
        /// The htpasswd file.
        path: PathBuf,
    },
}

impl AuthSection {
    /// Reads the section `auth`, which is a bare word or one key with its options.
    pub(super) fn read(section: &Cursor<'_>) -> Result<Self, Fault> {
        let (name, options) = match section.text() {
            Some("") => return Ok(Self::None),
            Some(word) => (word, section.child(word)),
            None => {
                let mut controllers = section.children()?.into_iter();
                match (controllers.next(), controllers.next()) {
                    (None, _) => return Ok(Self::None),
                    (Some(only), None) => only,
                    (Some((first, _)), Some((second, _))) => {
                        let rest = controllers.map(|(name, _)| name);
                        let mut names: Vec<String> = [first, second]
                            .into_iter()
                            .chain(rest)
                            .map(str::to_owned)
                            .collect();
                        names.sort();
                        return Err(section.fault(Problem::SeveralControllers(names)));
                    }
                }
            }
        };
        match name {
            "htpasswd" => Self::htpasswd(&options),
            "token" | "silly" => Err(options.unsupported(
                "checks passwords of an htpasswd file only; use auth.htpasswd or none",
            )),
            none if none.eq_ignore_ascii_case("none") => Ok(Self::None),
            unknown => Err(options.fault(Problem::UnknownController(unknown.to_owned()))),
        }
    }

    fn htpasswd(options: &Cursor<'_>) -> Result<Self, Fault> {
        let Htpasswd { realm, path } = options.read()?;
        let missing = |option| {
            let controller = "htpasswd";
            options.fault(Problem::ControllerOption { controller, option })
        };
        let realm = realm.ok_or_else(|| missing("realm"))?;
        if realm.contains(char::is_control) {
            let problem = "a realm must not have control characters".to_owned();
            return Err(options.child("realm").fault(Problem::Value(problem)));
        }
        let path = path.filter(|path| !path.as_os_str().is_empty());
        Ok(Self::Htpasswd {
            realm,
            path: path.ok_or_else(|| missing("path"))?,
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Htpasswd {
    realm: Option<String>,
    path: Option<PathBuf>,
}
