//! Segment: finds spans of speech and packs them into windows for transcription. The second stage of the pipeline.
//!
//! ```text
//! PCM -> levels and speech probabilities (one pass) -> spans -> without crosstalk -> cut at the quietest point -> windows
//! ```
//!
//! A voice activity detector assigns each frame a probability of speech: Silero VAD, with weights from the program or from
//! a file, or the energy detector, which compares energy with the noise. Without a detector everything is speech.
//! Hysteresis and minimum lengths of speech and silence turn probabilities into spans. Spans are packed greedily into
//! windows that the model can decode at once. Detected speech that is not transcribed is listed with its reason.
//!
//! | item | purpose |
//! |---|---|
//! | [`Segmenter`] | the stage: reads every channel once, in blocks |
//! | [`SegmentConfig`], [`VadChoice`] | thresholds and lengths; the detector |
//! | [`CrosstalkConfig`] | when speech of one channel counts as crosstalk from another |
//!
//! # Example
//!
//! A reading of eight seconds with three seconds of silence after it:
//!
//! ```
//! use segment::{SegmentConfig, Segmenter};
//! use stage_core::{Pcm, Stage};
//!
//! // 8 kHz to 16 kHz: each sample twice.
//! let mut file = hound::WavReader::open("../../fixtures/calls/reading.wav")?;
//! let samples = file.samples::<i16>().map(|sample| sample.map(|sample| [f32::from(sample) / 32_768.0; 2]));
//! let mut channel = samples.collect::<Result<Vec<_>, _>>()?.concat();
//! let reading_s = channel.len() as f64 / 16_000.0;
//! channel.extend([0.0; 3 * 16_000]);
//!
//! let found = Segmenter::new(SegmentConfig::default())?.run(&Pcm::from_channels(vec![channel]))?;
//! assert_eq!((found.vad.name.as_str(), found.windows.len()), ("silero", 1));
//! assert!(found.spans.iter().all(|span| span.end_s < reading_s + 0.2), "no speech in the silence");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod channel;
mod config;
mod correlator;
mod crosstalk;
mod duplicate;
mod error;
mod quiet;
mod similar;
mod spans;
mod stage;
mod vad;
mod windows;

pub use config::{CrosstalkConfig, ParseVadError, SegmentConfig, VadChoice};
pub use stage::Segmenter;
