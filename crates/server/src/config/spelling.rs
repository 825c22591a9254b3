//! Guesses which key a misspelt one was meant to be.

/// The known key nearest to `name`, if it is near enough to be a slip of the finger.
pub(crate) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let name = name.to_lowercase();
    let allowed = match name.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    };
    known
        .iter()
        .map(|candidate| (distance(&name, candidate), *candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be added, removed, replaced or swapped with their neighbour.
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, wanted) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != wanted);
            let mut best = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *letter == to[column - 1] && from[row - 1] == *wanted {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        let known = ["addr", "headers", "relativeurls", "tls", "draintimeout"];
        let table = [
            ("adr", Some("addr")),
            ("adress", None),
            ("Addr", Some("addr")),
            ("haeders", Some("headers")),
            ("header", Some("headers")),
            ("relativeUrls", Some("relativeurls")),
            ("draintimout", Some("draintimeout")),
            ("tsl", Some("tls")),
            ("ls", None),
            ("completely", None),
            ("", None),
        ];
        for (name, meant) in table {
            assert_eq!(nearest(name, &known), meant, "{name}");
        }
    }
}
