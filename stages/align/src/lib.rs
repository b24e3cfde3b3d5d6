//! Align: turns the transcript's tokens into words with times. The fourth stage of the pipeline.
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
//! method.
//!
//! | item | purpose |
//! |---|---|
//! | [`Aligner`] | the stage: reads only the transcript, the spans and the samples, so it can run again without the model that transcribed |
//! | [`AlignConfig`] | search ranges and limits |
//! | [`AlignModel`], [`Wav2Vec2Files`] | the source of word times, as users name it; the files of a CTC model |
//!
//! # Example
//!
//! Two words of a recognizer that touch, around half a second of silence:
//!
//! ```
//! use align::{AlignConfig, Aligner};
//! use stage_core::{Pcm, PhoneEmissions, Segment, Speakers, SpeechSegments, Stage, TokenGroup, Transcript};
//!
//! let tone = |n: usize| 0.3 * (n as f32 * 0.12).sin();
//! let sounds = |n: usize| (1_600..9_600).contains(&n) || (17_600..28_800).contains(&n);
//! let pcm = Pcm::from_channels(vec![(0..32_000).map(|n| if sounds(n) { tone(n) } else { 0.0 }).collect()]);
//!
//! let group = |text: &str, start_s, end_s| TokenGroup { ids: vec![1], text: text.to_owned(), start_s, end_s, logprob: -0.1 };
//! let segment = Segment {
//!     token_groups: vec![group(" good", 0.1, 1.1), group(" morning", 1.1, 1.8)],
//!     ..Segment::of_text(0, (0.0, 2.0), "good morning", "en")
//! };
//! let transcript = Transcript { model: "none".to_owned(), segments: vec![segment], dropped: Vec::new() };
//! let speech = SpeechSegments::of_windows(Vec::new());
//!
//! let aligned = Aligner::new(AlignConfig::default()).run((&pcm, &speech, &Speakers::default(), &transcript, &PhoneEmissions::default()))?;
//! let [good, morning] = &aligned.words[..] else { panic!("two words") };
//! assert!((good.end_s - 0.6).abs() < 0.02 && (morning.start_s - 1.1).abs() < 0.02, "no word covers the silence");
//! # Ok::<(), stage_core::PipelineError>(())
//! ```

mod alignment;
mod emissions;
mod error;
mod hangul;
mod model;
mod monotonic;
mod normalize;
mod phones;
mod pronounce;
mod refine;
mod sound;
mod speakers;
mod spectrum;
mod speech;
mod stage;
mod symbols;
mod trellis;
mod utterance;
mod words;

pub use model::{AlignModel, ParseAlignModelError};
pub use models::wav2vec2::Wav2Vec2Files;
pub use models::{ModelError, ModelSource};
pub use stage::{AlignConfig, Aligner};
