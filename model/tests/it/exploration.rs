//! A walk through all states of one world.

use std::collections::BTreeSet;
use std::thread::available_parallelism;

use stateright::{Checker, HasDiscoveries, Model};
use wharf_model::scenario::Scenario;
use wharf_model::state::State;

/// What a walk has shown.
pub(crate) struct Exploration {
    /// How many states there are.
    pub(crate) states: usize,
    /// Which invariants are broken, and how.
    pub(crate) broken: Vec<(&'static str, String)>,
}

/// Goes through all states, or until `enough` is broken.
pub(crate) fn explore(world: Scenario, enough: &[&'static str]) -> Exploration {
    let things = format!("{:?}", world.things);
    let enough: BTreeSet<&'static str> = enough.iter().copied().collect();
    let finish = if enough.is_empty() {
        HasDiscoveries::All
    } else {
        HasDiscoveries::AllOf(enough)
    };
    let threads = available_parallelism().map_or(1, usize::from);
    let checker = world.checker().finish_when(finish).threads(threads);
    let checker = checker.spawn_bfs().join();
    let broken = checker.discoveries().into_iter().map(|(name, path)| {
        let mut story = format!("{name} is broken in a world of {things}:\n");
        let mut last: Option<State> = None;
        for (state, action) in path.into_vec() {
            if let Some(action) = action {
                story.push_str(&format!("  {action:?}\n"));
            }
            last = Some(state);
        }
        story.push_str(&format!("which leads to {last:#?}\n"));
        (name, story)
    });
    Exploration {
        broken: broken.collect(),
        states: checker.unique_state_count(),
    }
}
