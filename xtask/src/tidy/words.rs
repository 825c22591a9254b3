//! Words that no file of the project may hold: leftovers of the machine or of the day it was written on.

use super::{Finding, Text};

/// Every banned word in one file.
pub(super) fn check(text: &Text) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.text.lines().enumerate() {
        for (word, reason) in BANNED {
            if line.contains(word) {
                findings.push(Finding::at(
                    &text.file,
                    index + 1,
                    format!("\"{word}\": {reason}"),
                ));
            }
        }
    }
    findings
}

/// Written in two halves, so that this file is no finding itself.
const BANNED: [(&str, &str); 5] = [
    (
        concat!("/wo", "rk/"),
        "a path of the machine it was written on",
    ),
    (
        concat!("/ro", "ot/"),
        "a path of the machine it was written on",
    ),
    (
        concat!("/tmp/", "bash"),
        "a path of the machine it was written on",
    ),
    (concat!("TO", "DO"), "open work belongs in an issue"),
    (concat!("FIX", "ME"), "open work belongs in an issue"),
];

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn every_banned_word_is_found_with_its_line() {
        for (word, _) in BANNED {
            let text = Text {
                file: PathBuf::from("README.md"),
                text: format!("fine\nsee {word}notes\n"),
            };
            let findings = check(&text);
            assert_eq!(findings.len(), 1, "{word}");
            assert_eq!(findings[0].line, Some(2), "{word}");
        }
    }

    #[test]
    fn words_that_only_look_alike_pass() {
        let text = Text {
            file: PathBuf::from("README.md"),
            text: "a workshop, /tmp/registry, the root: /network/a\n".to_owned(),
        };
        assert_eq!(check(&text), []);
    }
}
