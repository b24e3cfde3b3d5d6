//! The traits that a stage's crate implements.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Flow, Inputs, IntoArtifacts, PipelineError, StageSpec};

/// The parts of a stage's fingerprint besides its inputs: see [`crate::StageKey`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// The settings that the stage reads, with the unit in each name.
    pub settings: Value,
    /// SHA-256 of the model's files, if the stage has a model.
    pub model_sha256: Option<String>,
    /// Numeric type and kernel family, if the stage has a model.
    pub numeric: Option<String>,
    /// SHA-256 of each of the model's files, as `sha256sum` prints it, by file name. Not part of the fingerprint, which
    /// contains `model_sha256`. Empty in recipes of versions that did not record them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub model_files: BTreeMap<String, String>,
}

impl Identity {
    /// The identity of a stage without a model.
    #[must_use]
    pub const fn without_model(settings: Value) -> Self {
        Self { settings, model_sha256: None, numeric: None, model_files: BTreeMap::new() }
    }
}

/// One step of the data flow, which turns artifacts into artifacts without other effects. A stage reads no environment
/// variables, writes no files and does not depend on other stages.
pub trait Stage: Send + Sync + 'static {
    /// Name, inputs, outputs and phases.
    const SPEC: StageSpec;
    /// The artifacts that it reads.
    type Input<'a>;
    /// The artifacts that it computes.
    type Output: IntoArtifacts;

    /// Settings and model, for the fingerprint.
    fn identity(&self) -> Identity;

    /// Selects the stage's inputs from a recording's artifacts.
    ///
    /// # Errors
    /// Class `Bug`: an input is not declared or is missing.
    fn input<'a>(inputs: &Inputs<'a>) -> Result<Self::Input<'a>, PipelineError>;

    /// Computes the artifacts on the CPU (for a [`DeviceStage`]: all three phases, one after the other).
    ///
    /// # Errors
    /// A [`PipelineError`], whose class determines how the scheduler handles it.
    fn run(&self, input: Self::Input<'_>) -> Result<Self::Output, PipelineError>;
}

/// A stage with a model on a device. Its work is split into phases, so that the device does not wait for the CPU.
pub trait DeviceStage: Stage {
    /// The prepared input of one row of a device batch, such as a mel window.
    type ModelInput: Send + Sync + 'static;
    /// The output of the model for one input. It is stored as a checkpoint within a long recording.
    type ModelOutput: Send + Serialize + DeserializeOwned + 'static;

    /// CPU lane: emits the inputs of one recording with their indices, in order and one at a time, so that memory stays
    /// bounded. Inputs whose outputs are stored (`is_done`) are not prepared. `emit` blocks while the device lane is
    /// busy, and returns false when the work has been canceled. Returns the number of inputs, including those with
    /// stored outputs.
    ///
    /// # Errors
    /// A [`PipelineError`] for input that cannot be prepared.
    fn prepare(
        &self,
        input: Self::Input<'_>,
        is_done: &dyn Fn(usize) -> bool,
        emit: &mut dyn FnMut(usize, Self::ModelInput) -> bool,
    ) -> Result<usize, PipelineError>;

    /// The seconds of the recording that an input accounts for, used for progress. The values of all inputs that
    /// [`prepare`](Self::prepare) counts sum to the recording's length. Not called for inputs of follow-ups.
    fn input_audio_s(&self, input: Self::Input<'_>, index: usize) -> f64;

    /// Device lane: loads the model. Called once before the first work on the device, and never in a process that has
    /// no such work.
    ///
    /// # Errors
    /// A [`PipelineError`], which applies to every recording that needs the device.
    fn load(&self) -> Result<(), PipelineError>;

    /// Device lane: runs a small computation that succeeds whenever the device and the model work. It distinguishes a
    /// broken device from a broken recording.
    ///
    /// # Errors
    /// The device or the model does not work.
    fn health_probe(&self) -> Result<(), PipelineError>;

    /// Device lane: draws inputs, possibly of several recordings, and completes each once through the flow, until the
    /// flow returns `None` and every drawn input is complete. It [reports progress](Flow::progressed) after each step of
    /// work; without a report for minutes it is considered hung.
    ///
    /// # Errors
    /// A [`PipelineError`], of class `Device` if the device, not the input, is at fault. Outputs completed before the
    /// error are kept.
    fn infer(&self, flow: &mut dyn Flow<Self::ModelInput, Self::ModelOutput>) -> Result<(), PipelineError>;

    /// CPU lane: called whenever all inputs so far are complete. Emits the inputs that depend on those outputs (a
    /// window whose language is determined by the other windows; the next window, prompted with the preceding text),
    /// with indices starting at `outputs.len()`, as [`DeviceStage::prepare`] does. Returns their number; 0 means that
    /// the outputs are complete. It must depend only on its arguments, so that an interrupted run requests the same
    /// inputs again.
    ///
    /// # Errors
    /// A [`PipelineError`] for input that cannot be prepared.
    fn follow_up(
        &self,
        _input: Self::Input<'_>,
        _outputs: &[Self::ModelOutput],
        _emit: &mut dyn FnMut(usize, Self::ModelInput) -> bool,
    ) -> Result<usize, PipelineError> {
        Ok(0)
    }

    /// CPU lane: converts the outputs, in the order of the inputs (those of follow-ups last), to the artifacts.
    ///
    /// # Errors
    /// A [`PipelineError`] for outputs that cannot be converted to an artifact.
    fn finish(&self, input: Self::Input<'_>, outputs: Vec<Self::ModelOutput>) -> Result<Self::Output, PipelineError>;
}
