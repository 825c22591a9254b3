//! Every invariant holds in every state of every world, of which there are as many as the crate's documentation says.

use wharf_model::invariants;
use wharf_model::protocol::{Protocol, Step};
use wharf_model::scenario::{Scenario, Untagged};
use wharf_model::worlds;

use crate::exploration::explore;

fn holds(world: Scenario, states: usize) {
    let exploration = explore(world, &[]);
    let stories = exploration.broken.iter().map(|(_, story)| story.as_str());
    assert!(
        exploration.broken.is_empty(),
        "{}",
        stories.collect::<String>()
    );
    assert_eq!(exploration.states, states);
}

#[test]
fn a_layer_is_shared_by_a_deleted_image_and_two_pushes() {
    holds(worlds::shared_layer(Protocol::whole()), 1_319_444);
}

#[test]
fn two_pushes_of_the_same_image_cross_its_deletion() {
    holds(worlds::same_image(Protocol::whole()), 2_096_851);
}

#[test]
fn a_layer_is_mounted_from_a_repository_that_loses_it() {
    holds(worlds::mount(Protocol::whole()), 574_463);
}

#[test]
fn a_tagged_image_loses_its_tag() {
    let protocol = Protocol::whole();
    holds(worlds::tagged_image(protocol, Untagged::Goes), 149_793);
    holds(
        worlds::tagged_image(protocol, Untagged::GoesInSomeRuns),
        259_587,
    );
    holds(worlds::tagged_twice(protocol, Untagged::Goes), 753_454);
    holds(
        worlds::tagged_twice(protocol, Untagged::GoesInSomeRuns),
        1_458_238,
    );
}

#[test]
fn a_tag_moves_between_images() {
    let protocol = Protocol::whole();
    holds(worlds::moved_tag(protocol, Untagged::Stays), 70_824);
    holds(worlds::moved_tag(protocol, Untagged::Goes), 594_764);
    holds(
        worlds::moved_tag(protocol, Untagged::GoesInSomeRuns),
        1_417_536,
    );
}

#[test]
fn an_index_and_its_child_lose_their_tag() {
    let protocol = Protocol::whole();
    holds(worlds::index(protocol, Untagged::Goes), 183_215);
    holds(worlds::index(protocol, Untagged::GoesInSomeRuns), 368_063);
    holds(worlds::index_twice(protocol, Untagged::Stays), 2_150);
    holds(worlds::index_twice(protocol, Untagged::Goes), 1_033_879);
    holds(
        worlds::index_twice(protocol, Untagged::GoesInSomeRuns),
        2_436_044,
    );
}

#[test]
fn an_index_and_its_child_are_deleted() {
    holds(worlds::deleted_index(Protocol::whole()), 236_163);
}

#[test]
fn lookups_are_crossed_by_renames() {
    holds(worlds::pulled(Protocol::whole()), 10_003);
    holds(worlds::looked_for(Protocol::whole()), 258_346);
}

#[test]
fn deletions_are_crossed_by_renames() {
    let protocol = Protocol::whole();
    holds(worlds::deleted_layer(protocol), 121_647);
    holds(worlds::deleted_manifest(protocol, Untagged::Stays), 12_083);
    holds(worlds::deleted_manifest(protocol, Untagged::Goes), 54_513);
    let untagged = Untagged::GoesInSomeRuns;
    holds(worlds::deleted_manifest(protocol, untagged), 92_819);
}

/// What was acknowledged is safe even if nobody can tell the time: leases that end at once, servers that stand still for any time.
#[test]
fn no_clock_guards_what_was_acknowledged() {
    let protocol = Protocol::whole()
        .without(Step::Lease)
        .without(Step::TagInTime);
    for world in [
        worlds::shared_layer(protocol),
        worlds::tagged_twice(protocol, Untagged::GoesInSomeRuns),
        worlds::index_twice(protocol, Untagged::Goes),
    ] {
        let clocked = [
            invariants::IN_TIME_IS_NEVER_REFUSED,
            invariants::TAG_NAMES_WHOLE_IMAGE,
        ];
        for (broken, story) in explore(world, &[]).broken {
            assert!(clocked.contains(&broken), "{story}");
        }
    }
}

/// Where a run without `--delete-untagged` never meets one with it, tags need no clock either.
#[test]
fn no_clock_guards_tags_where_untagged_manifests_stay() {
    let protocol = Protocol::whole().without(Step::TagInTime);
    holds(worlds::moved_tag(protocol, Untagged::Stays), 70_824);
}

/// One look after the link is enough for a push in which neither its server nor the store stands still between the look and the tag.
#[test]
fn one_look_is_enough_for_a_tag_that_is_written_in_time() {
    for step in [Step::SecondLook, Step::LookAfterTag] {
        let protocol = Protocol::whole().without(step);
        for world in [
            worlds::moved_tag(protocol, Untagged::Stays),
            worlds::tagged_twice(protocol, Untagged::Goes),
            worlds::index(protocol, Untagged::GoesInSomeRuns),
        ] {
            let broken = explore(world, &[]).broken;
            assert!(broken.is_empty(), "{}", broken[0].1);
        }
    }
}
