//! See `tests/fuzz/src/decode.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::decode::check(bytes));
