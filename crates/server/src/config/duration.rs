//! Durations as Go writes them.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserializer, Visitor};

/// Reads a duration such as `300ms`, `1.5h` or `1h30m`, or `0`; `None` if it is none, is negative,
/// or is longer than Go's 292 years.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = split_digits(rest);
        let (fraction, after) = after.strip_prefix('.').map_or(("", after), split_digits);
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = after
            .find(|next: char| next == '.' || next.is_ascii_digit())
            .unwrap_or(after.len());
        let unit = nanoseconds_in(&after[..end])?;
        let whole = if whole.is_empty() {
            0
        } else {
            whole.parse::<u64>().ok()?
        };
        total = total
            .checked_add(whole.checked_mul(unit)?)?
            .checked_add(part_of(fraction, unit))?;
        rest = &after[end..];
    }
    i64::try_from(total).ok()?;
    Some(Duration::from_nanos(total))
}

/// Deserializes a duration: Go's text, or a bare number of nanoseconds, which the deserializer
/// warns of.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    deserializer.deserialize_newtype_struct(NAME, Nanoseconds)
}

/// As [`deserialize`], for a key that may be left out.
pub(crate) fn deserialize_some<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    deserialize(deserializer).map(Some)
}

/// The name under which a duration asks the configuration's deserializer to be read as one.
pub(crate) const NAME: &str = "$duration";

struct Nanoseconds;

impl Visitor<'_> for Nanoseconds {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration")
    }

    fn visit_u64<E>(self, nanoseconds: u64) -> Result<Duration, E> {
        Ok(Duration::from_nanos(nanoseconds))
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|next: char| !next.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

fn nanoseconds_in(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        // The micro sign and the Greek letter.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3600 * 1_000_000_000,
        _ => return None,
    })
}

/// The nanoseconds in the decimals `fraction` of a unit, rounded down.
fn part_of(fraction: &str, unit: u64) -> u64 {
    let digits = &fraction[..fraction.len().min(DECIMALS)];
    let part = digits
        .bytes()
        .fold(0, |part: u128, digit| part * 10 + u128::from(digit - b'0'));
    let whole = digits.bytes().fold(1, |whole: u128, _| whole * 10);
    // Less than one unit, so it fits.
    u64::try_from(part * u128::from(unit) / whole).unwrap_or(0)
}

/// Decimals beyond these are less than a nanosecond of any unit.
const DECIMALS: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let table = [
            ("0", 0),
            ("0s", 0),
            ("5ns", 5),
            ("2us", 2_000),
            ("2\u{b5}s", 2_000),
            ("2\u{3bc}s", 2_000),
            ("300ms", 300_000_000),
            ("10s", 10_000_000_000),
            ("+10s", 10_000_000_000),
            ("1m30s", 90_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5h", 5_400_000_000_000),
            ("1.h", 3_600_000_000_000),
            (".5s", 500_000_000),
            ("1.5ns", 1),
            ("0.1us", 100),
            ("1h1m1.001s", 3_661_001_000_000),
            ("168h", 604_800_000_000_000),
            ("0.123456789123456789123456789s", 123_456_789),
            ("9223372036854775807ns", i64::MAX as u64),
        ];
        for (text, nanoseconds) in table {
            assert_eq!(
                parse(text),
                Some(Duration::from_nanos(nanoseconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn other_texts_are_not_durations() {
        let table = [
            "",
            "+",
            ".",
            "s",
            "5",
            "5x",
            "1h30",
            "5 s",
            " 5s",
            "-5s",
            "1d",
            "1,5s",
            "5S",
            "..5s",
            ".s",
            "1e3s",
            "9223372036854775808ns",
            "99999999999999999999h",
            "3000000h",
            "٣s",
        ];
        for text in table {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
