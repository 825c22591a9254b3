//! Upload ids: UUIDs when they are ours, any safe path component when they are Distribution's.

use std::{fmt, str::FromStr};

/// The name of an upload session.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId(String);

/// A text that is not an upload id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an upload id")]
pub struct InvalidUploadId(pub String);

impl UploadId {
    /// A new id: a random UUID, so that it cannot be guessed.
    #[must_use]
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().to_string())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UploadId {
    type Err = InvalidUploadId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let in_length = (1..=MAX_LENGTH).contains(&text.len());
        if in_length && !text.starts_with('.') && text.bytes().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidUploadId(text.to_owned()))
        }
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What fits into a file name everywhere.
const MAX_LENGTH: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_one_safe_path_component() {
        for good in ["0b37acc6-6fd7-4b84-a6d2-5a5f0f1c3a0e", "a", "A_b.c"] {
            assert_eq!(good.parse::<UploadId>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            ".",
            "..",
            ".x",
            "a/b",
            "a b",
            "a=",
            "ä",
            &"a".repeat(129),
        ] {
            assert!(bad.parse::<UploadId>().is_err(), "{bad:?}");
        }
        let id = UploadId::random();
        assert_eq!(id.as_str().parse(), Ok(id));
    }
}
