//! Align: the transcript's tokens as words with times.
//!
//! ```text
//! token groups -> words with times -> onto sound -> boundaries at energy onsets and offsets -> guarantees
//!                      |                                 ^
//!                      +-> pronunciation variants -> symbols -> Wav2Vec2 -> trellis
//! ```
//!
//! The recognizer's times (Whisper's cross-attention is good to about 50 ms inside speech) put a word's end where the
//! next begins; speech activity takes words off the silences. With a CTC model the words' characters are aligned with
//! the audio instead; where that fails, the recognizer's times stand, and each word has its method. [`Aligner`] reads
//! only the transcript, the spans and the samples, so that it runs again without the model that transcribed.

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
