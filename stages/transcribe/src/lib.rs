//! Transcribe: turns windows of speech into text with token times. The third stage of the pipeline.
//!
//! ```text
//! window -> samples, levels, speech activity -> recognizer: prepare (CPU), infer (device), finish -> segments
//! ```
//!
//! | item | purpose |
//! |---|---|
//! | [`Transcriber`] | the stage: reads the windows, measures them, runs the passes and collects the transcript |
//! | [`open_model`], [`ModelSource`], [`SpeechModel`] | finds and describes a model |
//! | [`Recognizer`] | turns speech into text; it belongs to a family that the model's `config.json` selects |
//! | [`TranscribeConfig`], [`Compute`] | what to decode and how; device and numeric type |
//!
//! # Example
//!
//! The test model, which was trained on digits alone:
//!
//! ```
//! use stage_core::{Pcm, SpeechSegments, Stage, Window};
//! use transcribe::{Compute, ModelSource, TranscribeConfig, Transcriber, open_model};
//!
//! let model = open_model(&ModelSource::Directory("../../fixtures/models/test-tiny".into()))?;
//! let config = TranscribeConfig { languages: vec!["en".to_owned()], beam_size: 1, ..TranscribeConfig::default() };
//! let transcriber = Transcriber::new(model, config, Compute::default())?;
//! transcriber.load()?;
//!
//! // 8 kHz to 16 kHz: each sample twice.
//! let mut file = hound::WavReader::open("../../fixtures/calls/reading.wav")?;
//! let samples = file.samples::<i16>().map(|sample| sample.map(|sample| [f32::from(sample) / 32_768.0; 2]));
//! let pcm = Pcm::from_channels(vec![samples.collect::<Result<Vec<_>, _>>()?.concat()]);
//!
//! let windows = SpeechSegments::of_windows(vec![Window::without_spans(0, 0.0, 4.0)]);
//! let transcript = transcriber.run((&pcm, &windows))?.transcript;
//! assert_eq!(transcript.model, "test-tiny");
//! assert_eq!(transcript.segments.len() + transcript.dropped.len(), 1, "text, or the reason why there is none");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod audio;
mod sounding;
mod stage;

pub use audio::read as read_window;
pub use models::{
    Compute, DeviceChoice, ModelError, ModelSource, Output, ParseModelSourceError, Precision, Recognizer, SpeechModel,
    Task, TranscribeConfig, Unit, UnknownPrecision, architectures, open as open_model,
};
pub use stage::{Transcribed, Transcriber};
