//! The part of a blob that a client asks for.

use std::fmt;

/// One range of a `Range` header (RFC 9110, section 14.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// `bytes=first-last`, both ends included; `first` is not behind `last`.
    FromTo {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
    },
    /// `bytes=first-`, up to the end.
    From {
        /// The first byte.
        first: u64,
    },
    /// `bytes=-length`, the end of the content.
    Last {
        /// How many bytes.
        length: u64,
    },
}

impl ByteRange {
    /// Reads a `Range` header.
    ///
    /// Several ranges, and units other than bytes, give `None`: the header is ignored then and the
    /// whole content served, which RFC 9110, section 14.2, allows for the first and demands for the
    /// second.
    pub fn parse(header: &str) -> Result<Option<Self>, ByteRangeError> {
        let (unit, set) = header.trim_ascii().split_once('=').ok_or(ByteRangeError)?;
        if !unit.trim_ascii().eq_ignore_ascii_case("bytes") {
            return Ok(None);
        }
        // Empty elements of a list do not count (RFC 9110, section 5.6.1).
        let mut ranges = set
            .split(',')
            .map(str::trim_ascii)
            .filter(|range| !range.is_empty())
            .map(Self::parse_one);
        let first = ranges.next().ok_or(ByteRangeError)??;
        match ranges.next() {
            None => Ok(Some(first)),
            Some(second) => {
                second?;
                for range in ranges {
                    range?;
                }
                Ok(None)
            }
        }
    }

    /// Says which bytes of content of this size are meant.
    pub fn resolve(self, size: u64) -> Result<ResolvedRange, Unsatisfiable> {
        let (first, last) = match self {
            Self::FromTo { first, last } => (first, last),
            Self::From { first } => (first, u64::MAX),
            Self::Last { length: 0 } => return Err(Unsatisfiable { size }),
            Self::Last { length } => (size.saturating_sub(length), u64::MAX),
        };
        if first >= size {
            return Err(Unsatisfiable { size });
        }
        Ok(ResolvedRange {
            first,
            last: last.min(size - 1),
        })
    }

    fn parse_one(range: &str) -> Result<Self, ByteRangeError> {
        let (first, last) = range.split_once('-').ok_or(ByteRangeError)?;
        match (first.trim_ascii(), last.trim_ascii()) {
            ("", length) => Ok(Self::Last {
                length: parse_position(length)?,
            }),
            (first, "") => Ok(Self::From {
                first: parse_position(first)?,
            }),
            (first, last) => {
                let (first, last) = (parse_position(first)?, parse_position(last)?);
                if first > last {
                    return Err(ByteRangeError);
                }
                Ok(Self::FromTo { first, last })
            }
        }
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FromTo { first, last } => write!(f, "bytes={first}-{last}"),
            Self::From { first } => write!(f, "bytes={first}-"),
            Self::Last { length } => write!(f, "bytes=-{length}"),
        }
    }
}

/// A range that lies inside the content; it is never empty, and prints as `first-last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResolvedRange {
    first: u64,
    last: u64,
}

impl ResolvedRange {
    /// Returns the first byte.
    pub fn first(self) -> u64 {
        self.first
    }

    /// Returns the last byte, which is part of the range.
    pub fn last(self) -> u64 {
        self.last
    }

    /// Returns how many bytes there are.
    pub fn length(self) -> u64 {
        self.last - self.first + 1
    }
}

impl fmt::Display for ResolvedRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// The `Range` header cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid range")]
pub struct ByteRangeError;

/// The range lies outside the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("range lies outside the content of {size} bytes")]
pub struct Unsatisfiable {
    /// The size of the content, for `Content-Range: bytes */size`.
    pub size: u64,
}

/// Reads a position; one too large for 64 bits is as good as the largest.
fn parse_position(digits: &str) -> Result<u64, ByteRangeError> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ByteRangeError);
    }
    Ok(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resolved(header: &str, size: u64) -> Option<String> {
        let range = ByteRange::parse(header).unwrap().unwrap();
        range.resolve(size).ok().map(|range| range.to_string())
    }

    #[test]
    fn a_range_is_cut_to_the_content() {
        for (header, size, expected) in [
            ("bytes=2-4", 11, Some("2-4")),
            ("bytes=-3", 11, Some("8-10")),
            ("bytes=5-", 11, Some("5-10")),
            ("bytes=0-0", 1, Some("0-0")),
            ("bytes=,0-4, ,", 11, Some("0-4")),
            ("bytes=10-100", 11, Some("10-10")),
            ("bytes=-100", 11, Some("0-10")),
            ("BYTES = 2 - 4 ", 11, Some("2-4")),
            ("bytes=0-99999999999999999999999", 11, Some("0-10")),
            ("bytes=-99999999999999999999999", 11, Some("0-10")),
            ("bytes=99999999999999999999999-", 11, None),
            ("bytes=11-", 11, None),
            ("bytes=11-12", 11, None),
            ("bytes=-0", 11, None),
            ("bytes=0-", 0, None),
            ("bytes=0-0", 0, None),
            ("bytes=-1", 0, None),
        ] {
            assert_eq!(
                resolved(header, size).as_deref(),
                expected,
                "{header} of {size}"
            );
        }
    }

    #[test]
    fn several_ranges_and_other_units_are_ignored() {
        for header in ["bytes=0-1,3-4", "bytes=0-1, -4 ,9-", "items=0-5", "pages=x"] {
            assert_eq!(ByteRange::parse(header), Ok(None), "{header}");
        }
    }

    #[test]
    fn malformed_ranges_are_refused() {
        for header in [
            "",
            "foo",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=5",
            "bytes=5-2",
            "bytes=-",
            "bytes=a-b",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=--1",
            "bytes=0-1,x",
            "bytes=x,0-1",
            "bytes=0-1,2-3,5-4",
            "bytes 0-1",
            "bytes=0x1-2",
        ] {
            assert_eq!(ByteRange::parse(header), Err(ByteRangeError), "{header}");
        }
    }

    fn ranges() -> impl Strategy<Value = ByteRange> {
        prop_oneof![
            any::<(u64, u64)>().prop_map(|(a, b)| ByteRange::FromTo {
                first: a.min(b),
                last: a.max(b)
            }),
            any::<u64>().prop_map(|first| ByteRange::From { first }),
            any::<u64>().prop_map(|length| ByteRange::Last { length }),
        ]
    }

    proptest! {
        #[test]
        fn what_prints_parses_as_it_was(range in ranges()) {
            prop_assert_eq!(ByteRange::parse(&range.to_string()), Ok(Some(range)));
        }

        #[test]
        fn what_resolves_lies_inside(range in ranges(), size in any::<u64>()) {
            if let Ok(resolved) = range.resolve(size) {
                prop_assert!(resolved.first() <= resolved.last() && resolved.last() < size);
                prop_assert!(resolved.length() >= 1 && resolved.length() <= size);
            }
        }

        #[test]
        fn any_text_gets_an_answer(header in "(bytes=)?.{0,30}") {
            let _ = ByteRange::parse(&header);
        }
    }
}
