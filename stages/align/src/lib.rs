//! Align: the transcript's tokens as words with times, refined to where the sound begins and ends.
//!
//! ```text
//! token pieces -> words with the attention's times -> boundaries at energy onsets and offsets -> guarantees
//! ```
//!
//! Times from cross-attention are good to about 100 ms and put a word's end where the next begins. [`Aligner`] reads
//! only the transcript, the spans and the samples, so that it runs again without the model.

mod emissions;
mod error;
#[cfg(test)]
mod oracle;
mod refine;
mod settle;
mod sound;
mod stage;
mod trellis;
mod vocabulary;
mod wav2vec2;
mod words;

pub use error::ModelError;
pub use stage::{AlignConfig, Aligner};
pub use wav2vec2::AlignFiles;
