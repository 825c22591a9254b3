//! The credentials of HTTP Basic authentication.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// User name and password, as an `Authorization` header carries them (RFC 7617).
pub(crate) struct BasicCredentials {
    pub(crate) user: String,
    pub(crate) password: Vec<u8>,
}

impl BasicCredentials {
    /// Reads the value of the header; the first colon ends the user name.
    pub(crate) fn parse(authorization: &str) -> Option<Self> {
        let (scheme, encoded) = authorization.trim_ascii().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let mut user = BASE64.decode(encoded.trim_ascii_start()).ok()?;
        let colon = user.iter().position(|byte| *byte == b':')?;
        let password = user.split_off(colon + 1);
        user.pop();
        Some(Self {
            user: String::from_utf8(user).ok()?,
            password,
        })
    }
}

impl fmt::Debug for BasicCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicCredentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Base64 with or without padding: scripts write both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(authorization: &str) -> Option<(String, Vec<u8>)> {
        let credentials = BasicCredentials::parse(authorization)?;
        Some((credentials.user, credentials.password))
    }

    #[test]
    fn the_first_colon_ends_the_user_name() {
        for (authorization, user, password) in [
            ("Basic YWxpY2U6c2VjcmV0", "alice", "secret"),
            ("bASIC YWxpY2U6c2VjcmV0", "alice", "secret"),
            (" Basic  YWxpY2U6c2VjcmV0 ", "alice", "secret"),
            ("Basic YTpiOmM=", "a", "b:c"),
            ("Basic YTpiOmM", "a", "b:c"),
            ("Basic Og==", "", ""),
            ("Basic w6k6w6k=", "é", "é"),
        ] {
            let expected = (user.to_owned(), password.as_bytes().to_owned());
            assert_eq!(parse(authorization), Some(expected), "{authorization}");
        }
    }

    #[test]
    fn a_password_may_be_any_bytes_but_a_user_name_is_text() {
        assert_eq!(
            parse("Basic YTr//g=="),
            Some(("a".to_owned(), vec![0xff, 0xfe]))
        );
        assert_eq!(parse("Basic //46YQ=="), None);
    }

    #[test]
    fn everything_else_is_refused() {
        for authorization in [
            "",
            "Basic",
            "Basic ",
            "Basic !",
            "Basic YWxpY2U=",
            "Bearer YWxpY2U6c2VjcmV0",
            "YWxpY2U6c2VjcmV0",
        ] {
            assert_eq!(parse(authorization), None, "{authorization}");
        }
    }

    #[test]
    fn the_password_is_not_shown() {
        let credentials = BasicCredentials::parse("Basic YWxpY2U6c2VjcmV0").unwrap();
        assert_eq!(
            format!("{credentials:?}"),
            "BasicCredentials { user: \"alice\", .. }"
        );
    }
}
