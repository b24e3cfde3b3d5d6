//! Align: the transcript's tokens as words with times, refined to where the sound begins and ends.
//!
//! ```text
//! token pieces -> words with the attention's times -> boundaries at energy onsets and offsets -> guarantees
//! ```
//!
//! Times from cross-attention are good to about 100 ms and put a word's end where the next begins. [`Aligner`] reads
//! only the transcript, the spans and the samples, so that it runs again without the model.

mod error;
mod refine;
mod settle;
mod sound;
#[cfg_attr(not(test), expect(dead_code, reason = "the forced alignment that reads it comes next"))]
mod spoken;
mod stage;
mod words;

pub use stage::{AlignConfig, Aligner};
