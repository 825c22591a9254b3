//! What a client has to bring after a refusal.

use std::fmt::{self, Write as _};

/// A `WWW-Authenticate` header (RFC 9110, section 11.6.1); printing it gives the value.
///
/// The value has no control characters. Letters outside ASCII stay as they are, in UTF-8, as
/// Distribution sends them, so build the header from its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// User name and password are wanted.
    Basic {
        /// What the password is for, shown to people.
        realm: String,
    },
    /// A token is wanted.
    Bearer {
        /// The URL of the token server.
        realm: String,
        /// The name of this registry, as the token server knows it.
        service: String,
        /// The scopes to ask for, space-separated.
        scope: Option<String>,
        /// What was wrong with the token that was sent.
        error: Option<BearerError>,
    },
}

/// What was wrong with a token (RFC 6750, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BearerError {
    /// The token is malformed, expired or not to be trusted.
    InvalidToken,
    /// The token is good and does not cover the request.
    InsufficientScope,
}

impl BearerError {
    /// Returns the error as the header has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
        }
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { realm } => write!(f, "Basic realm={}", Quoted(realm)),
            Self::Bearer {
                realm,
                service,
                scope,
                error,
            } => {
                write!(
                    f,
                    "Bearer realm={},service={}",
                    Quoted(realm),
                    Quoted(service)
                )?;
                if let Some(scope) = scope {
                    write!(f, ",scope={}", Quoted(scope))?;
                }
                if let Some(error) = error {
                    write!(f, ",error={}", Quoted(error.as_str()))?;
                }
                Ok(())
            }
        }
    }
}

/// A text in quotes, escaped like a string literal of Go, which is how Distribution writes it.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\u{07}' => f.write_str("\\a")?,
                '\u{08}' => f.write_str("\\b")?,
                '\u{0b}' => f.write_str("\\v")?,
                '\u{0c}' => f.write_str("\\f")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if c.is_ascii_control() => write!(f, "\\x{:02x}", u32::from(c))?,
                c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn basic(realm: &str) -> String {
        let realm = realm.to_owned();
        Challenge::Basic { realm }.to_string()
    }

    #[test]
    fn a_realm_is_quoted_like_a_go_string() {
        for (realm, expected) in [
            ("Registry Realm", r#"Basic realm="Registry Realm""#),
            (r#"say "hi" \o/"#, r#"Basic realm="say \"hi\" \\o/""#),
            (
                "a\r\nX: y\t\0\u{7f}",
                r#"Basic realm="a\r\nX: y\t\x00\x7f""#,
            ),
            ("caf\u{e9}\u{85}", "Basic realm=\"caf\u{e9}\\u0085\""),
            ("", r#"Basic realm="""#),
        ] {
            assert_eq!(basic(realm), expected);
        }
    }

    #[test]
    fn a_bearer_challenge_leaves_out_what_it_does_not_have() {
        let bearer = |scope: Option<&str>, error| {
            Challenge::Bearer {
                realm: "https://auth.example/token".to_owned(),
                service: "registry".to_owned(),
                scope: scope.map(str::to_owned),
                error,
            }
            .to_string()
        };
        assert_eq!(
            bearer(None, None),
            r#"Bearer realm="https://auth.example/token",service="registry""#
        );
        assert_eq!(
            bearer(
                Some("repository:a/b:pull,push"),
                Some(BearerError::InsufficientScope)
            ),
            concat!(
                r#"Bearer realm="https://auth.example/token",service="registry","#,
                r#"scope="repository:a/b:pull,push",error="insufficient_scope""#
            )
        );
        assert!(
            bearer(None, Some(BearerError::InvalidToken)).ends_with(r#",error="invalid_token""#)
        );
    }

    proptest! {
        #[test]
        fn no_realm_brings_a_control_character_into_the_header(realm in "\\PC*|[\\x00-\\x7f]*") {
            prop_assert!(!basic(&realm).chars().any(char::is_control));
        }
    }
}
