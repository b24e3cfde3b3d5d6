//! What a stage is, as its crate implements it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Flow, Inputs, IntoArtifacts, StageError, StageSpec};

/// What enters a stage's fingerprint beside its inputs: see [`crate::StageKey`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// The settings that the stage reads, with the unit in each name.
    pub settings: Value,
    /// SHA-256 of the model's files, where there is a model.
    pub model_sha256: Option<String>,
    /// Numeric type and kernel family, where there is a model.
    pub numeric: Option<String>,
}

impl Identity {
    /// The identity of a stage without a model.
    #[must_use]
    pub const fn without_model(settings: Value) -> Self {
        Self { settings, model_sha256: None, numeric: None }
    }
}

/// One step of the data flow: artifacts in, artifacts out, nothing else. A stage reads no environment, writes no file
/// and knows no other stage.
pub trait Stage: Send + Sync + 'static {
    /// Name, inputs, outputs and phases.
    const SPEC: StageSpec;
    /// What it reads.
    type Input<'a>;
    /// What it makes.
    type Output: IntoArtifacts;

    /// Settings and model, for the fingerprint.
    fn identity(&self) -> Identity;

    /// Takes what the stage reads from a recording's artifacts.
    ///
    /// # Errors
    /// Class `Bug`: an input is not declared or not there.
    fn input<'a>(inputs: &Inputs<'a>) -> Result<Self::Input<'a>, StageError>;

    /// Makes the artifacts on the CPU (for a [`DeviceStage`]: all three phases, one after the other).
    ///
    /// # Errors
    /// A [`StageError`], classed by what the scheduler should do about it.
    fn run(&self, input: Self::Input<'_>) -> Result<Self::Output, StageError>;
}

/// A stage with a model on a device: its work is split, so that the device never waits for the CPU.
pub trait DeviceStage: Stage {
    /// The prepared input of one row of a device batch, such as a mel window.
    type ModelInput: Send + Sync + 'static;
    /// The output of the model for one input, which a checkpoint inside a long recording holds.
    type ModelOutput: Send + Serialize + DeserializeOwned + 'static;

    /// CPU lane: emits the inputs of one recording with their indices, in order and one at a time, so that memory stays
    /// bounded; inputs whose outputs are stored (`is_done`) are not prepared. `emit` blocks while the device lane is
    /// busy and returns false when the work is no longer wanted. Returns the number of inputs, stored ones included.
    ///
    /// # Errors
    /// A [`StageError`] for input that cannot be prepared.
    fn prepare(
        &self,
        input: Self::Input<'_>,
        is_done: &dyn Fn(usize) -> bool,
        emit: &mut dyn FnMut(usize, Self::ModelInput) -> bool,
    ) -> Result<usize, StageError>;

    /// An input's share of its recording's length in seconds, for progress: those of all inputs that
    /// [`prepare`](Self::prepare) counts sum to the length. It is not asked for inputs of follow-ups.
    fn input_audio_s(&self, input: Self::Input<'_>, index: usize) -> f64;

    /// Device lane: loads the model. Called once before the first work on the device, and never in a process without
    /// any.
    ///
    /// # Errors
    /// A [`StageError`] that every recording fails with that needs the device.
    fn load(&self) -> Result<(), StageError>;

    /// Device lane: computes something small that works wherever the device and the model do, to tell a broken device
    /// from a broken recording.
    ///
    /// # Errors
    /// The device or the model does not work.
    fn health_probe(&self) -> Result<(), StageError>;

    /// Device lane: draws inputs, possibly of several recordings, and completes each once through the flow, until the
    /// flow gives none and every input drawn is complete. It reports [progress](Flow::progressed) after each step of
    /// work: without a step for minutes it is taken to hang.
    ///
    /// # Errors
    /// A [`StageError`]; class `Device` when the device and not the input is at fault. Outputs given before it are
    /// kept.
    fn infer(&self, flow: &mut dyn Flow<Self::ModelInput, Self::ModelOutput>) -> Result<(), StageError>;

    /// CPU lane, each time that every input so far is complete: emits the inputs that depend on those outputs (a window
    /// whose language the other windows decide; the next window, prompted with the text before it), with indices from
    /// `outputs.len()` on, as [`DeviceStage::prepare`] does. Returns their number; after 0 the outputs are complete.
    /// What it emits depends on its arguments alone, so that an interrupted run asks for the same inputs again.
    ///
    /// # Errors
    /// A [`StageError`] for input that cannot be prepared.
    fn follow_up(
        &self,
        _input: Self::Input<'_>,
        _outputs: &[Self::ModelOutput],
        _emit: &mut dyn FnMut(usize, Self::ModelInput) -> bool,
    ) -> Result<usize, StageError> {
        Ok(0)
    }

    /// CPU lane: turns the outputs, in the order of the inputs (those of follow-ups last), into the artifacts.
    ///
    /// # Errors
    /// A [`StageError`] for outputs that make no artifact.
    fn finish(&self, input: Self::Input<'_>, outputs: Vec<Self::ModelOutput>) -> Result<Self::Output, StageError>;
}
