//! Fuzz targets: one function for each parser of what a client sends.
//!
//! A target takes bytes and panics when something does not hold that should: beyond "nothing
//! panics", what is read prints back, agrees with a second opinion on the grammar, and leads
//! nowhere it should not. It is not the place for tables of examples; those stand beside the
//! parsers.
//!
//! The tests run each target on the examples in `seeds/` and on a fixed number of changed ones.
//! `cargo fuzz` runs the same functions for as long as one likes, guided by what they reach.
//!
//! In reading order: [`input`] cuts bytes into what a target needs; [`grammar`] is about names,
//! [`accept`], [`manifest`], [`ranges`] and [`precondition`] about content, [`endpoint`],
//! [`location`] and [`state`] about requests, [`basic`] and [`challenge`] about who sends them.

pub mod input;

pub mod accept;
pub mod basic;
pub mod challenge;
pub mod endpoint;
pub mod grammar;
pub mod location;
pub mod manifest;
pub mod precondition;
pub mod ranges;
pub mod state;

/// Makes a program of a target. Outside of `cargo fuzz` it has no engine and only says so.
#[macro_export]
macro_rules! fuzz_target {
    ($target:path) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $target(data));

        #[cfg(not(fuzzing))]
        fn main() -> Result<(), &'static str> {
            Err("a fuzz target has no engine of its own: see CONTRIBUTING.md")
        }
    };
}
