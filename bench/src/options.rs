//! The command line of a run.

use std::path::PathBuf;

use crate::bench::Size;

/// What a run is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Our binary.
    pub(crate) ours: PathBuf,
    /// Distribution's.
    pub(crate) peer: PathBuf,
    pub(crate) size: Size,
    /// The document to bring up to date.
    pub(crate) document: Option<PathBuf>,
    pub(crate) filters: Vec<String>,
}

impl Options {
    /// Reads `--ours FILE --peer FILE [--document FILE] [--quick] [filter...]`.
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        let mut words = words.iter();
        let (mut ours, mut peer, mut document) = (None, None, None);
        let mut size = Size::Full;
        let mut filters = Vec::new();
        while let Some(word) = words.next() {
            let place = match word.as_str() {
                "--ours" => &mut ours,
                "--peer" => &mut peer,
                "--document" => &mut document,
                "--quick" => {
                    size = Size::Quick;
                    continue;
                }
                option if option.starts_with("--") => {
                    return Err(format!("there is no option {option}; {USAGE}"));
                }
                filter => {
                    filters.push(filter.to_owned());
                    continue;
                }
            };
            let value = words
                .next()
                .ok_or_else(|| format!("{word} wants a file; {USAGE}"))?;
            *place = Some(PathBuf::from(value));
        }
        Ok(Self {
            ours: ours.ok_or_else(|| format!("--ours is missing; {USAGE}"))?,
            peer: peer.ok_or_else(|| format!("--peer is missing; {USAGE}"))?,
            size,
            document,
            filters,
        })
    }
}

const USAGE: &str =
    "it is `wharf-bench --ours FILE --peer FILE [--document FILE] [--quick] [filter...]`";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words)
    }

    #[test]
    fn a_run_is_told_what_to_compare() {
        let options = parse("--ours a --quick collect --peer b pull").unwrap();
        assert_eq!(
            options,
            Options {
                ours: "a".into(),
                peer: "b".into(),
                size: Size::Quick,
                document: None,
                filters: vec!["collect".to_owned(), "pull".to_owned()],
            }
        );
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        assert!(parse("--ours a").unwrap_err().contains("--peer"));
        assert!(
            parse("--ours a --peer b --fast")
                .unwrap_err()
                .contains("--fast")
        );
        assert!(parse("--ours").unwrap_err().contains("--ours"));
    }
}
