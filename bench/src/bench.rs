//! One run of the benchmark: what is wanted, at which size, and the rows so far.

use std::cell::RefCell;
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::Outcome;
use crate::report::goal::Plan;
use crate::report::table::{self, Row};
use crate::sample::Sample;
use crate::stage::Programs;

/// What the scenarios are given.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) programs: Programs,
    pub(crate) size: Size,
    runtime: Runtime,
    /// Parts of names; empty for all.
    filters: Vec<String>,
    rows: RefCell<Vec<Row>>,
}

/// How much work a scenario does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// As the names of the scenarios say.
    Full,
    /// Only enough to see that everything works.
    Quick,
}

impl Size {
    /// Picks by the size.
    pub(crate) fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }

    /// How often each contender is measured.
    pub(crate) fn rounds(self) -> usize {
        self.pick(3, 1)
    }

    /// How long a steady load lasts.
    pub(crate) fn while_steady(self) -> Duration {
        self.pick(Duration::from_secs(2), Duration::from_millis(100))
    }
}

impl Bench {
    pub(crate) fn new(programs: Programs, size: Size, filters: Vec<String>) -> Outcome<Self> {
        Ok(Self {
            programs,
            size,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            filters,
            rows: RefCell::default(),
        })
    }

    /// Whether a scenario of this name was asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|part| name.contains(part.as_str()))
    }

    /// Waits for something on the thread of the load.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Measures contenders in turn, round by round, and keeps their medians as a row: ours, the peer's, then the limit's if there is one.
    pub(crate) fn row<C>(
        &self,
        plan: &Plan,
        contenders: &[C],
        mut measure: impl FnMut(&C) -> Outcome<Sample>,
    ) -> Outcome {
        let mut samples = vec![Vec::new(); contenders.len()];
        for _ in 0..self.size.rounds() {
            for (contender, samples) in contenders.iter().zip(&mut samples) {
                samples
                    .push(measure(contender).map_err(|error| format!("{}: {error}", plan.name))?);
            }
        }
        let medians: Vec<Sample> = samples
            .iter()
            .map(|rounds| Sample::median(rounds))
            .collect();
        let [ours, others @ ..] = medians.as_slice() else {
            return Err(format!("{}: nothing to measure", plan.name).into());
        };
        self.keep(Row {
            plan: plan.clone(),
            ours: *ours,
            peer: others.first().copied(),
            limit: others.get(1).copied(),
        });
        Ok(())
    }

    /// Keeps a row, and shows it at once: a run is long.
    #[expect(clippy::print_stdout, reason = "what the command is for")]
    pub(crate) fn keep(&self, row: Row) {
        print!("{}", table::lines(&row));
        self.rows.borrow_mut().push(row);
    }

    /// All rows, in order.
    pub(crate) fn into_rows(self) -> Vec<Row> {
        self.rows.into_inner()
    }
}
