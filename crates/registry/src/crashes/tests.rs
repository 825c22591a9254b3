//! Nothing that was acknowledged is lost, wherever it is cut off.

use wharf_storage::testing::lossy::{Fault, Lossy, Moment, Promise};

use super::{explore::explore, script::Step};

/// Explores; there must have been some faults, lest the script has become one that does nothing.
async fn expect_to_survive(fault: Fault, at_least: u64) {
    match explore(Lossy::new(), Step::PushImage, fault).await {
        Ok(faults) => assert!(faults >= at_least, "only {faults} faults"),
        Err(violation) => panic!("{violation}"),
    }
}

#[tokio::test]
async fn a_process_that_ends_before_a_change_loses_nothing() {
    expect_to_survive(Fault::Dies(Moment::Before), 300).await;
}

#[tokio::test]
async fn a_process_that_ends_within_a_change_loses_nothing() {
    expect_to_survive(Fault::Dies(Moment::Within), 60).await;
}

#[tokio::test]
async fn a_process_that_ends_after_a_change_loses_nothing() {
    expect_to_survive(Fault::Dies(Moment::After), 300).await;
}

#[tokio::test]
async fn a_call_that_fails_loses_nothing() {
    expect_to_survive(Fault::Fails(Moment::Before), 1000).await;
}

#[tokio::test]
async fn a_call_that_fails_after_its_effect_loses_nothing() {
    expect_to_survive(Fault::Fails(Moment::After), 300).await;
}

#[tokio::test]
async fn a_disk_that_gets_full_loses_nothing() {
    expect_to_survive(Fault::Full, 150).await;
}

#[tokio::test]
async fn a_store_that_becomes_read_only_loses_nothing() {
    expect_to_survive(Fault::ReadOnly, 300).await;
}

/// What these tests are worth: a driver that does not sync is found out.
#[tokio::test]
async fn a_driver_that_does_not_sync_is_found_out() {
    for (promise, step) in [
        (Promise::Put, Step::PushImage),
        (Promise::Commit, Step::PushImage),
        (Promise::Bytes, Step::PushImage),
        (Promise::Delete, Step::DeleteTag),
        (Promise::Rename, Step::CollectOnceMore),
    ] {
        let store = Lossy::breaking(promise);
        let explored = explore(store, step, Fault::Dies(Moment::Before)).await;
        assert!(explored.is_err(), "{promise:?} is not needed");
    }
}
