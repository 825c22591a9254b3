//! Repository names.

use std::cmp::Ordering;
use std::str::FromStr;
use std::sync::Arc;

use crate::text::{is_separated_runs, text_form};

/// The name of a repository, such as `library/nginx` (OCI distribution-spec, Pulling manifests:
/// `<name>`).
///
/// Beyond the specification, and as in CNCF Distribution, the first of several components may be
/// the name of a host: `Example.com/nginx` has upper-case letters, and stores have such names.
///
/// The order compares component by component, so `/` sorts before every other character and `a/b`
/// stands before `a-b`. It is the total order of the catalog, and the order in which a walk of the
/// store meets the names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepositoryName(Arc<str>);

impl RepositoryName {
    /// The longest name accepted, in characters; many clients cap host and name together at this
    /// length.
    pub const MAX_LENGTH: usize = 255;

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a name of several components may begin with this one.
    pub fn can_begin_with(component: &str) -> bool {
        is_component(component) || is_host(component)
    }

    /// Returns the parts between the slashes; there is at least one.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        let path = match text.split_once('/') {
            Some((host, path)) if is_host(host) => path,
            _ => text,
        };
        if let Some(component) = path.split('/').find(|component| !is_component(component)) {
            return Err(NameError::Grammar {
                component: component.to_owned(),
            });
        }
        if text.len() > Self::MAX_LENGTH {
            return Err(NameError::TooLong { length: text.len() });
        }
        Ok(Self(text.into()))
    }
}

/// Whether a text is a component: lower-case runs, separated by one dot, one or two underscores,
/// or hyphens.
fn is_component(text: &str) -> bool {
    let is_separator = |s: &str| matches!(s, "." | "_" | "__") || s.bytes().all(|b| b == b'-');
    is_separated_runs(text, is_separator)
}

/// Whether a text is the name of a host, without a port.
fn is_host(text: &str) -> bool {
    text.split('.').all(|label| {
        let within = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let hyphen_at_an_end = label.starts_with('-') || label.ends_with('-');
        !label.is_empty() && !hyphen_at_an_end && label.bytes().all(within)
    })
}

impl Ord for RepositoryName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.components().cmp(other.components())
    }
}

impl PartialOrd for RepositoryName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

text_form!(RepositoryName);

/// Why a text is not a repository name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is no text at all.
    #[error("repository name is empty")]
    Empty,
    /// One component is outside the grammar.
    #[error(
        "repository name component must be lower-case letters and digits, separated by one dot, one or two underscores, \
         or hyphens: {component:?}"
    )]
    Grammar {
        /// The first component at fault.
        component: String,
    },
    /// The name has more characters than are accepted.
    #[error(
        "repository name must not be more than {} characters long, found {length}",
        RepositoryName::MAX_LENGTH
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

    const GRAMMAR: &str = "[a-z0-9]{1,4}((\\.|_|__|-{1,3})[a-z0-9]{1,3}){0,2}(/[a-z0-9]{1,4}((\\.|_|__|-{1,3})[a-z0-9]{1,3}){0,2}){0,3}";

    #[test]
    fn names_of_the_grammar_are_accepted() {
        let longest = format!("{}/{}", "a".repeat(127), "b".repeat(127));
        for text in [
            "a",
            "0",
            "library/nginx",
            "a.b_c__d---e/f",
            "blobs/uploads",
            "tags/list",
            "manifests/v2",
            "a/b/c/d/e/f",
            "Example.com/nginx",
            "UPPER/x",
            "A--b.c/x",
            &longest,
        ] {
            assert_eq!(text.parse::<RepositoryName>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_component_outside_the_grammar_is_named() {
        for (text, at_fault) in [
            ("/", ""),
            ("a/", ""),
            ("/a", ""),
            ("a//b", ""),
            ("A", "A"),
            ("a/B", "B"),
            ("a..b", "a..b"),
            ("a___b", "a___b"),
            ("-a", "-a"),
            ("a-", "a-"),
            ("_a", "_a"),
            ("a._b", "a._b"),
            ("a-_b", "a-_b"),
            ("a b", "a b"),
            ("é", "é"),
            ("foo.com:5000/x", "foo.com:5000"),
            ("Example.com", "Example.com"),
            ("Example..com/x", "Example..com"),
            ("-A/x", "-A"),
            ("A-/x", "A-"),
            ("a/Example.com/x", "Example.com"),
            ("a/../b", ".."),
            ("a\n", "a\n"),
            ("a/_ext", "_ext"),
        ] {
            assert_eq!(
                text.parse::<RepositoryName>(),
                Err(NameError::Grammar {
                    component: at_fault.to_owned()
                }),
                "{text}"
            );
        }
    }

    #[test]
    fn empty_and_overlong_names_are_refused() {
        assert_eq!("".parse::<RepositoryName>(), Err(NameError::Empty));
        assert_eq!(
            "a".repeat(256).parse::<RepositoryName>(),
            Err(NameError::TooLong { length: 256 })
        );
    }

    #[test]
    fn a_slash_sorts_before_every_other_character() {
        let mut names: Vec<RepositoryName> =
            ["a-b", "a0", "ab", "a/b", "a.b", "a", "a/b-c", "a/b/c"]
                .iter()
                .map(|text| text.parse().unwrap())
                .collect();
        names.sort();
        let sorted: Vec<&str> = names.iter().map(RepositoryName::as_str).collect();
        assert_eq!(
            sorted,
            ["a", "a/b", "a/b/c", "a/b-c", "a-b", "a.b", "a0", "ab"]
        );
    }

    proptest! {
        #[test]
        fn what_parses_prints_as_it_was(text in GRAMMAR) {
            let name: RepositoryName = text.parse().unwrap();
            prop_assert_eq!(name.components().collect::<Vec<_>>().join("/"), text.as_str());
            prop_assert_eq!(name.to_string(), text);
        }

        #[test]
        fn the_order_is_that_of_the_text_with_the_slash_first(a in GRAMMAR, b in GRAMMAR) {
            let order = a.parse::<RepositoryName>().unwrap().cmp(&b.parse().unwrap());
            prop_assert_eq!(order, a.replace('/', "\0").cmp(&b.replace('/', "\0")));
        }

        #[test]
        fn any_text_gets_an_answer(text in ".{0,40}") {
            let _ = text.parse::<RepositoryName>();
        }
    }
}
