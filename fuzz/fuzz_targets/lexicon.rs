//! See `tests/fuzz/src/lexicon.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::lexicon::check(bytes));
