//! Times as Go 1.19 reads them from JSON and writes them back.

/// What Go writes for a time that was not given.
pub(super) const ZERO: &str = "0001-01-01T00:00:00Z";

/// Reads a time of RFC 3339 and writes it as Go's `time.RFC3339Nano` does: in its own zone, with as
/// many digits of the fraction as are needed and at most nine. `None` where Go reads none.
pub(super) fn rewritten(text: &str) -> Option<String> {
    if !text.is_ascii() || text.len() < "2006-01-02T15:04:05Z".len() {
        return None;
    }
    let (date_and_clock, rest) = text.split_at("2006-01-02T15:04:05".len());
    let (date, clock) = date_and_clock.split_at("2006-01-02".len());
    let date_numbers = (
        number(&date[..4])?,
        number(&date[5..7])?,
        number(&date[8..])?,
    );
    let is_date = date.as_bytes()[4] == b'-' && date.as_bytes()[7] == b'-';
    if !is_date || !exists(date_numbers) || !is_clock(clock.strip_prefix('T')?) {
        return None;
    }
    let zone_at = rest.find(['Z', '+', '-'])?;
    let (fraction, zone) = rest.split_at(zone_at);
    let fraction = match fraction.strip_prefix(['.', ',']) {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits[..digits.len().min(9)].trim_end_matches('0')
        }
        None if fraction.is_empty() => "",
        _ => return None,
    };
    let zone = match zone.strip_prefix(['+', '-']) {
        None if zone == "Z" => zone,
        Some("00:00") => "Z",
        Some(offset) if is_offset(offset) => zone,
        _ => return None,
    };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{date_and_clock}{point}{fraction}{zone}"))
}

fn exists((year, month, day): (i16, i16, i16)) -> bool {
    let (Ok(month), Ok(day)) = (month.try_into(), day.try_into()) else {
        return false;
    };
    jiff::civil::Date::new(year, month, day).is_ok()
}

/// `15:04:05`; there are no leap seconds in Go.
fn is_clock(text: &str) -> bool {
    let bytes = text.as_bytes();
    let limits = [(0, 24), (3, 60), (6, 60)];
    bytes[2] == b':'
        && bytes[5] == b':'
        && limits
            .iter()
            .all(|&(at, limit)| number(&text[at..at + 2]).is_some_and(|n| n < limit))
}

fn is_offset(text: &str) -> bool {
    let Some((hours, minutes)) = text.split_once(':') else {
        return false;
    };
    let is_below = |text: &str, limit| text.len() == 2 && number(text).is_some_and(|n| n < limit);
    is_below(hours, 24) && is_below(minutes, 60)
}

fn number(digits: &str) -> Option<i16> {
    let all_digits = digits.bytes().all(|b| b.is_ascii_digit());
    all_digits.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_go_does() {
        for (text, expected) in [
            ("2020-01-02T03:04:05Z", "2020-01-02T03:04:05Z"),
            ("2020-01-02T03:04:05+00:00", "2020-01-02T03:04:05Z"),
            ("2020-01-02T03:04:05-00:00", "2020-01-02T03:04:05Z"),
            ("2020-01-02T03:04:05-23:59", "2020-01-02T03:04:05-23:59"),
            ("2020-01-02T03:04:05.000Z", "2020-01-02T03:04:05Z"),
            (
                "2020-01-02T03:04:05.120000000+02:00",
                "2020-01-02T03:04:05.12+02:00",
            ),
            (
                "2020-01-02T03:04:05.1234567899Z",
                "2020-01-02T03:04:05.123456789Z",
            ),
            ("2020-01-02T03:04:05,5Z", "2020-01-02T03:04:05.5Z"),
            ("0000-02-29T23:59:59Z", "0000-02-29T23:59:59Z"),
        ] {
            assert_eq!(rewritten(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_in_go_is_none_here() {
        for text in [
            "",
            "2020-01-02",
            "2020-01-02T03:04:05",
            "2020-01-02t03:04:05z",
            "2020-01-02 03:04:05Z",
            "2020-02-30T03:04:05Z",
            "2020-13-01T03:04:05Z",
            "2020-01-02T24:04:05Z",
            "2020-01-02T03:60:05Z",
            "2020-01-02T03:04:60Z",
            "2020-01-02T03:04:05.Z",
            "2020-01-02T03:04:05.5",
            "2020-01-02T03:04:05ZZ",
            "2020-01-02T03:04:05+2:00",
            "2020-01-02T03:04:05+02",
            "+020-01-02T03:04:05Z",
            "2020/01/02T03:04:05Z",
            "2020-01-02T03:04:05é",
        ] {
            assert_eq!(rewritten(text), None, "{text}");
        }
    }
}
