//! The interface of a speech recognizer family: audio windows in, texts with token times out.
//!
//! ```text
//! next_passes -> prepare (CPU) -> infer (device) -> next_passes ... until it returns none -> finish
//! ```
//!
//! A family implements [`TypedRecognizer`] with its own types. [`Recognizer`] is the same interface with the types
//! erased, so that callers do not depend on a family.

mod config;
mod erased;
mod speech_model;

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stage_core::{Dropped, Flow, PhoneEmissions, Segment, Window};

use crate::ModelError;

pub use config::{Task, TranscribeConfig, UnknownTask};
pub use erased::{Output, Unit, compact_json};
pub use speech_model::SpeechModel;

/// The audio of a decode pass: the samples of one window and their measurements.
///
/// ```
/// use models::WindowAudio;
///
/// let audio = WindowAudio::of_samples(vec![0.0; 16_000]);
/// assert!(audio.sounding.is_empty(), "speech activity was not measured");
/// ```
#[derive(Debug, Clone)]
pub struct WindowAudio {
    /// Samples at 16 kHz.
    pub samples: Vec<f32>,
    /// Whether each whole 20 ms contains speech. Empty if it was not measured.
    pub sounding: Vec<bool>,
    /// Level of the loudest 20 ms, in dB of full scale.
    pub loudest_dbfs: f32,
    /// Difference between the 95th and the 10th percentile of the levels of 20 ms frames, in dB.
    pub contrast_db: f32,
}

impl WindowAudio {
    /// Wraps samples without measurements.
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
    /// The language to decode in, if other windows determined it.
    pub language: Option<String>,
    /// Tokens of the text before the window.
    pub prompt: Vec<u32>,
}

impl Pass {
    /// The first pass of a window: without a prompt, and in no given language.
    #[must_use]
    pub const fn of_window(window: usize) -> Self {
        Self { window, language: None, prompt: Vec::new() }
    }
}

/// The segments of a window, or the reason why it was dropped.
pub type WindowText = Result<Vec<Segment>, Dropped>;

/// A recognizer with its own types. Every one implements [`Recognizer`].
pub trait TypedRecognizer: Debug + Send + Sync {
    /// The prepared input of one decode pass.
    type Unit: Send + Sync + 'static;
    /// The model's output for one unit, which a window checkpoint stores.
    type Output: Send + Serialize + DeserializeOwned;

    /// The model.
    fn model(&self) -> &dyn SpeechModel;

    /// A recognizer with other settings that shares the weights, whether they are loaded before or after.
    ///
    /// # Errors
    /// As [`SpeechModel::recognizer`].
    fn with_config(&self, config: TranscribeConfig) -> Result<Self, ModelError>
    where
        Self: Sized;

    /// The settings that the model reads, for the fingerprint. The device is not among them.
    fn settings(&self) -> Value;

    /// The numeric type that the model computes in (`f32`), for the fingerprint.
    fn numeric(&self) -> String;

    /// Loads the weights onto the device. Further calls do nothing.
    ///
    /// # Errors
    /// The device cannot be used, or the weights are unreadable, truncated or do not match the model.
    fn load(&self) -> Result<(), ModelError>;

    /// Prepares the input of a decode pass, on the CPU.
    fn prepare(&self, audio: &WindowAudio, pass: Pass) -> Self::Unit;

    /// Runs on the device: draws units and completes each of them once, until the flow is empty. Calls
    /// [`Flow::progressed`] after each step.
    ///
    /// [`ModelError::NotLoaded`], or [`ModelError::Inference`] if the computation fails. Outputs completed before the
    /// failure remain valid.
    fn infer(&self, flow: &mut dyn Flow<Self::Unit, Self::Output>) -> Result<(), ModelError>;

    /// The passes that follow those of the given outputs, in order: all first passes if there are no outputs yet, then
    /// follow-ups that depend on the outputs. Empty if the outputs are complete. The result depends only on the
    /// arguments, so an interrupted run requests the same passes again.
    fn next_passes(&self, windows: &[Window], outputs: &[Self::Output]) -> Vec<Pass> {
        (outputs.len()..windows.len()).map(Pass::of_window).collect()
    }

    /// The text of every window, in order. `None` if outputs are missing.
    fn finish(&self, windows: &[Window], outputs: &[Self::Output]) -> Option<Vec<WindowText>>;

    /// The sounds of every window, for word times. Empty if the model does not recognize sounds.
    fn phone_emissions(&self, _windows: &[Window], _outputs: &[Self::Output]) -> PhoneEmissions {
        PhoneEmissions::default()
    }
}

/// A recognizer of any family: [`TypedRecognizer`] with the types erased.
pub trait Recognizer: Debug + Send + Sync {
    /// See [`TypedRecognizer::model`].
    fn model(&self) -> &dyn SpeechModel;

    /// See [`TypedRecognizer::with_config`].
    ///
    /// # Errors
    /// See [`TypedRecognizer::with_config`].
    fn with_config(&self, config: TranscribeConfig) -> Result<Box<dyn Recognizer>, ModelError>;

    /// See [`TypedRecognizer::settings`].
    fn settings(&self) -> Value;

    /// See [`TypedRecognizer::numeric`].
    fn numeric(&self) -> String;

    /// See [`TypedRecognizer::load`].
    ///
    /// # Errors
    /// See [`TypedRecognizer::load`].
    fn load(&self) -> Result<(), ModelError>;

    /// See [`TypedRecognizer::prepare`].
    fn prepare(&self, audio: &WindowAudio, pass: Pass) -> Unit;

    /// See [`TypedRecognizer::infer`].
    ///
    /// # Errors
    /// See [`TypedRecognizer::infer`]; [`ModelError::ForeignUnit`] if a unit belongs to another family.
    fn infer(&self, flow: &mut dyn Flow<Unit, Output>) -> Result<(), ModelError>;

    /// See [`TypedRecognizer::next_passes`].
    ///
    /// # Errors
    /// [`ModelError::ForeignOutput`] if an output belongs to another family.
    fn next_passes(&self, windows: &[Window], outputs: &[Output]) -> Result<Vec<Pass>, ModelError>;

    /// See [`TypedRecognizer::finish`].
    ///
    /// # Errors
    /// [`ModelError::ForeignOutput`] if an output belongs to another family.
    fn finish(&self, windows: &[Window], outputs: &[Output]) -> Result<Option<Vec<WindowText>>, ModelError>;

    /// See [`TypedRecognizer::phone_emissions`].
    ///
    /// # Errors
    /// [`ModelError::ForeignOutput`] if an output belongs to another family.
    fn phone_emissions(&self, windows: &[Window], outputs: &[Output]) -> Result<PhoneEmissions, ModelError>;
}
