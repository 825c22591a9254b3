//! Go's quoting, where logrus uses it.

use std::fmt::Write;

/// Appends `text` to a line, quoted if it would not be one word otherwise.
pub(super) fn push_quoted(line: &mut String, text: &str) {
    if text.bytes().all(is_plain) {
        line.push_str(text);
        return;
    }
    line.push('"');
    for character in text.chars() {
        match character {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\x07' => line.push_str("\\a"),
            '\x08' => line.push_str("\\b"),
            '\x0c' => line.push_str("\\f"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            '\x0b' => line.push_str("\\v"),
            _ if is_printable(character) => line.push(character),
            _ => push_escape(line, character),
        }
    }
    line.push('"');
}

/// Appends the number of a character, as short as Go writes it.
fn push_escape(line: &mut String, character: char) {
    let number = u32::from(character);
    // Writing to a string succeeds.
    let _ = match number {
        0..=0x7f => write!(line, "\\x{number:02x}"),
        0x80..=0xffff => write!(line, "\\u{number:04x}"),
        _ => write!(line, "\\U{number:08x}"),
    };
}

/// Whether logrus leaves a value alone that has only such bytes.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._/@^+".contains(&byte)
}

/// Whether Go prints a character as it is.
///
/// The standard library draws the same line, by general category, when it escapes; but only what
/// stands first in a text is escaped for being a combining mark, so something else goes first.
fn is_printable(character: char) -> bool {
    if character.is_ascii() {
        return character == ' ' || character.is_ascii_graphic();
    }
    let mut bytes = [b'x'; 5];
    let end = 1 + character.encode_utf8(&mut bytes[1..]).len();
    std::str::from_utf8(&bytes[..end]).is_ok_and(|text| text.escape_debug().count() == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_as_go_quotes_them() {
        for (text, expected) in [
            ("", ""),
            ("registry", "registry"),
            ("v3.1.1+unknown", "v3.1.1+unknown"),
            ("a-b._/@^+Z9", "a-b._/@^+Z9"),
            ("127.0.0.1:5000", "\"127.0.0.1:5000\""),
            ("a b", "\"a b\""),
            ("a=b", "\"a=b\""),
            ("~", "\"~\""),
            ("say \"hi\"", r#""say \"hi\"""#),
            (r"back\slash", r#""back\\slash""#),
            ("'", "\"'\""),
            ("\x07\x08\x0c\n\r\t\x0b", r#""\a\b\f\n\r\t\v""#),
            ("\0\x1b\x7f", r#""\x00\x1b\x7f""#),
            (
                "\u{80}\u{a0}\u{ad}\u{200b}\u{2028}",
                r#""\u0080\u00a0\u00ad\u200b\u2028""#,
            ),
            ("\u{feff}\u{e000}\u{fffe}", r#""\ufeff\ue000\ufffe""#),
            ("\u{e0001}\u{10ffff}", r#""\U000e0001\U0010ffff""#),
            ("größe 大きさ 📦", "\"größe 大きさ 📦\""),
            ("e\u{301}", "\"e\u{301}\""),
        ] {
            let mut line = String::new();
            push_quoted(&mut line, text);
            assert_eq!(line, expected, "{text:?}");
        }
    }
}
