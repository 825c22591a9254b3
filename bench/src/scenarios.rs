//! What is measured, a file for each kind of work. Each scenario has a [`Plan`](crate::report::goal::Plan) beside it: what it is
//! compared by, what Distribution 3.1.1 did, and what is to be reached.

mod beside;
mod collect;
mod deletions;
mod listings;
mod manifests;
mod memory;
mod passwords;
mod pulls;
mod pushes;
pub(crate) mod start;

use crate::Outcome;
use crate::bench::Bench;

pub(crate) use manifests::{NAME, Read, TAG};

/// Runs every scenario that was asked for.
pub(crate) fn run(bench: &Bench) -> Outcome {
    for scenarios in ALL {
        scenarios(bench)?;
    }
    Ok(())
}

/// Each starts nothing unless one of its scenarios is wanted.
const ALL: [fn(&Bench) -> Outcome; 10] = [
    pulls::run,
    pushes::run,
    manifests::run,
    passwords::run,
    listings::run,
    deletions::run,
    collect::run,
    memory::run,
    start::run,
    beside::run,
];

/// The thing whose turn it is: after the last comes the first again.
fn in_turn<T>(things: &[T], number: u64) -> &T {
    // The remainder is less than a length.
    &things[(number % things.len() as u64) as usize]
}
