//! Where the configuration comes from.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use crate::config::environment::PATH_VARIABLE;

/// Where the configuration comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ConfigSource {
    /// A file; the empty path is a mistake of the caller's script, and refused as such.
    File(PathBuf),
    /// No file was named.
    BuiltIn,
}

/// Why a file's text cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// The path is empty, or a file has to be named and none is.
    #[error(
        "configuration path unspecified; name the file after the command or in {PATH_VARIABLE}"
    )]
    Unspecified,
    /// The file cannot be opened.
    #[error("open {}: {}", path.display(), reason(source))]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("read {}: {}", path.display(), reason(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is no text of a sensible size.
    #[error("error parsing {}: {what}", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: &'static str,
    },
}

impl ConfigSource {
    /// The file named on the command line, or else by [`PATH_VARIABLE`], or else none.
    pub(crate) fn named(argument: Option<PathBuf>, variable: Option<PathBuf>) -> Option<Self> {
        let variable = variable.filter(|path| !path.as_os_str().is_empty());
        argument.or(variable).map(Self::File)
    }

    /// The text of the configuration.
    pub(crate) fn read(&self) -> Result<String, Unreadable> {
        let path = match self {
            Self::BuiltIn => return Ok(include_str!("default.yml").to_owned()),
            Self::File(path) if path.as_os_str().is_empty() => return Err(Unreadable::Unspecified),
            Self::File(path) => path.clone(),
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(source) => return Err(Unreadable::Open { path, source }),
        };
        let mut bytes = Vec::new();
        if let Err(source) = file.take(MAX_BYTES + 1).read_to_end(&mut bytes) {
            return Err(Unreadable::Read { path, source });
        }
        if bytes.len() as u64 > MAX_BYTES {
            let what = "the file is larger than 1 MiB, which no configuration is";
            return Err(Unreadable::NotText { path, what });
        }
        String::from_utf8(bytes).map_err(|_| Unreadable::NotText {
            path,
            what: "the file is not UTF-8 text",
        })
    }
}

/// The system's reason in the words of Go, which scripts look for.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        io::ErrorKind::NotADirectory => "not a directory".to_owned(),
        _ => error.to_string(),
    }
}

/// The size of a file that is certainly not a configuration.
const MAX_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_argument_beats_the_variable() {
        let path = |text: &str| Some(PathBuf::from(text));
        let file = |text: &str| Some(ConfigSource::File(text.into()));
        assert_eq!(
            ConfigSource::named(path("a.yml"), path("b.yml")),
            file("a.yml")
        );
        assert_eq!(ConfigSource::named(None, path("b.yml")), file("b.yml"));
        assert_eq!(ConfigSource::named(None, path("")), None);
        assert_eq!(ConfigSource::named(None, None), None);
    }

    #[test]
    fn an_empty_path_is_not_the_built_in_configuration() {
        let error = ConfigSource::File(PathBuf::new()).read().unwrap_err();
        assert_eq!(
            error.to_string(),
            "configuration path unspecified; name the file after the command or in \
             REGISTRY_CONFIGURATION_PATH"
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let read = |path: &PathBuf| {
            ConfigSource::File(path.clone())
                .read()
                .unwrap_err()
                .to_string()
        };

        let path = at("missing.yml");
        assert_eq!(
            read(&path),
            format!("open {}: no such file or directory", path.display())
        );

        let path = folder.path().to_owned();
        assert_eq!(
            read(&path),
            format!("read {}: is a directory", path.display())
        );

        let path = at("binary.yml");
        fs::write(&path, b"\xff\xfe\x00").unwrap();
        assert_eq!(
            read(&path),
            format!(
                "error parsing {}: the file is not UTF-8 text",
                path.display()
            )
        );

        let path = PathBuf::from("/dev/zero");
        assert!(read(&path).contains("larger than 1 MiB"));
    }
}
