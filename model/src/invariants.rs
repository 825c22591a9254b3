//! What holds in every state.

use stateright::Property;

use crate::collector;
use crate::protocol::Step;
use crate::scenario::{Deletion, Scenario};
use crate::state::{Collector, Deleting, End, State};

/// What was acknowledged with 201 and not deleted can be pulled at any time: every part is found, and its tag is there.
pub const ACKNOWLEDGED_IS_WHOLE: &str = "acknowledged_is_whole";
/// A push whose parts were told to exist, and whose lease is not over, is not refused.
pub const IN_TIME_IS_NEVER_REFUSED: &str = "in_time_is_never_refused";
/// No tag names a manifest of which a part is gone for good, even if its push was never acknowledged.
pub const TAG_NAMES_WHOLE_IMAGE: &str = "tag_names_whole_image";
/// What a client deleted is found nowhere, unless somebody pushed it again.
pub const DELETED_IS_GONE: &str = "deleted_is_gone";
/// If the clients stop now, a few whole runs leave nothing that no manifest names, and nothing in the trash.
pub const GARBAGE_GOES: &str = "garbage_goes";

/// All invariants.
#[must_use]
pub fn all() -> Vec<Property<Scenario>> {
    vec![
        Property::always(ACKNOWLEDGED_IS_WHOLE, acknowledged_is_whole),
        Property::always(IN_TIME_IS_NEVER_REFUSED, in_time_is_never_refused),
        Property::always(TAG_NAMES_WHOLE_IMAGE, tag_names_whole_image),
        Property::always(DELETED_IS_GONE, deleted_is_gone),
        Property::always(GARBAGE_GOES, garbage_goes),
    ]
}

fn acknowledged_is_whole(scenario: &Scenario, state: &State) -> bool {
    let falls_back = scenario.protocol.has(Step::FallBack);
    let mut wanted = state.promised_objects(scenario).iter();
    let found = wanted.all(|object| match falls_back {
        true => state.store.is_somewhere(object),
        false => state.store.is_in_place(object),
    });
    let mut tags = state.promised_tags.iter().zip(state.store.tags);
    let tagged = tags.all(|(promised, tag)| !promised || tag.is_some());
    found && tagged && state.pull.is_none_or(|pull| !pull.in_vain)
}

fn in_time_is_never_refused(_: &Scenario, state: &State) -> bool {
    let mut pushes = state.pushes.iter();
    pushes.all(|push| push.end != Some(End::RefusedInTime))
}

fn tag_names_whole_image(scenario: &Scenario, state: &State) -> bool {
    let mut tags = state.store.tags.iter().zip(state.crossed_tags);
    tags.all(|(image, crossed)| {
        let Some(image) = image.filter(|_| !crossed) else {
            return true;
        };
        let mut objects = scenario.images[usize::from(image)].whole().iter();
        objects.all(|object| state.store.is_somewhere(object))
    })
}

fn deleted_is_gone(scenario: &Scenario, state: &State) -> bool {
    let mut deletions = scenario.deletions.iter().zip(state.deletions);
    deletions.all(|(deletion, deleting)| match deletion {
        Deletion::Link(link) if deleting == Deleting::Done => !state.store.is_somewhere(*link),
        Deletion::Link(_) | Deletion::Tag(_) => true,
    })
}

fn garbage_goes(scenario: &Scenario, state: &State) -> bool {
    let settled = collector::settle(scenario, state);
    let Collector::Sweeping { named, .. } = settled.collector else {
        return false;
    };
    (0..scenario.things.len()).all(|object| {
        let spot = settled.store.spot(object);
        spot.trash.is_none() && (named.has(object) || !spot.in_place)
    })
}
