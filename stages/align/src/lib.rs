//! Align: turns the transcript's tokens into words with times.
//!
//! ```text
//! token groups -> words with times -> onto sound -> boundaries at energy onsets and offsets -> guarantees
//!                      |                                 ^
//!                      +-> pronunciation variants -> symbols -> Wav2Vec2 -> trellis
//! ```
//!
//! The recognizer's times (Whisper's cross-attention is accurate to about 50 ms inside speech) place a word's end where
//! the next word begins; speech activity removes the silences from the words. With a CTC model, the characters of the
//! words are aligned with the audio instead. If that fails, the words keep the recognizer's times. Each word states its
//! method. [`Aligner`] reads only the transcript, the spans and the samples, so it can run again without the model that
//! transcribed.

mod alignment;
mod emissions;
mod error;
mod model;
mod monotonic;
mod normalize;
mod refine;
mod sound;
mod speech;
mod stage;
mod symbols;
mod trellis;
mod utterance;
mod words;

pub use model::AlignModel;
pub use models::wav2vec2::Wav2Vec2Files;
pub use models::{ModelError, ModelSource, ParseModelSourceError};
pub use stage::{AlignConfig, Aligner};
