//! A Rust file as the rules see it: comments and literals blanked, and the line where its tests begin.

use std::path::{Component, Path};

use super::Text;

/// One `.rs` file.
#[derive(Debug)]
pub(super) struct RustSource<'text> {
    pub(super) file: &'text Path,
    pub(super) text: &'text str,
    /// The text with every comment and the inside of every literal turned into blanks: same lines, same columns in ASCII.
    pub(super) code: String,
    /// How many lines come before the tests.
    pub(super) lines_outside_tests: usize,
}

impl<'text> RustSource<'text> {
    /// `None` for other files.
    pub(super) fn of(text: &'text Text) -> Option<Self> {
        if text.file.extension()? != "rs" {
            return None;
        }
        let code = blank(&text.text);
        let lines_outside_tests = if is_all_test(&text.file) {
            0
        } else {
            lines_before_tests(&code)
        };
        Some(Self {
            file: &text.file,
            text: &text.text,
            code,
            lines_outside_tests,
        })
    }
}

/// Folders and files that hold nothing but tests and what only tests use.
fn is_all_test(file: &Path) -> bool {
    let in_test_folder = file.components().any(|component| match component {
        Component::Normal(name) => ["benches", "conformance", "e2e", "fuzz", "testing", "tests"]
            .iter()
            .any(|folder| name == *folder),
        _ => false,
    });
    in_test_folder
        || file
            .file_name()
            .is_some_and(|name| name == "tests.rs" || name == "testing.rs")
}

/// Tests come last in a file: from `#[cfg(test)]` over a module with a body.
fn lines_before_tests(code: &str) -> usize {
    let lines: Vec<&str> = code.lines().map(str::trim).collect();
    let begins_tests = |(index, line): (usize, &&str)| {
        let item = lines[index + 1..]
            .iter()
            .find(|line| !line.is_empty() && !line.starts_with("#["));
        *line == "#[cfg(test)]"
            && item.is_some_and(|item| item.contains("mod ") && item.ends_with('{'))
    };
    lines
        .iter()
        .enumerate()
        .position(begins_tests)
        .unwrap_or(lines.len())
}

/// Turns comments and the inside of literals into blanks.
fn blank(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = token_to_blank(rest, code.chars().next_back());
        let (token, after) = rest.split_at(length.unwrap_or(first.len_utf8()));
        match length {
            Some(_) => code.extend(
                token
                    .chars()
                    .map(|character| if character == '\n' { '\n' } else { ' ' }),
            ),
            None => code.push(first),
        }
        rest = after;
    }
    code
}

/// How long the comment or literal is that `rest` begins with, if it begins with one.
fn token_to_blank(rest: &str, before: Option<char>) -> Option<usize> {
    let after_word =
        before.is_some_and(|character| character.is_alphanumeric() || character == '_');
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    if rest.starts_with('"') {
        return Some(quoted(rest, '"'));
    }
    if rest.starts_with('\'') {
        return character_literal(rest);
    }
    if !after_word {
        let prefix = ["br", "cr", "r", "b", "c"].iter().find(|prefix| {
            let after = rest.strip_prefix(**prefix).unwrap_or_default();
            after.starts_with('"')
                || (prefix.ends_with('r') && after.trim_start_matches('#').starts_with('"'))
        })?;
        let literal = &rest[prefix.len()..];
        let length = if prefix.ends_with('r') {
            raw_string(literal)
        } else {
            quoted(literal, '"')
        };
        return Some(prefix.len() + length);
    }
    None
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut index = 0;
    while index < rest.len() {
        if rest[index..].starts_with("/*") {
            depth += 1;
            index += 2;
        } else if rest[index..].starts_with("*/") {
            depth -= 1;
            index += 2;
            if depth == 0 {
                return index;
            }
        } else {
            index += rest[index..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// From the opening quote to behind the closing one, past escaped ones.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, character) in rest.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == quote {
            return index + 1;
        }
    }
    rest.len()
}

/// From the first `#` or quote to behind the quote with as many `#`.
fn raw_string(rest: &str) -> usize {
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let end = format!("\"{}", "#".repeat(hashes));
    let inside = hashes + 1;
    rest[inside..]
        .find(&end)
        .map_or(rest.len(), |index| inside + index + end.len())
}

/// `'a'` and `'\n'` are literals; the `'a` of a lifetime or a label is not.
fn character_literal(rest: &str) -> Option<usize> {
    let mut characters = rest.char_indices().skip(1);
    let (_, first) = characters.next()?;
    if first == '\\' {
        return Some(quoted(rest, '\''));
    }
    let (index, second) = characters.next()?;
    (second == '\'').then_some(index + 1)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_code_is_not() {
        let table = [
            ("a(); // b()\nc()", "a();       \nc()"),
            ("a /* b /* c */ d */ e", "a                   e"),
            ("f(\"x.unwrap()\")", "f(            )"),
            (r#"f("a\"b", c)"#, "f(      , c)"),
            ("r#\"a\"b\"# c", "         c"),
            ("br\"a\" c", "      c"),
            ("'a' 'b", "    'b"),
            (r"'\'' x", "     x"),
            ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
            ("for_\"a\"", "for_   "),
            ("\"two\nlines\" a", "    \n       a"),
            ("r#type", "r#type"),
        ];
        for (text, code) in table {
            assert_eq!(blank(text), code, "{text}");
        }
    }

    #[test]
    fn tests_at_the_end_are_not_counted() {
        assert_eq!(
            lines_before_tests("a\nb\n#[cfg(test)]\nmod tests {\n}\n"),
            2
        );
        assert_eq!(lines_before_tests("#[cfg(test)]\nmod tests;\na\n"), 3);
        assert_eq!(lines_before_tests("#[cfg(test)]\nuse a;\nb\n"), 3);
    }

    #[test]
    fn files_of_tests_have_no_lines_outside_tests() {
        for file in [
            "crates/api/tests/protocol.rs",
            "crates/storage/src/testing/faulty.rs",
            "crates/oci/src/manifest/tests.rs",
            "e2e/src/lib.rs",
        ] {
            assert!(is_all_test(Path::new(file)), "{file}");
        }
        assert!(!is_all_test(&PathBuf::from("crates/api/src/service.rs")));
    }
}
