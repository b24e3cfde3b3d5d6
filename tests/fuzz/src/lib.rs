//! Fuzz targets: functions that take any bytes and panic if a property is violated. Each module also has the corpus
//! from which inputs are mutated.
//!
//! The tests of this crate run each target on a bounded number of inputs with fixed seeds, on stable Rust. `fuzz/` runs
//! the same functions under cargo-fuzz.
#![expect(clippy::unwrap_used, reason = "a target that cannot prepare its input must stop")]

pub mod decode;
pub mod lexicon;
mod mutate;
pub mod protocol;
pub mod store;

pub use mutate::mutated;
