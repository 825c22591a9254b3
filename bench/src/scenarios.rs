//! What is measured, a file for each kind of work. Each scenario has a [`Plan`](crate::report::goal::Plan) beside it: what it is
//! compared by, what Distribution 3.1.1 did, and what is to be reached.

mod collect;
mod manifests;
mod pulls;

use crate::Outcome;
use crate::bench::Bench;

/// Runs every scenario that was asked for.
pub(crate) fn run(bench: &Bench) -> Outcome {
    for scenarios in ALL {
        scenarios(bench)?;
    }
    Ok(())
}

/// Each starts nothing unless one of its scenarios is wanted.
const ALL: [fn(&Bench) -> Outcome; 3] = [pulls::run, manifests::run, collect::run];
