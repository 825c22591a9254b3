//! Each step is there for a reason: without it an invariant is broken.

use wharf_model::invariants::{
    ACKNOWLEDGED_IS_WHOLE, DELETED_IS_GONE, GARBAGE_GOES, IN_TIME_IS_NEVER_REFUSED,
    TAG_NAMES_WHOLE_IMAGE,
};
use wharf_model::protocol::{Protocol, Step};
use wharf_model::scenario::{Scenario, Untagged};
use wharf_model::worlds;

use crate::exploration::explore;

fn breaks(world: Scenario, invariant: &'static str) {
    let exploration = explore(world, &[invariant]);
    let broken: Vec<&str> = exploration.broken.iter().map(|(name, _)| *name).collect();
    assert!(broken.contains(&invariant), "broken: {broken:?}");
}

fn without(step: Step) -> Protocol {
    Protocol::whole().without(step)
}

#[test]
fn without_a_second_look_an_acknowledged_image_is_lost() {
    let protocol = without(Step::SecondLook);
    breaks(worlds::shared_layer(protocol), ACKNOWLEDGED_IS_WHOLE);
    breaks(worlds::mount(protocol), ACKNOWLEDGED_IS_WHOLE);
}

#[test]
fn a_tag_before_the_second_look_may_name_what_is_gone() {
    let protocol = without(Step::SecondLook).without(Step::TagInTime);
    let world = worlds::moved_tag(protocol, Untagged::Stays);
    breaks(world, TAG_NAMES_WHOLE_IMAGE);
}

#[test]
fn without_a_look_after_the_tag_a_slow_push_is_acknowledged_and_lost() {
    let protocol = without(Step::LookAfterTag).without(Step::TagInTime);
    let world = worlds::tagged_image(protocol, Untagged::Goes);
    breaks(world, ACKNOWLEDGED_IS_WHOLE);
}

#[test]
fn looks_from_the_bottom_up_miss_what_goes_while_the_manifest_is_gone() {
    let protocol = without(Step::TopDown).without(Step::TagInTime);
    let world = worlds::tagged_twice(protocol, Untagged::Goes);
    breaks(world, ACKNOWLEDGED_IS_WHOLE);
}

#[test]
fn looks_that_spare_the_children_lose_their_layers() {
    let world = worlds::index(without(Step::DeepLook), Untagged::Goes);
    breaks(world, ACKNOWLEDGED_IS_WHOLE);
}

#[test]
fn looks_that_spare_the_manifest_itself_lose_it() {
    let world = worlds::shared_layer(without(Step::LookAtOwn));
    breaks(world, ACKNOWLEDGED_IS_WHOLE);
}

#[test]
fn a_tag_that_is_written_late_may_name_what_is_gone() {
    let world = worlds::tagged_image(without(Step::TagInTime), Untagged::Goes);
    breaks(world, TAG_NAMES_WHOLE_IMAGE);
}

#[test]
fn a_mark_that_begins_before_the_lease_is_over_misses_tags_written_in_time() {
    let world = worlds::tagged_image(without(Step::MarkAfterLease), Untagged::Goes);
    breaks(world, TAG_NAMES_WHOLE_IMAGE);
}

#[test]
fn without_a_second_mark_an_acknowledged_image_is_lost() {
    let world = worlds::shared_layer(without(Step::SecondMark));
    breaks(world, ACKNOWLEDGED_IS_WHOLE);
}

#[test]
fn without_a_lease_a_push_in_time_is_refused() {
    let world = worlds::shared_layer(without(Step::Lease));
    breaks(world, IN_TIME_IS_NEVER_REFUSED);
}

#[test]
fn without_the_fall_back_an_acknowledged_image_is_not_found_for_a_while() {
    let protocol = without(Step::FallBack);
    breaks(worlds::shared_layer(protocol), ACKNOWLEDGED_IS_WHOLE);
    breaks(worlds::shared_layer(protocol), IN_TIME_IS_NEVER_REFUSED);
}

#[test]
fn a_lookup_that_ends_in_the_trash_misses_what_was_moved_back() {
    let protocol = without(Step::PlaceAgain);
    breaks(worlds::pulled(protocol), ACKNOWLEDGED_IS_WHOLE);
    breaks(worlds::looked_for(protocol), IN_TIME_IS_NEVER_REFUSED);
}

#[test]
fn a_lookup_that_does_not_begin_again_misses_what_was_moved_twice() {
    let protocol = without(Step::TrashAgain);
    breaks(worlds::looked_for(protocol), IN_TIME_IS_NEVER_REFUSED);
    breaks(worlds::deleted_layer(protocol), DELETED_IS_GONE);
}

#[test]
fn a_head_that_moves_nothing_back_promises_too_much() {
    let world = worlds::shared_layer(without(Step::RescueByHead));
    breaks(world, IN_TIME_IS_NEVER_REFUSED);
}

#[test]
fn a_mount_that_moves_nothing_back_promises_too_much() {
    let world = worlds::mount(without(Step::RescueByMount));
    breaks(world, IN_TIME_IS_NEVER_REFUSED);
}

#[test]
fn a_head_of_a_manifest_that_spares_its_parts_promises_too_much() {
    let protocol = without(Step::DeepHead);
    let world = worlds::index(protocol, Untagged::Goes);
    breaks(world, IN_TIME_IS_NEVER_REFUSED);
    // The link may be what a push left that came too late.
    breaks(worlds::deleted_index(protocol), IN_TIME_IS_NEVER_REFUSED);
}

#[test]
fn a_mark_that_knows_only_links_loses_what_the_run_before_it_set_aside() {
    let world = worlds::tagged_image(without(Step::MarkFromTags), Untagged::GoesInSomeRuns);
    breaks(world, ACKNOWLEDGED_IS_WHOLE);
}

#[test]
fn a_run_that_takes_links_it_marks_from_loses_them() {
    let world = worlds::shared_layer(without(Step::SpareLinks));
    breaks(world, ACKNOWLEDGED_IS_WHOLE);
}

#[test]
fn what_no_mark_moves_back_stays_in_the_trash() {
    let world = worlds::shared_layer(without(Step::MoveBack));
    breaks(world, GARBAGE_GOES);
}

#[test]
fn a_refused_push_that_takes_its_link_back_takes_it_from_others() {
    let world = worlds::shared_layer(without(Step::LeaveLink));
    breaks(world, ACKNOWLEDGED_IS_WHOLE);
}
