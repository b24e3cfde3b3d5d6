//! Whisper (Radford et al. 2022): windows of speech to text with token times, with model code of its own.
//!
//! ```text
//! window -> log-mel (CPU) -> encoder -> decoding with fallback -> token times from cross-attention -> segments
//! ```
//!
//! Token ids are never written down here: every special token is found by its name in `tokenizer.json`, and must be
//! where the configuration files say.

mod decoding;
mod diagnostics;
mod embedded;
mod files;
mod mel;
mod model_config;
mod network;
#[cfg(test)]
mod parity;
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

/// The family.
pub(super) static FAMILY: Family = Family {
    name: "whisper",
    architectures: &["WhisperForConditionalGeneration"],
    model_type: "whisper",
    open: |folder| Ok(Box::new(WhisperFiles::read(folder)?)),
};
