//! `Link` to the next page, and the query it is followed with.

#![cfg_attr(fuzzing, no_main)]

wharf_fuzz::fuzz_target!(wharf_fuzz::location::link);
