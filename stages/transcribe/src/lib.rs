//! Windows of speech to text with token times: Whisper on candle, with model code of its own.
//!
//! ```text
//! window -> log-mel (CPU) -> encoder -> decoding with guards -> token times from cross-attention -> segments
//! ```
//!
//! [`ModelFiles`] finds a model in the Hugging Face layout (embedded, a directory, the hub); [`Transcriber`] is the
//! stage. Token ids are never written down here: every special token is found by its name in `tokenizer.json`, and must
//! be where the configuration files say.

mod config;
mod decoding;
mod embedded;
mod error;
mod files;
mod mel;
mod model;
#[cfg(test)]
mod parity;
mod passes;
mod pieces;
mod precision;
mod quantise;
mod segments;
mod settings;
mod tensors;
#[cfg(test)]
mod test_model;
mod times;
mod transcriber;
mod vocabulary;
mod window;

pub use error::{ModelError, VocabularyFault};
pub use files::ModelFiles;
pub use nn::{DeviceChoice, ModelSource, ParseModelSourceError};
pub use precision::{Precision, UnknownPrecision};
pub use quantise::{QuantiseError, quantise};
pub use settings::{Task, TranscribeConfig};
pub use transcriber::Transcriber;
pub use window::{Hypothesis, MelWindow};
