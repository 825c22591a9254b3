//! What a scalar means to a reader who expects a boolean or a number: YAML 1.1, as Go's `yaml.v2`
//! reads it.

/// Reads a boolean.
///
/// `y`, `yes`, `on` and their opposites count unless they were quoted; the words `true` and
/// `false` count always, because people quote them in compose files.
pub(crate) fn boolean(text: &str, quoted: bool) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ if quoted => None,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Reads a whole number: decimal, `0x` hexadecimal, `0o` or `0` octal, `0b` binary, with `_`
/// between digits if wanted.
pub(crate) fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let digits = digits.replace('_', "");
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits.as_str()),
    };
    // `from_str_radix` would accept a second sign.
    if !digits.starts_with(|first: char| first.is_digit(radix)) {
        return None;
    }
    let magnitude = i128::from_str_radix(digits, radix).ok()?;
    Some(if negative { -magnitude } else { magnitude })
}

/// Reads a number with a fraction or an exponent, or one of `.inf` and `.nan`.
pub(crate) fn float(text: &str) -> Option<f64> {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" => return Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Some(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        _ => {}
    }
    let plausible =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    if text.bytes().all(plausible) {
        text.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_those_of_yaml_1_1() {
        for text in [
            "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y",
        ] {
            assert_eq!(boolean(text, false), Some(true), "{text}");
        }
        for text in [
            "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N",
        ] {
            assert_eq!(boolean(text, false), Some(false), "{text}");
        }
        for text in ["", "0", "1", "tRUE", "yES", "enabled", "t", "truee"] {
            assert_eq!(boolean(text, false), None, "{text}");
        }
    }

    #[test]
    fn of_quoted_texts_only_true_and_false_are_booleans() {
        assert_eq!(boolean("true", true), Some(true));
        assert_eq!(boolean("false", true), Some(false));
        assert_eq!(boolean("yes", true), None);
    }

    #[test]
    fn whole_numbers_may_have_a_radix_and_underscores() {
        let table = [
            ("0", 0),
            ("12345", 12345),
            ("-5", -5),
            ("+5", 5),
            ("0x10", 16),
            ("0XfF", 255),
            ("010", 8),
            ("0o17", 15),
            ("0b101", 5),
            ("1_000", 1000),
            ("-0x10", -16),
        ];
        for (text, value) in table {
            assert_eq!(integer(text), Some(value), "{text}");
        }
    }

    #[test]
    fn other_texts_are_not_whole_numbers() {
        for text in [
            "", "-", "+", "x", "1.5", "08", "0x", "0xg", "--5", "0x-5", "0-5", "_1", "1e3", "5x",
            " 5", "٣",
        ] {
            assert_eq!(integer(text), None, "{text}");
        }
    }

    #[test]
    fn fractions_exponents_and_infinities_are_numbers() {
        assert_eq!(float("1.5"), Some(1.5));
        assert_eq!(float("1e3"), Some(1000.0));
        assert_eq!(float("-.inf"), Some(f64::NEG_INFINITY));
        assert!(float(".nan").is_some_and(f64::is_nan));
        for text in ["", "inf", "nan", "infinity", "1.5x", "e", "."] {
            assert_eq!(float(text), None, "{text}");
        }
    }
}
