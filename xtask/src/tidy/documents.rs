//! The rules for Markdown: links and paths lead somewhere, commands exist, and the map of the house stays a map.

use std::path::{Path, PathBuf};

use super::{Finding, Text};
use crate::command;

/// All rules on all documents.
pub(super) fn check(texts: &[Text], root: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    for document in texts.iter().filter(|text| {
        text.file
            .extension()
            .is_some_and(|extension| extension == "md")
    }) {
        findings.extend(broken_links(document, root));
        findings.extend(lost_paths(document, root));
        findings.extend(unknown_chores(document));
    }
    findings.extend(required(texts));
    findings
}

/// A relative link names a file or folder that is there.
fn broken_links(document: &Text, root: &Path) -> Vec<Finding> {
    let folder = root.join(document.file.parent().unwrap_or(Path::new("")));
    let lines = document.text.lines().enumerate();
    let broken = lines.flat_map(|(index, line)| {
        let targets = line
            .match_indices("](")
            .filter_map(|(at, _)| line[at + 2..].split_once(')'));
        let relative = targets.map(|(target, _)| target.split('#').next().unwrap_or_default());
        let relative = relative.filter(|target| !target.is_empty() && !target.contains(':'));
        let missing: Vec<&str> = relative
            .filter(|target| !folder.join(target).exists())
            .collect();
        missing.into_iter().map(move |target| {
            Finding::at(
                &document.file,
                index + 1,
                format!("the link to {target} leads nowhere"),
            )
        })
    });
    broken.collect()
}

/// What is written as `crates/...`, `docs/...` and so on is a file or folder that is there.
fn lost_paths(document: &Text, root: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in document.text.lines().enumerate() {
        // Every second piece between backquotes is code.
        for path in line.split('`').skip(1).step_by(2) {
            let ours = FOLDERS.iter().any(|folder| path.starts_with(folder));
            let plain = path
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || "/._-".contains(character));
            if ours && plain && !root.join(path).exists() {
                let message = format!("{path} is not there");
                findings.push(Finding::at(&document.file, index + 1, message));
            }
        }
    }
    findings
}

/// How a path of the project begins.
const FOLDERS: [&str; 9] = [
    ".ci/",
    "conformance/",
    "crates/",
    "docs/",
    "e2e/",
    "fuzz/",
    "image/",
    "model/",
    "xtask/",
];

/// `cargo xtask` is only ever followed by a chore that it knows.
fn unknown_chores(document: &Text) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in document.text.lines().enumerate() {
        for (at, call) in line.match_indices("cargo xtask ") {
            let after = &line[at + call.len()..];
            let chore = after
                .split(|character: char| !(character.is_ascii_lowercase() || character == '-'))
                .next()
                .unwrap_or_default();
            if !command::NAMES.contains(&chore) && !after.starts_with('<') {
                findings.push(Finding::at(
                    &document.file,
                    index + 1,
                    format!("`cargo xtask {chore}` is no command"),
                ));
            }
        }
    }
    findings
}

/// What the README promises on its first screen.
const README_COMMANDS: [&str; 2] = ["cargo run --release -- serve", "cargo xtask test"];
const FIRST_SCREEN: usize = 40;
/// A map that is longer is a territory.
const LONGEST_MAP: usize = 250;

fn required(texts: &[Text]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let named = |name: &str| texts.iter().find(|text| text.file == Path::new(name));
    match named("README.md") {
        None => findings.push(Finding::in_file(&PathBuf::from("README.md"), "is missing")),
        Some(readme) => {
            let screen: Vec<&str> = readme.text.lines().take(FIRST_SCREEN).collect();
            let missing = README_COMMANDS
                .iter()
                .filter(|command| !screen.iter().any(|line| line.contains(**command)));
            findings.extend(missing.map(|command| {
                Finding::in_file(
                    &readme.file,
                    format!("`{command}` is not on the first screen"),
                )
            }));
        }
    }
    match named("ARCHITECTURE.md") {
        None => findings.push(Finding::in_file(
            &PathBuf::from("ARCHITECTURE.md"),
            "is missing",
        )),
        Some(map) => {
            let lines = map.text.lines().count();
            if lines > LONGEST_MAP {
                findings.push(Finding::in_file(
                    &map.file,
                    format!("has {lines} lines, {LONGEST_MAP} are enough"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(file: &str, text: &str) -> Text {
        Text {
            file: PathBuf::from(file),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = document(
            "src/notes.md",
            "[a](main.rs) [b](tidy/words.rs#x) [c](#here) [d](https://example.com) [e](../Cargo.toml)\n[f](gone.md)\n",
        );
        let findings = broken_links(&text, root);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, Some(2));
    }

    #[test]
    fn a_path_that_is_lost_is_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let text = document(
            "ARCHITECTURE.md",
            "see `xtask/src/main.rs` and `crates/<room>/src`\nand `xtask/src/attic.rs`\n",
        );
        let findings = lost_paths(&text, &root);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, Some(2));
    }

    #[test]
    fn a_chore_that_is_none_is_found() {
        let text = document(
            "README.md",
            "`cargo xtask test` and `cargo xtask image --tag x`\n`cargo xtask launch`\n",
        );
        let findings = unknown_chores(&text);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, Some(2));
    }

    #[test]
    fn the_readme_shows_its_two_commands_early() {
        let both = README_COMMANDS.join("\n");
        let map = document("ARCHITECTURE.md", "The map.\n");
        assert_eq!(required(&[document("README.md", &both), map]), []);
        let late = format!("{}{both}", "text\n".repeat(FIRST_SCREEN));
        assert_eq!(
            required(&[document("README.md", &late)]).len(),
            README_COMMANDS.len() + 1
        );
    }

    #[test]
    fn a_map_that_outgrows_its_page_is_found() {
        let readme = document("README.md", &README_COMMANDS.join("\n"));
        let map = document("ARCHITECTURE.md", &"room\n".repeat(LONGEST_MAP + 1));
        assert_eq!(required(&[readme, map]).len(), 1);
    }
}
