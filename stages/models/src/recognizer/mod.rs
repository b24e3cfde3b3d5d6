//! The interface of a family of speech recognizers: windows in, texts with token times out.
//!
//! ```text
//! next_passes -> prepare (CPU) -> infer (device) -> next_passes ... until there are none -> finish
//! ```
//!
//! A family implements [`TypedRecognizer`] with types of its own; [`Recognizer`] is the same with the types erased, so
//! that everything above knows no family.

mod config;
mod erased;
mod speech_model;

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stage_core::{Dropped, Flow, Segment, Window};

use crate::ModelError;

pub use config::{Task, TranscribeConfig, UnknownTask};
pub use erased::{Output, Unit, compact_json};
pub use speech_model::SpeechModel;

/// The audio of a pass: one window's samples and their measurements.
#[derive(Debug, Clone)]
pub struct WindowAudio {
    /// Samples at 16 kHz.
    pub samples: Vec<f32>,
    /// Of each whole 20 ms, whether speech sounds in it; empty where that was not measured.
    pub sounding: Vec<bool>,
    /// Level of the loudest 20 ms, in dB of full scale.
    pub loudest_dbfs: f32,
    /// How far its loud parts are above its quiet ones, in dB: the 95th percentile of the levels of 20 ms less the
    /// 10th.
    pub contrast_db: f32,
}

impl WindowAudio {
    /// Samples without measurements.
    #[must_use]
    pub const fn of_samples(samples: Vec<f32>) -> Self {
        Self { samples, sounding: Vec::new(), loudest_dbfs: 0.0, contrast_db: f32::INFINITY }
    }
}

/// One decoding of one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Index of the window.
    pub window: usize,
    /// The language to decode in, where the other windows decided it.
    pub language: Option<String>,
    /// Text before the window, as tokens.
    pub prompt: Vec<u32>,
}

impl Pass {
    /// A window decoded for itself.
    #[must_use]
    pub const fn of_window(window: usize) -> Self {
        Self { window, language: None, prompt: Vec::new() }
    }
}

/// The segments of a window, or why it has none.
pub type WindowText = Result<Vec<Segment>, Dropped>;

/// A recognizer with types of its own; every one is a [`Recognizer`].
pub trait TypedRecognizer: Debug + Send + Sync {
    /// The prepared input of one pass.
    type Unit: Send + Sync + 'static;
    /// The model's output for it: the content of a window checkpoint.
    type Output: Send + Serialize + DeserializeOwned;

    /// The model.
    fn model(&self) -> &dyn SpeechModel;

    /// The settings that it reads, for the fingerprint; the device is not among them.
    fn settings(&self) -> Value;

    /// The numeric type that it computes in (`f32`), for the fingerprint.
    fn numeric(&self) -> String;

    /// Brings the weights onto the device, once; further calls do nothing.
    ///
    /// # Errors
    /// The device cannot be used, or the weights are unreadable, truncated or do not fit the model.
    fn load(&self) -> Result<(), ModelError>;

    /// CPU: the input of a pass.
    fn prepare(&self, audio: &WindowAudio, pass: Pass) -> Self::Unit;

    /// Device: draws inputs and answers each once, until the flow gives none; calls [`Flow::progressed`] after each
    /// step.
    ///
    /// # Errors
    /// [`ModelError::NotLoaded`], or [`ModelError::Inference`] where the computation fails. Answers given before it
    /// stand.
    fn infer(&self, flow: &mut dyn Flow<Self::Unit, Self::Output>) -> Result<(), ModelError>;

    /// The passes behind those that these outputs answer, in order: all first passes where there are none yet, then
    /// follow-ups that depend on the outputs. None: the outputs are complete. Depends on its arguments alone, so that
    /// an interrupted run asks for the same passes again.
    fn next_passes(&self, windows: &[Window], outputs: &[Self::Output]) -> Vec<Pass> {
        (outputs.len()..windows.len()).map(Pass::of_window).collect()
    }

    /// The text of every window, in their order; nothing where outputs are missing.
    fn finish(&self, windows: &[Window], outputs: &[Self::Output]) -> Option<Vec<WindowText>>;
}

/// A recognizer of any family: as [`TypedRecognizer`], with the types erased.
pub trait Recognizer: Debug + Send + Sync {
    /// See [`TypedRecognizer::model`].
    fn model(&self) -> &dyn SpeechModel;

    /// See [`TypedRecognizer::settings`].
    fn settings(&self) -> Value;

    /// See [`TypedRecognizer::numeric`].
    fn numeric(&self) -> String;

    /// See [`TypedRecognizer::load`].
    ///
    /// # Errors
    /// As there.
    fn load(&self) -> Result<(), ModelError>;

    /// See [`TypedRecognizer::prepare`].
    fn prepare(&self, audio: &WindowAudio, pass: Pass) -> Unit;

    /// See [`TypedRecognizer::infer`].
    ///
    /// # Errors
    /// As there; [`ModelError::ForeignUnit`] where a unit is another family's.
    fn infer(&self, flow: &mut dyn Flow<Unit, Output>) -> Result<(), ModelError>;

    /// See [`TypedRecognizer::next_passes`].
    ///
    /// # Errors
    /// [`ModelError::ForeignOutput`] where an output is another family's.
    fn next_passes(&self, windows: &[Window], outputs: &[Output]) -> Result<Vec<Pass>, ModelError>;

    /// See [`TypedRecognizer::finish`].
    ///
    /// # Errors
    /// [`ModelError::ForeignOutput`] where an output is another family's.
    fn finish(&self, windows: &[Window], outputs: &[Output]) -> Result<Option<Vec<WindowText>>, ModelError>;
}
