//! The rules for Rust files: a header, a bearable length, a noun for a name, and words that do not stay.

use std::path::{Component, Path};

use super::Finding;
use super::rust_source::RustSource;

/// All rules on one file.
pub(super) fn check(source: &RustSource<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = [header(source), length(source), name(source.file)]
        .into_iter()
        .flatten()
        .collect();
    findings.extend(banned_words(source));
    findings.extend(inline_modules(source));
    findings.extend(silenced_lints(source));
    findings
}

/// How large the files are, in one line.
pub(super) fn sizes(sources: &[RustSource<'_>]) -> String {
    let counted: Vec<&RustSource> = sources
        .iter()
        .filter(|source| source.lines_outside_tests > 0)
        .collect();
    let Some(largest) = counted
        .iter()
        .max_by_key(|source| source.lines_outside_tests)
    else {
        return "no Rust files outside tests".to_owned();
    };
    let lines: usize = counted
        .iter()
        .map(|source| source.lines_outside_tests)
        .sum();
    let short = counted
        .iter()
        .filter(|source| source.lines_outside_tests <= COMFORTABLE)
        .count();
    format!(
        "{} files, {lines} lines outside tests; {} % of the files within {COMFORTABLE} lines; the largest is {} with {}",
        counted.len(),
        short * 100 / counted.len(),
        largest.file.display(),
        largest.lines_outside_tests,
    )
}

/// What nine files in ten should keep to.
const COMFORTABLE: usize = 350;
/// What a file may reach without an excuse.
const LONGEST: usize = 500;
/// How the header of a longer file begins its excuse.
const EXCUSE: &str = "Long because";

fn header(source: &RustSource<'_>) -> Option<Finding> {
    let mut lines = source.text.lines();
    let first = lines.next().unwrap_or_default();
    let begins = first.strip_prefix("//! ").is_some_and(|sentence| {
        sentence.starts_with(char::is_alphanumeric) || sentence.starts_with('`')
    });
    let last = lines
        .take_while(|line| line.starts_with("//! "))
        .last()
        .unwrap_or(first);
    let ends = last.ends_with(['.', ':']);
    (!(begins && ends)).then(|| {
        Finding::at(
            source.file,
            1,
            "begins with a `//!` sentence that says what the file is",
        )
    })
}

fn length(source: &RustSource<'_>) -> Option<Finding> {
    let excused = source
        .text
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .any(|line| line.contains(EXCUSE));
    let lines = source.lines_outside_tests;
    (lines > LONGEST && !excused).then(|| {
        let message = format!("{lines} lines outside tests: split it by noun or verb, or say in the header \"{EXCUSE} ...\"");
        Finding::in_file(source.file, message)
    })
}

/// Names that show a missing noun.
const NOT_A_NOUN: [&str; 8] = [
    "common", "helper", "helpers", "misc", "type", "types", "util", "utils",
];

fn name(file: &Path) -> Option<Finding> {
    let banned = file
        .with_extension("")
        .components()
        .find_map(|component| match component {
            Component::Normal(name) => NOT_A_NOUN.into_iter().find(|banned| name == *banned),
            _ => None,
        })?;
    Some(Finding::in_file(
        file,
        format!("a file or folder called `{banned}` shows a missing noun"),
    ))
}

fn inline_modules(source: &RustSource<'_>) -> Vec<Finding> {
    let named = |line: &str| {
        let (_, after) = line.split_once("mod ")?;
        let name = after.trim_end_matches([';', '{', ' ']);
        NOT_A_NOUN.into_iter().find(|banned| name == *banned)
    };
    let lines = source.code.lines().enumerate();
    let findings = lines.filter_map(|(index, line)| {
        Some(Finding::at(
            source.file,
            index + 1,
            format!("a module called `{}` shows a missing noun", named(line)?),
        ))
    });
    findings.collect()
}

/// What must not stay anywhere, tests included, and why.
const NOWHERE: [(&str, &str); 4] = [
    ("todo!(", "unfinished"),
    ("unimplemented!(", "unfinished"),
    ("#[ignore", "a test that is not run is not a test"),
    ("dbg!(", "left over"),
];
/// What only tests may do, unless a comment above gives the invariant.
const ONLY_IN_TESTS: [&str; 2] = [".unwrap()", ".unwrap_err()"];
/// How far above that comment may stand: the formatter breaks long chains.
const ABOVE: usize = 3;

fn banned_words(source: &RustSource<'_>) -> Vec<Finding> {
    let text: Vec<&str> = source.text.lines().map(str::trim_start).collect();
    let explained = |index: usize| {
        let above = &text[index.saturating_sub(ABOVE)..index];
        above
            .iter()
            .any(|line| line.starts_with("// ") || line.contains("reason = "))
    };
    let mut findings = Vec::new();
    for (index, line) in source.code.lines().enumerate() {
        for (word, reason) in NOWHERE {
            if line.contains(word) {
                let message = format!("`{word}`: {reason}");
                findings.push(Finding::at(source.file, index + 1, message));
            }
        }
        for word in ONLY_IN_TESTS {
            let in_tests = index >= source.lines_outside_tests;
            if line.contains(word) && !in_tests && !explained(index) {
                let message = format!("`{word}` outside tests wants its invariant above");
                findings.push(Finding::at(source.file, index + 1, message));
            }
        }
    }
    findings
}

/// A lint is silenced by `expect` with a reason, which complains when it is no longer needed; never by `allow`.
fn silenced_lints(source: &RustSource<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (start, _) in source.code.match_indices('#') {
        let attribute = source.code[start..]
            .trim_start_matches('#')
            .trim_start_matches('!');
        let Some(end) = attribute
            .strip_prefix('[')
            .and_then(|inside| inside.find(']'))
        else {
            continue;
        };
        let inside = attribute[1..=end].trim_end_matches(']').trim_start();
        let line = source.code[..start].matches('\n').count() + 1;
        let silences = |level: &str| {
            inside.starts_with(level) || (inside.starts_with("cfg_attr(") && inside.contains(level))
        };
        if silences("allow(") {
            findings.push(Finding::at(
                source.file,
                line,
                "`allow` silences for ever: use `expect` with a reason",
            ));
        } else if silences("expect(") && !inside.contains("reason") {
            findings.push(Finding::at(source.file, line, "`expect` wants a reason"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::Text;
    use super::*;

    fn messages(file: &str, text: &str) -> Vec<String> {
        let text = Text {
            file: PathBuf::from(file),
            text: text.to_owned(),
        };
        let source = RustSource::of(&text).expect("a Rust file");
        check(&source).iter().map(ToString::to_string).collect()
    }

    fn complains(text: &str, about: &str) -> bool {
        let messages = messages("crates/oci/src/tag.rs", &format!("//! Tags.\n{text}"));
        messages.iter().any(|message| message.contains(about))
    }

    #[test]
    fn a_clean_file_passes() {
        let text = "//! Tags: the names of manifests,\n//! as people choose them.\n//!\n//! More\n\nfn tag() {}\n";
        assert_eq!(
            messages("crates/oci/src/tag.rs", text),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_file_without_a_sentence_is_found() {
        for text in [
            "fn tag() {}\n",
            "// Tags.\n",
            "//! .\n",
            "//! Tags\n\nfn tag() {}\n",
            "",
        ] {
            assert_eq!(messages("src/tag.rs", text).len(), 1, "{text:?}");
        }
    }

    #[test]
    fn a_long_file_needs_an_excuse() {
        let body = "fn tag() {}\n".repeat(LONGEST);
        assert!(complains(&body, "lines outside tests"));
        assert!(!complains(
            &format!("//!\n//! Long because it is one table.\n{body}"),
            "lines outside tests"
        ));
        assert!(!complains(
            &format!("#[cfg(test)]\nmod tests {{\n{body}}}\n"),
            "lines outside tests"
        ));
    }

    #[test]
    fn names_that_are_no_nouns_are_found() {
        assert_eq!(messages("crates/api/src/utils.rs", "//! This.\n").len(), 1);
        assert_eq!(
            messages("crates/api/tests/common/mod.rs", "//! This.\n").len(),
            1
        );
        assert!(complains("pub(crate) mod helpers;\n", "missing noun"));
        assert!(complains("mod types {\n}\n", "missing noun"));
        assert!(!complains("mod media_types;\n", "missing noun"));
    }

    #[test]
    fn unfinished_work_is_found_even_in_tests() {
        for text in [
            "fn a() { todo!() }",
            "fn a() { unimplemented!(\"later\") }",
            "#[ignore = \"slow\"]\nfn a() {}",
        ] {
            assert!(complains(text, "crates/oci/src/tag.rs:2"), "{text}");
            assert!(
                complains(
                    &format!("#[cfg(test)]\nmod tests {{\n{text}\n}}\n"),
                    "crates/oci/src/tag.rs:4"
                ),
                "{text}"
            );
        }
    }

    #[test]
    fn unwrap_is_for_tests() {
        assert!(complains("fn a() { b().unwrap() }\n", ".unwrap()"));
        assert!(!complains(
            "// Never empty.\nfn a() { b().unwrap() }\n",
            ".unwrap()"
        ));
        assert!(!complains(
            "/// `b().unwrap()`\nfn a() -> &'static str { \".unwrap()\" }\n",
            ".unwrap()"
        ));
        assert!(!complains(
            "#[cfg(test)]\nmod tests {\n    fn a() { b().unwrap() }\n}\n",
            ".unwrap()"
        ));
    }

    #[test]
    fn lints_are_silenced_with_a_reason_or_not_at_all() {
        assert!(complains("#![allow(dead_code)]\n", "silences for ever"));
        assert!(complains(
            "#[allow(dead_code, reason = \"none\")]\nfn a() {}\n",
            "silences for ever"
        ));
        assert!(complains(
            "#[cfg_attr(test, allow(dead_code))]\nfn a() {}\n",
            "silences for ever"
        ));
        assert!(complains(
            "#[expect(dead_code)]\nfn a() {}\n",
            "wants a reason"
        ));
        assert!(!complains(
            "#[expect(\n    dead_code,\n    reason = \"kept [for] the next\"\n)]\nfn a() {}\n",
            "reason"
        ));
        assert!(!complains("#[derive(Debug)]\nstruct A;\n", "silences"));
    }
}
