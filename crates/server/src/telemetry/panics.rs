//! Panics, in the log instead of beside it.

use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    panic,
    time::Duration,
};

/// Logs panics from now on; with the stack if the environment asks for it (`RUST_BACKTRACE`).
pub(super) fn log() {
    panic::set_hook(Box::new(|panic| {
        let reason = reason(panic.payload());
        let location = panic.location().map(ToString::to_string);
        let stack = Backtrace::capture();
        let stack = (stack.status() == BacktraceStatus::Captured).then(|| stack.to_string());
        tracing::error!(location, stack, "panic: {reason}");
        // It may be the last thing that happens: a panic during a panic ends the process here.
        super::flush(PATIENCE);
    }));
}

/// What a panic says.
pub(crate) fn reason(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given")
}

/// How long a panic waits for a stream that takes nothing; the server may well go on after it.
const PATIENCE: Duration = Duration::from_millis(100);
