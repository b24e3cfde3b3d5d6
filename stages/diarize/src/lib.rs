//! Diarize: finds who speaks when in each channel. A stage between segment and align, independent of transcription.
//!
//! ```text
//! PCM, spans -> regions (speech by frames) -> windows -> embeddings -> clusters -> hidden Markov model -> turns
//!             └─────────────────────────────> overlap and changes by frames ──────────────────────────────┘
//! ```
//!
//! A speaker is a voice within one channel of one recording, with a label (`S1`); nobody is identified. The stage keeps no
//! embedding of a voice.
//!
//! | item | purpose |
//! |---|---|
//! | [`Diarizer`] | the stage |
//! | [`DiarizeConfig`], [`SpeakerCount`] | its settings |
//! | [`VoiceEncoder`] | one embedding per speaker, for comparisons between recordings |
//!
//! # Example
//!
//! ```
//! use diarize::{DiarizeConfig, Diarizer};
//! use stage_core::{Pcm, SpeechSegments, SpeechSpan, Stage};
//!
//! // A reading at 8 kHz, converted to 16 kHz: each sample twice.
//! let mut file = hound::WavReader::open("../../fixtures/calls/reading.wav")?;
//! let samples = file.samples::<i16>().map(|sample| sample.map(|sample| [f32::from(sample) / 32_768.0; 2]));
//! let pcm = Pcm::from_channels(vec![samples.collect::<Result<Vec<_>, _>>()?.concat()]);
//! let span = SpeechSpan { channel: 0, start_s: 0.6, end_s: 7.7, probability: 1.0 };
//! let segments = SpeechSegments { spans: vec![span], ..SpeechSegments::of_windows(Vec::new()) };
//!
//! let found = Diarizer::new(DiarizeConfig::default())?.run((&pcm, &segments))?;
//! assert_eq!(found.speakers.len(), 1, "{found:?}");
//! assert!(found.turns.iter().all(|turn| turn.speaker == "S1"), "{found:?}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod blocks;
mod changes;
mod cluster;
mod config;
mod error;
mod hmm;
mod linkage;
mod region;
mod stage;
mod turns;
mod voice;
mod windows;

pub use config::{DiarizeConfig, MOST_SPEAKERS, ParseSpeakerCountError, SpeakerCount};
pub use stage::Diarizer;
pub use voice::{Voice, VoiceEncoder};
