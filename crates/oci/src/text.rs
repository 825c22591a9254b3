//! The text form that every newtype of a grammar shares.

/// Implements `Display`, `Serialize` and `Deserialize` for a type with `as_str` and `FromStr`.
macro_rules! text_form {
    ($name:ty) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use text_form;

/// Tells whether runs of lower-case letters and digits stand at both ends of the text and between
/// its separators.
///
/// Repository components and digest algorithms are both such texts; `is_separator` says what may
/// stand between two runs.
pub(crate) fn is_separated_runs(text: &str, is_separator: impl Fn(&str) -> bool) -> bool {
    let is_alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(is_alphanumeric)
        && text.ends_with(is_alphanumeric)
        && text
            .split(is_alphanumeric)
            .filter(|separator| !separator.is_empty())
            .all(is_separator)
}
