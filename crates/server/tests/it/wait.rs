//! Waiting for something to become true, never for time to pass.

use std::thread;
use std::time::{Duration, Instant};

/// Asks again and again until there is an answer; panics when there is none in time.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    until_at_once(what, || {
        let answer = ask();
        if answer.is_none() {
            thread::sleep(PAUSE);
        }
        answer
    })
}

/// Asks without a pause, when asking itself takes time.
#[track_caller]
pub(crate) fn until_at_once<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
    }
}

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

const PAUSE: Duration = Duration::from_millis(5);
