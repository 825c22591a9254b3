//! Tags.

use std::str::FromStr;
use std::sync::Arc;

use crate::text::text_form;

/// A tag: the name of a manifest that can move (OCI distribution-spec, Pulling manifests:
/// `<reference>` as a tag).
///
/// Letter case counts, and the order is bytewise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<str>);

impl Tag {
    /// The longest tag, in characters.
    pub const MAX_LENGTH: usize = 128;

    /// Returns the tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if text.is_empty() {
            return Err(TagError::Empty);
        }
        if !text.starts_with(is_word) || !text.chars().all(|c| is_word(c) || c == '.' || c == '-') {
            return Err(TagError::Grammar {
                tag: text.to_owned(),
            });
        }
        if text.len() > Self::MAX_LENGTH {
            return Err(TagError::TooLong { length: text.len() });
        }
        Ok(Self(text.into()))
    }
}

text_form!(Tag);

/// Why a text is not a tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// There is no text at all.
    #[error("tag is empty")]
    Empty,
    /// The text is outside the grammar.
    #[error(
        "tag must be letters, digits, underscores, dots and hyphens, and not begin with a dot or hyphen: {tag:?}"
    )]
    Grammar {
        /// The text at fault.
        tag: String,
    },
    /// The tag has more characters than are allowed.
    #[error(
        "tag must not be more than {} characters long, found {length}",
        Tag::MAX_LENGTH
    )]
    TooLong {
        /// How many characters were found.
        length: usize,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_of_the_grammar_are_accepted() {
        let longest = "v".repeat(128);
        for text in [
            "latest", "1.0", "_", "_a.-b", "A-B", "0", "v1..2", "a.", &longest,
        ] {
            assert_eq!(text.parse::<Tag>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn texts_outside_the_grammar_are_refused() {
        assert_eq!("".parse::<Tag>(), Err(TagError::Empty));
        assert_eq!(
            "v".repeat(129).parse::<Tag>(),
            Err(TagError::TooLong { length: 129 })
        );
        for text in [
            ".a", "-a", "a/b", "a:b", "a b", "a+b", "é", "a\n", "..", " ",
        ] {
            assert_eq!(
                text.parse::<Tag>(),
                Err(TagError::Grammar {
                    tag: text.to_owned()
                })
            );
        }
    }

    #[test]
    fn the_order_is_bytewise() {
        let mut tags: Vec<Tag> = ["b", "a", "B", "_", "1", "a-b", "a.b"]
            .iter()
            .map(|t| t.parse().unwrap())
            .collect();
        tags.sort();
        let sorted: Vec<&str> = tags.iter().map(Tag::as_str).collect();
        assert_eq!(sorted, ["1", "B", "_", "a", "a-b", "a.b", "b"]);
    }

    proptest! {
        #[test]
        fn what_parses_prints_as_it_was(text in "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}") {
            prop_assert_eq!(text.parse::<Tag>().unwrap().to_string(), text);
        }

        #[test]
        fn any_text_gets_an_answer(text in ".{0,200}") {
            let _ = text.parse::<Tag>();
        }
    }
}
