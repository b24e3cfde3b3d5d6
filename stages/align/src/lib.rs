//! Align: the transcript's tokens as words with times.
//!
//! ```text
//! token pieces -> words with the attention's times -> onto sound -> boundaries at energy onsets and offsets -> guarantees
//!                   |                                            ^
//!                   +-> readings -> symbols -> Wav2Vec2 -> trellis
//! ```
//!
//! Times from cross-attention are good to about 50 ms inside speech and put a word's end where the next begins; speech
//! activity takes words off the silences. With a CTC model the words' characters are found in the sound instead; where
//! that fails, the attention's times stand, and each word says which it was. [`Aligner`] reads only the transcript, the spans and the samples, so that it runs again without
//! the model that transcribed.

mod ctc;
mod embedded;
mod emissions;
mod error;
mod line;
mod model;
#[cfg(test)]
mod oracle;
mod refine;
mod settle;
mod sound;
mod speech;
mod spoken;
mod stage;
mod trellis;
mod vocabulary;
mod wav2vec2;
mod words;

pub use error::ModelError;
pub use model::AlignModel;
pub use nn::{ModelSource, ParseModelSourceError};
pub use stage::{AlignConfig, Aligner};
pub use wav2vec2::AlignFiles;
