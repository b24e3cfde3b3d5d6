//! See `tests/fuzz/src/protocol.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::protocol::check(bytes));
