//! The collector: marks from root to root, then sets aside, moves back and unlinks, one thing at a time and in any order.

use crate::protocol::Step;
use crate::scenario::{Scenario, Untagged};
use crate::state::{Collector, State};
use crate::store::{Entry, Lease, MOST_TAGS, Object, ObjectSet};

/// One step of the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// A run begins.
    Begin {
        /// Whether manifest links are roots as well as tags.
        from_links: bool,
    },
    /// The next root is read, and what it names is noted.
    Mark,
    /// What the mark did not name is renamed to the trash.
    SetAside(Object),
    /// What the mark named is renamed back.
    MoveBack(Object),
    /// What the mark did not name and whose lease was over is deleted for good.
    Unlink(Object),
    /// The run ends, or the process crashes: nobody can tell.
    End,
}

/// What the collector can do now.
pub fn turns(scenario: &Scenario, state: &State, turns: &mut Vec<Turn>) {
    match state.collector {
        Collector::Idle if scenario.fine && state.somebody_looks() => {}
        Collector::Idle => turns.extend(
            kinds_of_run(scenario.untagged)
                .iter()
                .map(|&from_links| Turn::Begin { from_links }),
        ),
        Collector::Marking { .. } => turns.extend([Turn::Mark, Turn::End]),
        Collector::Sweeping {
            spares_links,
            named,
            handled,
        } => {
            for object in 0..scenario.things.len() {
                let spot = state.store.spot(object);
                let moves_back = scenario.protocol.has(Step::MoveBack);
                if spot.trash.is_some() && named.has(object) && moves_back {
                    turns.push(Turn::MoveBack(object));
                }
                if spot.trash.is_some_and(|entry| is_over(scenario, entry)) && !named.has(object) {
                    turns.push(Turn::Unlink(object));
                }
                let spared = spares_links && scenario.is_manifest_link(object);
                if spot.in_place && !spared && !named.has(object) && !handled.has(object) {
                    turns.push(Turn::SetAside(object));
                }
            }
            turns.push(Turn::End);
        }
    }
}

fn kinds_of_run(untagged: Untagged) -> &'static [bool] {
    match untagged {
        Untagged::Stays => &[true],
        Untagged::Goes => &[false],
        Untagged::GoesInSomeRuns => &[true, false],
    }
}

/// Whether the lease allows to unlink.
fn is_over(scenario: &Scenario, entry: Entry) -> bool {
    let protocol = scenario.protocol;
    match entry.lease {
        Lease::OverBeforeMark => true,
        _ if entry.by_this_run && protocol.has(Step::SecondMark) => false,
        Lease::Over => !protocol.has(Step::MarkAfterLease) || !protocol.has(Step::SecondMark),
        Lease::Running => !protocol.has(Step::Lease),
    }
}

/// Takes one step.
pub fn take(scenario: &Scenario, state: &mut State, turn: Turn) {
    match turn {
        Turn::Begin { from_links } => begin(state, from_links),
        Turn::Mark => mark(scenario, state),
        Turn::SetAside(object) => set_aside(scenario, state, object),
        Turn::MoveBack(object) => {
            state.store.move_back(object);
        }
        Turn::Unlink(object) => state.store.unlink(object),
        Turn::End => state.collector = Collector::Idle,
    }
}

fn begin(state: &mut State, from_links: bool) {
    for entry in state.store.entries_mut() {
        entry.by_this_run = false;
        if entry.lease == Lease::Over {
            entry.lease = Lease::OverBeforeMark;
        }
    }
    state.collector = Collector::Marking {
        from_links,
        next: 0,
        named: ObjectSet::default(),
    };
}

/// Reads one root: first every tag, then every manifest link. What is set aside is read as well as what is in its place, but a manifest
/// link in the trash is no root.
fn mark(scenario: &Scenario, state: &mut State) {
    let Collector::Marking {
        from_links,
        next,
        named,
    } = state.collector
    else {
        return;
    };
    let root = usize::from(next);
    let image = if root < MOST_TAGS {
        let tag = state.store.tags[root].map(usize::from);
        tag.filter(|&image| state.store.is_somewhere(scenario.images[image].link))
            .filter(|_| !from_links || scenario.protocol.has(Step::MarkFromTags))
    } else {
        Some(root - MOST_TAGS).filter(|&image| state.store.is_in_place(scenario.images[image].link))
    };
    let named = image.map_or(named, |image| named.and(scenario.images[image].whole()));
    let roots = MOST_TAGS + if from_links { scenario.images.len() } else { 0 };
    // Roots that do not exist in this scenario take no time.
    let next = (root + 1..roots).find(|&root| {
        root >= MOST_TAGS || scenario.images.iter().any(|image| image.tag == Some(root))
    });
    state.collector = match next {
        Some(next) => Collector::Marking {
            from_links,
            next: u8::try_from(next).unwrap_or(u8::MAX),
            named,
        },
        None => Collector::Sweeping {
            spares_links: from_links && scenario.protocol.has(Step::SpareLinks),
            named,
            handled: ObjectSet::default(),
        },
    };
}

fn set_aside(scenario: &Scenario, state: &mut State, object: Object) {
    let entry = Entry {
        lease: Lease::Running,
        by_this_run: !ends_between_runs(scenario),
        asked: state.pushes_that(|_, push| push.is_under_way() && !push.late),
        looked: state
            .pushes_that(|number, push| scenario.is_about_to_tag(number, push) && !push.slow),
    };
    state.store.set_aside(object, entry);
    if scenario.fine
        && let Collector::Sweeping { handled, .. } = &mut state.collector
    {
        *handled = handled.with(object);
    }
}

/// Whether only the next run can see that a lease is over.
fn ends_between_runs(scenario: &Scenario) -> bool {
    [Step::MarkAfterLease, Step::SecondMark, Step::Lease]
        .iter()
        .all(|&step| scenario.protocol.has(step))
}

/// The lease of what is in the trash can end while no run is under way. That it ends in the middle of one matters only to protocols that
/// let this run see it.
#[must_use]
pub fn lease_may_end(scenario: &Scenario, state: &State, object: Object) -> bool {
    let running = state
        .store
        .spot(object)
        .trash
        .is_some_and(|entry| entry.lease == Lease::Running);
    let now = state.collector == Collector::Idle || !ends_between_runs(scenario);
    running && now && scenario.protocol.has(Step::Lease)
}

/// The lease is over; so is that of everybody who had asked before the thing was set aside.
pub fn end_lease(state: &mut State, object: Object) {
    let Some(entry) = state.store.trash_mut(object) else {
        return;
    };
    let (asked, looked) = (entry.asked, entry.looked);
    (entry.lease, entry.asked, entry.looked) = (Lease::Over, 0, 0);
    for (number, push) in state.pushes.iter_mut().enumerate() {
        push.late |= asked >> number & 1 == 1;
        push.slow |= looked >> number & 1 == 1;
    }
    for other in state.store.entries_mut() {
        other.asked &= !asked;
        other.looked &= !looked;
    }
}

/// What some whole runs leave, one after the other, after all clients have stopped and with all leases over in between.
#[must_use]
pub fn settle(scenario: &Scenario, state: &State) -> State {
    let mut state = *state;
    let from_links = scenario.untagged == Untagged::Stays;
    let mut possible = Vec::new();
    for _ in 0..3 {
        for object in 0..scenario.things.len() {
            end_lease(&mut state, object);
        }
        begin(&mut state, from_links);
        while let Collector::Marking { .. } = state.collector {
            mark(scenario, &mut state);
        }
        turns(scenario, &state, &mut possible);
        for turn in possible.drain(..).filter(|turn| *turn != Turn::End) {
            take(scenario, &mut state, turn);
        }
    }
    state
}
