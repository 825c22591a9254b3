//! The conditions of a request: what content has to be, or must not be, for it to be carried out.

use std::fmt;

use crate::digest::Digest;

/// The `If-Match` and `If-None-Match` headers of a request (RFC 9110, section 13.1).
///
/// Every entity tag of a registry is a digest in quotes. Bare digests are read too, since
/// Distribution takes them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Precondition {
    matches: Option<EntityTags>,
    matches_not: Option<EntityTags>,
}

/// The entity tags of one header.
#[derive(Debug, Clone, PartialEq, Eq)]
enum EntityTags {
    /// `*`: whatever is there.
    Any,
    /// One of these, which need not be digests.
    Listed(Vec<String>),
}

impl Precondition {
    /// No condition.
    pub const NONE: Self = Self {
        matches: None,
        matches_not: None,
    };

    /// Reads the values of both headers, each of which may be there several times or not at all.
    pub fn from_values<'a>(
        if_match: impl Iterator<Item = &'a str>,
        if_none_match: impl Iterator<Item = &'a str>,
    ) -> Self {
        Self {
            // A weak tag says that content is as good as other content, not that it is the same.
            matches: EntityTags::read(if_match, |_weak| None),
            matches_not: EntityTags::read(if_none_match, Some),
        }
    }

    /// Tells whether the request comes without conditions.
    pub fn is_none(&self) -> bool {
        self.matches.is_none() && self.matches_not.is_none()
    }

    /// Tells whether `If-Match` holds for what is there now, if anything is.
    pub fn matches(&self, current: Option<&Digest>) -> bool {
        let tags = self.matches.as_ref();
        tags.is_none_or(|tags| tags.contain(current))
    }

    /// Tells whether `If-None-Match` holds for what is there now, if anything is.
    pub fn matches_not(&self, current: Option<&Digest>) -> bool {
        let tags = self.matches_not.as_ref();
        tags.is_none_or(|tags| !tags.contain(current))
    }

    /// Tells whether a request that changes what is there now may be carried out.
    pub fn holds(&self, current: Option<&Digest>) -> bool {
        self.matches(current) && self.matches_not(current)
    }
}

impl EntityTags {
    fn read<'a>(
        values: impl Iterator<Item = &'a str>,
        weak: fn(&'a str) -> Option<&'a str>,
    ) -> Option<Self> {
        let mut values = values.peekable();
        values.peek()?;
        let mut listed = Vec::new();
        for tag in values.flat_map(|value| value.split(',')) {
            let tag = tag.trim_ascii();
            if tag == "*" {
                return Some(Self::Any);
            }
            let strong = match tag.strip_prefix("W/") {
                Some(tag) => weak(tag),
                None => Some(tag),
            };
            listed.extend(strong.map(|tag| tag.trim_matches('"').to_owned()));
        }
        Some(Self::Listed(listed))
    }

    fn contain(&self, current: Option<&Digest>) -> bool {
        match (self, current) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Listed(tags), Some(current)) => tags.iter().any(|tag| tag == current.as_str()),
        }
    }
}

/// Prints what is asked for, for an error text.
impl fmt::Display for Precondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers = [
            ("If-Match", &self.matches),
            ("If-None-Match", &self.matches_not),
        ];
        let mut separator = "";
        for (name, tags) in headers {
            let Some(tags) = tags else { continue };
            let tags = match tags {
                EntityTags::Any => "*".to_owned(),
                EntityTags::Listed(tags) => tags.join(", "),
            };
            write!(f, "{separator}{name}: {tags}")?;
            separator = "; ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(if_match: &[&str], if_none_match: &[&str]) -> Precondition {
        Precondition::from_values(if_match.iter().copied(), if_none_match.iter().copied())
    }

    #[test]
    fn entity_tags_are_compared_in_every_form() {
        let (digest, other) = (Digest::sha256(b""), Digest::sha256(b"x"));
        for tag in [
            format!("\"{digest}\""),
            digest.to_string(),
            format!("\"{other}\", \"{digest}\""),
            "*".to_owned(),
        ] {
            assert!(condition(&[&tag], &[]).holds(Some(&digest)), "{tag}");
            assert!(!condition(&[&tag], &[]).holds(None), "{tag}");
            assert!(!condition(&[], &[&tag]).holds(Some(&digest)), "{tag}");
            assert!(condition(&[], &[&tag]).holds(None), "{tag}");
        }
        let weak = format!("W/\"{digest}\"");
        assert!(!condition(&[&weak], &[]).holds(Some(&digest)));
        assert!(!condition(&[], &[&weak]).holds(Some(&digest)));
        for tag in [format!("\"{other}\""), String::new(), "\"*\"".to_owned()] {
            assert!(!condition(&[&tag], &[]).holds(Some(&digest)), "{tag}");
            assert!(condition(&[], &[&tag]).holds(Some(&digest)), "{tag}");
        }
        let lines = [other.to_string(), digest.to_string()];
        let both = condition(&[&lines[0], &lines[1]], &[]);
        assert!(both.holds(Some(&digest)) && both.holds(Some(&other)));
    }

    #[test]
    fn no_header_is_no_condition() {
        let none = condition(&[], &[]);
        assert!(none.is_none() && none.holds(None) && none.holds(Some(&Digest::sha256(b""))));
        assert!(!condition(&["*"], &[]).is_none());
        assert_eq!(
            condition(&["*"], &["\"a\",b"]).to_string(),
            "If-Match: *; If-None-Match: a, b"
        );
    }
}
