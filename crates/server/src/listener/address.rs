//! The text of an address: host and port, as Go reads them.

/// Splits an address into host and port; the port may be empty, and so may all of it.
pub(super) fn split(address: &str) -> Result<(&str, u16), AddressFault> {
    if address.is_empty() {
        return Ok(("", 0));
    }
    let (host, port) = match address
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((host, rest)) => (
            host,
            rest.strip_prefix(':').ok_or(AddressFault::MissingPort)?,
        ),
        None => address.rsplit_once(':').ok_or(AddressFault::MissingPort)?,
    };
    if host.contains(':') && !address.starts_with('[') {
        return Err(AddressFault::TooManyColons);
    }
    if port.is_empty() {
        return Ok((host, 0));
    }
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AddressFault::InvalidPort);
    }
    let port = port.parse().map_err(|_| AddressFault::InvalidPort)?;
    Ok((host, port))
}

/// What is wrong with the text of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressFault {
    /// No colon with a port.
    #[error("missing port in address, write host:port or :port")]
    MissingPort,
    /// An IPv6 address without brackets, or a URL.
    #[error("too many colons in address, write [host]:port for IPv6")]
    TooManyColons,
    /// The port is not a number up to 65535.
    #[error("invalid port")]
    InvalidPort,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_as_go_splits_them() {
        for (address, expected) in [
            ("", Ok(("", 0))),
            (":5000", Ok(("", 5000))),
            (":", Ok(("", 0))),
            ("127.0.0.1:5000", Ok(("127.0.0.1", 5000))),
            ("localhost:", Ok(("localhost", 0))),
            ("[::1]:5000", Ok(("::1", 5000))),
            ("5000", Err(AddressFault::MissingPort)),
            ("localhost", Err(AddressFault::MissingPort)),
            ("[::1]", Err(AddressFault::MissingPort)),
            ("::1:5000", Err(AddressFault::TooManyColons)),
            ("http://localhost:5000", Err(AddressFault::TooManyColons)),
            (":65536", Err(AddressFault::InvalidPort)),
            (":http", Err(AddressFault::InvalidPort)),
            (":+80", Err(AddressFault::InvalidPort)),
        ] {
            assert_eq!(split(address), expected, "{address:?}");
        }
    }
}
