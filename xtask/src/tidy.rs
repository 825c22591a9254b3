//! The shape of the tree: what the compiler and clippy do not look at.

mod arrows;
mod documents;
mod rust_source;
mod sources;
mod words;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::workspace::Workspace;
use rust_source::RustSource;

/// Looks at every file and every arrow; prints what is wrong, and how large the files are.
pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let texts = read(workspace)?;
    let sources: Vec<RustSource> = texts.iter().filter_map(RustSource::of).collect();

    let mut findings = arrows::check(&workspace.packages);
    findings.extend(sources.iter().flat_map(sources::check));
    findings.extend(texts.iter().flat_map(words::check));
    findings.extend(documents::check(&texts, &workspace.root));
    for finding in &findings {
        println!("{finding}");
    }
    println!("{}", sources::sizes(&sources));
    match findings.len() {
        0 => Ok(()),
        1 => Err("one thing is out of shape".into()),
        several => Err(format!("{several} things are out of shape").into()),
    }
}

/// One thing out of shape, and where.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    file: PathBuf,
    /// Counted from 1; `None` where the whole file is meant.
    line: Option<usize>,
    message: String,
}

impl Finding {
    fn in_file(file: &Path, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            message: message.into(),
        }
    }

    fn at(file: &Path, line: usize, message: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            ..Self::in_file(file, message)
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        write!(formatter, ": {}", self.message)
    }
}

/// A text file of the project, its path relative to the root.
#[derive(Debug)]
struct Text {
    file: PathBuf,
    text: String,
}

/// Files that are no text have no shape to speak of.
fn read(workspace: &Workspace) -> Outcome<Vec<Text>> {
    let mut texts = Vec::new();
    for file in workspace.files()? {
        if let Ok(text) = String::from_utf8(fs::read(workspace.root.join(&file))?) {
            texts.push(Text { file, text });
        }
    }
    Ok(texts)
}
