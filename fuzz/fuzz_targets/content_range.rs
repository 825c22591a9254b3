//! `Content-Range` headers of chunks.

#![cfg_attr(fuzzing, no_main)]

wharf_fuzz::fuzz_target!(wharf_fuzz::ranges::content_range);
