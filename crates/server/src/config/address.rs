//! Addresses as Go's `net` package writes them.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::config::fault::quote;

/// A host and a TCP port: `host:port`, `:port`, `[::1]:port`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct HostPort {
    /// A name or an IP address without brackets; empty stands for all interfaces.
    pub(crate) host: String,
    /// The port; 0 asks for any that is free.
    pub(crate) port: u16,
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "{} is not an address; use for example :5000 or 127.0.0.1:5000",
                quote(text)
            )
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(refuse)?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').ok_or_else(refuse)?,
            None if host.contains([':', '[', ']']) => return Err(refuse()),
            None => host,
        };
        if host.contains(|letter: char| letter.is_whitespace() || matches!(letter, '/' | '[' | ']'))
        {
            return Err(refuse());
        }
        let port = match port {
            "" => 0,
            "http" => 80,
            "https" => 443,
            digits if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse().map_err(|_| refuse())?
            }
            _ => return Err(refuse()),
        };
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl TryFrom<String> for HostPort {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_printed() {
        let table = [
            (":5000", "", 5000, ":5000"),
            ("0.0.0.0:443", "0.0.0.0", 443, "0.0.0.0:443"),
            ("localhost:5000", "localhost", 5000, "localhost:5000"),
            ("[::]:5000", "::", 5000, "[::]:5000"),
            ("[fe80::1%eth0]:1", "fe80::1%eth0", 1, "[fe80::1%eth0]:1"),
            (":0", "", 0, ":0"),
            ("host:", "host", 0, "host:0"),
            (":https", "", 443, ":443"),
        ];
        for (text, host, port, printed) in table {
            let address: HostPort = text.parse().unwrap();
            assert_eq!(
                (address.host.as_str(), address.port),
                (host, port),
                "{text}"
            );
            assert_eq!(address.to_string(), printed);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "5000",
            "localhost",
            "::1:5000",
            "[::1",
            "[::1]5000",
            ":65536",
            ":-1",
            ":+5",
            ":x",
            "http://a:80",
            "a b:80",
        ] {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
    }
}
