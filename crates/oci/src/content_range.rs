//! Where a chunk of an upload goes.

use std::fmt;
use std::str::FromStr;

/// The `Content-Range` header of an upload chunk, `first-last` (OCI distribution-spec, Pushing a
/// blob in chunks).
///
/// The form of RFC 9110, `bytes first-last/total`, is read too, since many HTTP libraries write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    first: u64,
    last: u64,
    total: Option<u64>,
}

impl ContentRange {
    /// Returns the position of the first byte of the chunk.
    pub fn first(self) -> u64 {
        self.first
    }

    /// Returns the position of the last byte of the chunk.
    pub fn last(self) -> u64 {
        self.last
    }

    /// Returns the size of the whole blob, where the client said so.
    pub fn total(self) -> Option<u64> {
        self.total
    }

    /// Returns how many bytes the chunk has; at least one.
    pub fn length(self) -> u64 {
        self.last - self.first + 1
    }
}

impl FromStr for ContentRange {
    type Err = ContentRangeError;

    fn from_str(header: &str) -> Result<Self, ContentRangeError> {
        let header = header.trim_ascii();
        let range = match header.split_once(' ') {
            Some((unit, range)) if unit.eq_ignore_ascii_case("bytes") => range.trim_ascii_start(),
            Some(_) => return Err(ContentRangeError::Format),
            None => header,
        };
        let (range, total) = match range.split_once('/') {
            Some((range, "*")) => (range, None),
            Some((range, total)) => (range, Some(parse_position(total)?)),
            None => (range, None),
        };
        let (first, last) = range.split_once('-').ok_or(ContentRangeError::Format)?;
        let (first, last) = (parse_position(first)?, parse_position(last)?);
        if first > last {
            return Err(ContentRangeError::Order { first, last });
        }
        match total {
            Some(total) if last >= total => Err(ContentRangeError::Total { last, total }),
            _ => Ok(Self { first, last, total }),
        }
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)?;
        match self.total {
            Some(total) => write!(f, "/{total}"),
            None => Ok(()),
        }
    }
}

/// Why a `Content-Range` cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContentRangeError {
    /// The text is outside the grammar, or a number in it does not fit 63 bits.
    #[error("content range must be of the form <first>-<last>")]
    Format,
    /// The chunk ends before it begins.
    #[error("content range ends before it begins: {first}-{last}")]
    Order {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
    },
    /// The chunk goes past the size that the header itself gives.
    #[error("content range ends at {last}, past the total of {total}")]
    Total {
        /// The last byte.
        last: u64,
        /// The size of the whole blob.
        total: u64,
    },
}

fn parse_position(digits: &str) -> Result<u64, ContentRangeError> {
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ContentRangeError::Format);
    }
    let position: i64 = digits.parse().map_err(|_| ContentRangeError::Format)?;
    u64::try_from(position).map_err(|_| ContentRangeError::Format)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_are_read() {
        for (header, first, last, total) in [
            ("0-9", 0, 9, None),
            ("bytes 0-9", 0, 9, None),
            ("bytes 0-9/100", 0, 9, Some(100)),
            ("Bytes 10-10/*", 10, 10, None),
            ("0-9/*", 0, 9, None),
            ("5-9/10", 5, 9, Some(10)),
            (" 7-7 ", 7, 7, None),
            ("0-9223372036854775807", 0, 9_223_372_036_854_775_807, None),
        ] {
            assert_eq!(
                header.parse(),
                Ok(ContentRange { first, last, total }),
                "{header}"
            );
        }
        assert_eq!("10-19".parse::<ContentRange>().unwrap().length(), 10);
    }

    #[test]
    fn malformed_ranges_are_refused() {
        for header in [
            "",
            "-",
            "0",
            "0-",
            "-9",
            "a-b",
            "0-9/",
            "0-9/x",
            "bytes",
            "bytes */100",
            "bytes=0-9",
            "items 0-9",
            "0 - 9",
            "+0-9",
            "0-9/10/11",
            "0-9223372036854775808",
            "99999999999999999999999-99999999999999999999999",
        ] {
            assert_eq!(
                header.parse::<ContentRange>(),
                Err(ContentRangeError::Format),
                "{header}"
            );
        }
    }

    #[test]
    fn ranges_that_contradict_themselves_are_refused() {
        assert_eq!(
            "9-0".parse::<ContentRange>(),
            Err(ContentRangeError::Order { first: 9, last: 0 })
        );
        assert_eq!(
            "0-9/9".parse::<ContentRange>(),
            Err(ContentRangeError::Total { last: 9, total: 9 })
        );
    }

    proptest! {
        #[test]
        fn what_parses_prints_as_it_was(first in 0..1_u64 << 62, length in 0..1_u64 << 61, rest in 1..1_u64 << 60, has_total: bool) {
            let last = first + length;
            let total = has_total.then_some(last + rest);
            let range = ContentRange { first, last, total };
            prop_assert_eq!(range.to_string().parse(), Ok(range));
            prop_assert_eq!(range.length(), length + 1);
        }

        #[test]
        fn any_text_gets_an_answer(header in "(bytes )?.{0,30}") {
            let _ = header.parse::<ContentRange>();
        }
    }
}
