//! The one table, in Markdown.

use std::fmt::Write;

use crate::report::goal::{Goal, Lead, Plan, Standing, Unit};
use crate::sample::Sample;

/// A scenario with its medians.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) plan: Plan,
    pub(crate) ours: Sample,
    pub(crate) peer: Option<Sample>,
    pub(crate) limit: Option<Sample>,
}

/// The head of the table.
pub(crate) const HEAD: &str = "\
| scenario | | speed | CPU | p50 ms | p99 ms | peak MiB | ratio to 2.8.2 | target | of the limit |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
";

/// The lines of one scenario: ours, the peer's, the limit's.
pub(crate) fn lines(row: &Row) -> String {
    let Row {
        plan,
        ours,
        peer,
        limit,
    } = row;
    let mut text = String::new();
    line(
        &mut text,
        &[
            plan.name.clone(),
            "Wharf".to_owned(),
            figures(plan.unit, ours),
            ratios(row),
            target(row),
            share(row),
        ],
    );
    if let Some(peer) = peer {
        line(
            &mut text,
            &["", "2.8.2", &figures(plan.unit, peer), "", "", ""].map(str::to_owned),
        );
    }
    if let (Some(limit), Some(named)) = (limit, plan.limit) {
        line(
            &mut text,
            &["", named.name, &figures(plan.unit, limit), "", "", ""].map(str::to_owned),
        );
    }
    text
}

fn line(text: &mut String, cells: &[String]) {
    // Writing to a `String` does not fail.
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

/// Five cells.
fn figures(unit: Unit, sample: &Sample) -> String {
    let cell = |value: Option<f64>, suffix: &str| {
        value.map_or_else(String::new, |value| format!("{}{suffix}", number(value)))
    };
    let (speed, cpu) = match unit {
        Unit::Bytes => (" MB/s".to_owned(), " s/GiB"),
        Unit::Each(what) => (format!(" {what}/s"), " µs"),
        Unit::Seconds => (" s".to_owned(), " s"),
        Unit::Milliseconds => (" ms".to_owned(), " ms"),
    };
    [
        cell(sample.rate, &speed),
        cell(sample.cpu, cpu),
        cell(sample.p50, ""),
        cell(sample.p99, ""),
        cell(sample.peak, ""),
    ]
    .join(" | ")
}

/// The leading figure first, then speed and memory where both have them.
fn ratios(row: &Row) -> String {
    let Some(peer) = &row.peer else {
        return String::new();
    };
    let mut leads = vec![row.plan.lead];
    leads.extend(
        [Lead::Rate, Lead::Cpu, Lead::Peak]
            .into_iter()
            .filter(|lead| *lead != row.plan.lead),
    );
    let words: Vec<String> = leads
        .into_iter()
        .filter_map(|lead| {
            let ratio = row.plan.ratio(lead, lead.of(&row.ours)?, lead.of(peer)?);
            Some(format!("{} {}×", lead.word(row.plan.unit), number(ratio)))
        })
        .collect();
    words.join(", ")
}

/// What was to be reached, and by how much it was or was not: by what 3.1.1 did, and by what it would do now.
fn target(row: &Row) -> String {
    let Row {
        plan, ours, peer, ..
    } = row;
    let bracket = |older| format!(" (3.1.1: {})", number(older));
    let older = plan.older.figure.map_or_else(String::new, bracket);
    let wanted = match plan.goal {
        None => return older.trim().to_owned(),
        Some(Goal::Times(times)) => {
            format!("{} {}×{older}", plan.lead.word(plan.unit), number(times))
        }
        Some(Goal::AtMost(most)) => {
            format!("{} ≤ {}{older}", plan.lead.word(plan.unit), number(most))
        }
    };
    let Some(standing) = plan.standing(ours, peer.as_ref()) else {
        return wanted;
    };
    let mut text = format!("{wanted}: {}", outcome(standing));
    if let Some((standing, older)) = plan.standing_scaled(ours, peer.as_ref()) {
        // Writing to a `String` does not fail.
        let _ = write!(text, "; scaled{}: {}", bracket(older), outcome(standing));
    }
    text
}

fn outcome(standing: Standing) -> String {
    if standing.reached {
        return "reached".to_owned();
    }
    format!("**missed by {} %**", percent_short(standing.margin))
}

/// How near the limit is, by the leading figure.
fn share(row: &Row) -> String {
    let (Some(limit), Some(measured)) = (row.plan.limit, &row.limit) else {
        return String::new();
    };
    let lead = row.plan.lead;
    let (Some(ours), Some(best)) = (lead.of(&row.ours), lead.of(measured)) else {
        return String::new();
    };
    let reached = row.plan.ratio(lead, ours, best);
    let text = format!("{:.0} %", reached * 100.0);
    match limit.share {
        None => text,
        Some(wanted) if reached >= wanted => {
            format!("{text} (target {:.0} %: reached)", wanted * 100.0)
        }
        Some(wanted) => format!(
            "{text} (target {:.0} %: **missed by {} %**)",
            wanted * 100.0,
            percent_short(reached / wanted)
        ),
    }
}

/// By how many percent of the goal a figure falls short; never shown as none.
fn percent_short(margin: f64) -> String {
    format!("{:.0}", ((1.0 - margin) * 100.0).max(1.0))
}

/// Three digits that count.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let decimals = match value.abs() {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 1.0 || value == 0.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text
        .split_once('.')
        .map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) && grouped != "-" {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    rest.map_or(grouped.clone(), |rest| format!("{grouped}.{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_that_count() {
        let shown: Vec<String> = [
            0.0,
            0.1234,
            1.234,
            12.34,
            123.4,
            1234.5,
            1_234_567.0,
            f64::INFINITY,
        ]
        .map(number)
        .to_vec();
        assert_eq!(
            shown,
            [
                "0.00",
                "0.123",
                "1.23",
                "12.3",
                "123",
                "1,234",
                "1,234,567",
                "–"
            ]
        );
    }

    #[test]
    fn a_row_says_what_was_reached_and_what_was_not() {
        let sample = |rate, cpu| Sample {
            rate: Some(rate),
            cpu: Some(cpu),
            ..Sample::default()
        };
        let row = Row {
            plan: Plan::each("GET", "requests")
                .times(12.0, (151.0, 250.0))
                .within("hyper", 0.5),
            ours: sample(50_000.0, 20.0),
            peer: Some(sample(2_000.0, 500.0)),
            limit: Some(sample(90_000.0, 10.0)),
        };
        assert_eq!(
            lines(&row),
            "\
| GET | Wharf | 50,000 requests/s | 20.0 µs |  |  |  | CPU 25.0×, speed 25.0× | CPU 12.0× (3.1.1: 151): **missed by 37 %**; scaled (3.1.1: 302): reached | 50 % (target 50 %: reached) |
|  | 2.8.2 | 2,000 requests/s | 500 µs |  |  |  |  |  |  |
|  | hyper | 90,000 requests/s | 10.0 µs |  |  |  |  |  |  |
"
        );
    }
}
