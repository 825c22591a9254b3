//! The document that keeps the last figures: everything between two marks is written by a run, the rest by people.

use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::report::machine::Machine;
use crate::report::table::{self, Row};

/// Puts the machine and the table of this run in the place of the last ones.
pub(crate) fn update(file: &Path, machine: &Machine, rows: &[Row]) -> Outcome {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let lines: String = rows.iter().map(table::lines).collect();
    let figures = format!(
        "{machine}. Wharf ran with `durability: full`.\n\n{}{lines}",
        table::HEAD
    );
    let updated = replaced(&text, &figures)
        .ok_or_else(|| format!("{} lacks the lines {BEGIN} and {END}", file.display()))?;
    Ok(fs::write(file, updated)?)
}

/// The text with something else between the marks.
fn replaced(text: &str, figures: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{figures}\n{END}{after}"))
}

const BEGIN: &str = "<!-- figures: written by the benchmark -->";
const END: &str = "<!-- end of figures -->";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_changes() {
        let text = format!("# Title\n{BEGIN}\nold\n{END}\nnotes\n");
        let updated = replaced(&text, "new\n").unwrap();
        assert_eq!(
            updated,
            format!("# Title\n{BEGIN}\n\nnew\n\n{END}\nnotes\n")
        );
        assert_eq!(replaced(&updated, "new\n").unwrap(), updated);
        assert_eq!(replaced("# Title\n", "new"), None);
    }
}
