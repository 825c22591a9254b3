//! What a client says it can read.

use std::fmt;

use crate::media_type::{MediaType, is_restricted_name};

/// The media types of all `Accept` headers of a request.
///
/// Parameters such as `q` are cut off, letter case is ignored, and items that do not parse are
/// skipped, as in Distribution. Unlike there, wildcards count (RFC 9110, section 12.5.1), and a
/// request without `Accept` accepts everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accept {
    items: Vec<Item>,
}

/// One thing accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Anything,
    AnyOf(String),
    Exactly(MediaType),
    /// Not readable; kept because a header that says something unknown is not a missing header.
    Unknown,
}

impl Accept {
    /// Reads the values of all `Accept` headers of a request, of which there may be none.
    pub fn from_values<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let items = values
            .flat_map(|value| value.split(','))
            .filter(|item| !item.trim_ascii().is_empty())
            .map(Item::parse)
            .collect();
        Self { items }
    }

    /// Tells whether the client can read this media type.
    pub fn accepts(&self, media_type: &MediaType) -> bool {
        self.is_any()
            || self.items.iter().any(|item| match item {
                Item::Anything => true,
                Item::AnyOf(kind) => media_type.as_str().split('/').next() == Some(kind),
                Item::Exactly(accepted) => accepted == media_type,
                Item::Unknown => false,
            })
    }

    /// Tells whether the client can read everything: it said so, or said nothing.
    pub fn is_any(&self) -> bool {
        self.items.is_empty() || self.items.contains(&Item::Anything)
    }

    /// Tells whether the client names this very media type, wildcards aside.
    pub fn names(&self, media_type: &MediaType) -> bool {
        self.items
            .iter()
            .any(|item| matches!(item, Item::Exactly(accepted) if accepted == media_type))
    }
}

impl Item {
    fn parse(item: &str) -> Self {
        if let Ok(media_type) = MediaType::parse(item) {
            return Self::Exactly(media_type);
        }
        let (range, _parameters) = item.split_once(';').unwrap_or((item, ""));
        match range.trim_ascii().split_once('/') {
            Some(("*", "*")) => Self::Anything,
            Some((kind, "*")) if is_restricted_name(kind) => Self::AnyOf(kind.to_ascii_lowercase()),
            _ => Self::Unknown,
        }
    }
}

/// Prints what was understood, as a list for an error text.
impl fmt::Display for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for item in self.items.iter().filter(|item| **item != Item::Unknown) {
            write!(f, "{separator}{item}")?;
            separator = ", ";
        }
        Ok(())
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anything => f.write_str("*/*"),
            Self::AnyOf(kind) => write!(f, "{kind}/*"),
            Self::Exactly(media_type) => f.write_str(media_type.as_str()),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn accept(values: &[&str]) -> Accept {
        Accept::from_values(values.iter().copied())
    }

    #[test]
    fn lines_and_commas_both_count() {
        let accept = accept(&[
            "application/vnd.docker.distribution.manifest.v2+json, APPLICATION/vnd.oci.image.INDEX.v1+json;q=0.1",
            "application/vnd.oci.image.manifest.v1+json",
        ]);
        for media_type in [
            MediaType::DOCKER_MANIFEST,
            MediaType::OCI_INDEX,
            MediaType::OCI_MANIFEST,
        ] {
            assert!(
                accept.accepts(&media_type) && accept.names(&media_type),
                "{media_type}"
            );
        }
        assert!(!accept.accepts(&MediaType::DOCKER_MANIFEST_LIST));
        assert!(!accept.is_any());
    }

    #[test]
    fn a_wildcard_accepts_without_naming() {
        for (value, is_any) in [
            ("*/*", true),
            ("text/html, */*;q=0.8", true),
            ("application/*", false),
            ("Application/* ;q=1", false),
        ] {
            let accept = accept(&[value]);
            assert_eq!(accept.is_any(), is_any, "{value}");
            assert!(accept.accepts(&MediaType::OCI_MANIFEST), "{value}");
            assert!(!accept.names(&MediaType::OCI_MANIFEST), "{value}");
        }
        assert!(!accept(&["text/*"]).accepts(&MediaType::OCI_MANIFEST));
    }

    #[test]
    fn no_accept_accepts_everything() {
        for values in [&[][..], &[""], &[" , ,"]] {
            assert!(accept(values).is_any());
            assert!(accept(values).accepts(&MediaType::OCI_INDEX));
        }
    }

    #[test]
    fn items_that_do_not_parse_are_skipped() {
        let accept = accept(&["nonsense, */json, a b/*, application/json"]);
        assert!(!accept.is_any());
        assert!(accept.names(&MediaType::JSON));
        assert!(!accept.accepts(&MediaType::OCI_MANIFEST));
        assert!(!Accept::from_values(["nonsense"].into_iter()).accepts(&MediaType::OCI_MANIFEST));
    }

    #[test]
    fn it_prints_what_was_understood() {
        let accept = accept(&["nonsense, application/JSON;q=1", "*/*, Text/*"]);
        assert_eq!(accept.to_string(), "application/json, */*, text/*");
    }

    proptest! {
        #[test]
        fn what_was_understood_reads_the_same_again(values in prop::collection::vec("[a-z*]{1,3}/[a-z*+]{1,3}(;q=1)?", 1..4)) {
            let once = Accept::from_values(values.iter().map(String::as_str));
            let printed = once.to_string();
            prop_assert_eq!(Accept::from_values([printed.as_str()].into_iter()).to_string(), printed);
        }

        #[test]
        fn any_text_gets_an_answer(values in prop::collection::vec(".{0,40}", 0..4)) {
            let accept = Accept::from_values(values.iter().map(String::as_str));
            let _ = (accept.accepts(&MediaType::OCI_INDEX), accept.is_any(), accept.to_string());
        }
    }
}
