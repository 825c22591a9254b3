//! `Location`, behind whatever proxy.

#![cfg_attr(fuzzing, no_main)]

wharf_fuzz::fuzz_target!(wharf_fuzz::location::location);
