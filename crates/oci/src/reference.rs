//! References: a tag or a digest.

use std::str::FromStr;

use crate::digest::{Digest, DigestError};
use crate::tag::{Tag, TagError};
use crate::text::text_form;

/// What the last segment of a manifest's path names (OCI distribution-spec, Pulling manifests).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// A name that can move.
    Tag(Tag),
    /// The very content.
    Digest(Digest),
}

impl Reference {
    /// Returns the reference as text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tag(tag) => tag.as_str(),
            Self::Digest(digest) => digest.as_str(),
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        // A tag cannot hold a colon and a digest cannot do without one.
        if text.contains(':') {
            Ok(Self::Digest(text.parse()?))
        } else {
            Ok(Self::Tag(text.parse()?))
        }
    }
}

impl From<Tag> for Reference {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for Reference {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

text_form!(Reference);

/// Why a text is not a reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The text has no colon and is not a tag.
    #[error(transparent)]
    Tag(#[from] TagError),
    /// The text has a colon and is not a digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_colon_decides() {
        let digest = Digest::sha256(b"");
        assert_eq!(
            digest.as_str().parse(),
            Ok(Reference::Digest(digest.clone()))
        );
        assert_eq!(
            "sha256".parse(),
            Ok(Reference::Tag("sha256".parse().unwrap()))
        );
        assert_eq!(
            "sha256:abc".parse::<Reference>(),
            Err(ReferenceError::Digest(
                "sha256:abc".parse::<Digest>().unwrap_err()
            ))
        );
        assert_eq!(
            "".parse::<Reference>(),
            Err(ReferenceError::Tag(TagError::Empty))
        );
        assert!(matches!(
            ".a".parse::<Reference>(),
            Err(ReferenceError::Tag(TagError::Grammar { .. }))
        ));
    }

    proptest! {
        #[test]
        fn what_parses_prints_as_it_was(text in "([a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}|sha256:[0-9a-f]{64})") {
            prop_assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
    }
}
