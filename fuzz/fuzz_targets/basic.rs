//! `Authorization` headers of HTTP Basic authentication.

#![cfg_attr(fuzzing, no_main)]

wharf_fuzz::fuzz_target!(wharf_fuzz::basic::basic);
