//! Paths inside a store: always absolute, always below the driver's root.

use std::fmt;

/// An absolute path below a driver's root, such as `/docker/registry/v2/blobs`.
///
/// Each component matches `[A-Za-z0-9._-]+` (Distribution's driver path grammar) and is neither
/// `.` nor `..`, so that a path cannot leave the root.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoragePath(String);

/// A text that is not a path inside a store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid storage path {0:?}: each component must be of letters, digits, '.', '_' and '-'")]
pub struct InvalidPath(pub String);

impl StoragePath {
    /// The root of the store.
    #[must_use]
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// Parses `/component/component…`, or `/` for the root.
    ///
    /// # Errors
    /// When a component is empty, is `.` or `..`, or has a character outside the grammar.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        if text == "/" {
            return Ok(Self::root());
        }
        let components = text
            .strip_prefix('/')
            .ok_or_else(|| InvalidPath(text.to_owned()))?;
        if components.split('/').all(is_component) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPath(text.to_owned()))
        }
    }

    /// The path of one entry of this folder.
    ///
    /// # Errors
    /// When `component` is not a single legal component.
    pub fn child(&self, component: &str) -> Result<Self, InvalidPath> {
        if !is_component(component) {
            return Err(InvalidPath(component.to_owned()));
        }
        if self.0 == "/" {
            return Ok(Self(format!("/{component}")));
        }
        Ok(Self(format!("{}/{component}", self.0)))
    }

    /// The path as text, beginning with `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder that holds this path; the root is its own parent.
    #[must_use]
    pub fn parent(&self) -> Self {
        match self.0.rfind('/') {
            None | Some(0) => Self::root(),
            Some(slash) => Self(self.0[..slash].to_owned()),
        }
    }

    /// The last component; empty for the root.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The path without its leading `/`, for joining to a root folder or a key prefix.
    #[must_use]
    pub fn relative(&self) -> &str {
        &self.0[1..]
    }

    /// Whether this path is `folder` or lies below it.
    #[must_use]
    pub fn is_within(&self, folder: &Self) -> bool {
        folder.0 == "/"
            || self
                .0
                .strip_prefix(&folder.0)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

fn is_component(text: &str) -> bool {
    !matches!(text, "" | "." | "..")
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

impl fmt::Display for StoragePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for StoragePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_the_root_are_accepted() {
        for good in ["/", "/a", "/a/b.c/_d-e", "/a..b"] {
            assert_eq!(StoragePath::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "", "a", "/a/", "//a", "/a/../b", "/.", "/a b", "/a:b", "/ä", "/a\0",
        ] {
            assert_eq!(StoragePath::parse(bad), Err(InvalidPath(bad.to_owned())));
        }
    }

    #[test]
    fn children_parents_and_names_fit_together() {
        let path = StoragePath::root().child("a").unwrap().child("b").unwrap();
        assert_eq!(path.as_str(), "/a/b");
        assert_eq!(path.parent().as_str(), "/a");
        assert_eq!(path.parent().parent(), StoragePath::root());
        assert_eq!(path.name(), "b");
        assert_eq!(path.relative(), "a/b");
        assert!(path.child("../c").is_err());
        assert!(path.is_within(&path.parent()));
        assert!(!StoragePath::parse("/ab").unwrap().is_within(&path.parent()));
    }
}
