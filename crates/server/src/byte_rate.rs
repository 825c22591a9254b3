//! A rate in bytes per second, as people write it: `50MB`, `1.5GiB/s`.

use std::num::NonZeroU64;

/// Reads a rate: a number, and a unit unless it is in bytes. `kB`, `MB`, `GB`, `TB` are powers of
/// 1000, `KiB`, `MiB`, `GiB`, `TiB` of 1024, in letters of any case; `/s` may follow.
///
/// # Errors
/// When it is no such text, or less than one byte.
pub(crate) fn parse(text: &str) -> Result<NonZeroU64, String> {
    rate(text)
        .and_then(NonZeroU64::new)
        .ok_or_else(|| "not a number of bytes per second; use for example 50MB or 50MiB".to_owned())
}

fn rate(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let text = text.strip_suffix("/s").unwrap_or(&text).trim_end();
    let end = text
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim_start();
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(*factor);
    }
    let fraction: f64 = number.parse().ok()?;
    let bytes = fraction * *factor as f64;
    (bytes.is_finite() && bytes < u64::MAX as f64).then_some(bytes as u64)
}

const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("b", 1),
    ("kb", 1000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_in_both_kinds_of_units() {
        for (text, expected) in [
            ("1", 1),
            ("4096", 4096),
            ("50MB", 50_000_000),
            ("50MiB", 50 << 20),
            ("50 mib/s", 50 << 20),
            ("1.5GiB/s", 3 << 29),
            ("0.5kB", 500),
            ("200b", 200),
            ("2TB", 2_000_000_000_000),
        ] {
            assert_eq!(parse(text).map(NonZeroU64::get), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in [
            "",
            "0",
            "0.1",
            "MB",
            "-5MB",
            "5M",
            "5MBs",
            "1e9",
            "1.2.3MB",
            "99999999TiB",
            "inf",
            "ten",
        ] {
            let refused = parse(text).unwrap_err();
            assert!(
                refused.contains("use for example 50MB"),
                "{text}: {refused}"
            );
        }
    }
}
