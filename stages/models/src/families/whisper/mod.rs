//! Whisper (Radford et al. 2022): speech recognition with token times, with this crate's own model code.
//!
//! ```text
//! window -> log-mel (CPU) -> encoder -> decoding with fallback -> token times from cross-attention -> segments
//! ```
//!
//! No token id is hard-coded: every special token is looked up by its name in `tokenizer.json`, and must match the ids
//! in the configuration files.

mod decoding;
mod diagnostics;
mod embedded;
mod files;
mod mel;
mod model_config;
mod network;
#[cfg(test)]
mod parity;
mod phone_head;
mod quantize;
mod recognizer;
mod segments;
mod tensors;
#[cfg(test)]
mod test_model;
mod times;
mod token_groups;
mod unit;
mod vocabulary;
mod vocabulary_fault;
mod window_scheduler;

pub use diagnostics::{RejectedAttempt, WhisperDiagnostics};
pub(super) use embedded::MODEL as EMBEDDED;
pub use files::WhisperFiles;
pub use quantize::{QuantizeError, quantize};
pub use recognizer::WhisperRecognizer;
pub use unit::{Hypothesis, MelWindow};

use super::Family;

/// The Whisper family.
pub(super) static FAMILY: Family = Family {
    name: "whisper",
    architectures: &["WhisperForConditionalGeneration"],
    model_type: "whisper",
    open: |folder| Ok(Box::new(WhisperFiles::read(folder)?)),
};
