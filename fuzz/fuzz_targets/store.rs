//! See `tests/fuzz/src/store.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::store::check(bytes));
