//! `If-Match` and `If-None-Match` headers.

#![cfg_attr(fuzzing, no_main)]

wharf_fuzz::fuzz_target!(wharf_fuzz::precondition::precondition);
