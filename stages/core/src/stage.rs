//! What a stage is.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Flow, StageError, StageKind};

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

/// One step of the data's way: artifacts in, one artifact out, nothing else. A stage reads no environment, writes no
/// file and knows no other stage.
pub trait Stage {
    /// Which of the five this is.
    const KIND: StageKind;
    /// The version of the method; raise it when the same input would give another artifact.
    const VERSION: u32;
    /// What it reads.
    type Input<'a>;
    /// What it makes: its artifact (decode: the artifact and the samples).
    type Output;

    /// Settings and model, for the fingerprint.
    fn identity(&self) -> Identity;

    /// Makes the artifact on the CPU (for a [`DeviceStage`]: all three phases, one after the other).
    ///
    /// # Errors
    /// A [`StageError`], classed by what the scheduler should do about it.
    fn run(&self, input: Self::Input<'_>) -> Result<Self::Output, StageError>;
}

/// A stage with a model on a device: its work is split, so that the device never waits for the CPU.
pub trait DeviceStage: Stage {
    /// The prepared input of one row of a device batch (a mel window).
    type Unit: Send + Sync;
    /// The device's answer to one unit: what a checkpoint inside a long recording holds.
    type Answer: Send + Serialize + DeserializeOwned;

    /// CPU lane: emits the units of one recording with their indices, in order and one at a time, so that memory stays
    /// bounded; those that `is_answered` (their answers are on record) are not prepared. `emit` blocks while the device
    /// lane is busy and returns false when the work is no longer wanted. Gives the number of units, answered or not.
    ///
    /// # Errors
    /// A [`StageError`] for input that cannot be prepared.
    fn prepare(
        &self,
        input: Self::Input<'_>,
        is_answered: &dyn Fn(usize) -> bool,
        emit: &mut dyn FnMut(usize, Self::Unit) -> bool,
    ) -> Result<usize, StageError>;

    /// Device lane: draws units, possibly of several recordings, and answers each once through the flow, until the flow
    /// gives none and every unit drawn is answered. It says that it [progressed](Flow::progressed) after each step of
    /// work: without a step for minutes it is taken to hang.
    ///
    /// # Errors
    /// A [`StageError`]; class `Device` when the device and not the input is at fault. Answers given before it stand.
    fn infer(&self, flow: &mut dyn Flow<Self::Unit, Self::Answer>) -> Result<(), StageError>;

    /// Device lane: computes something small that works wherever the device and the model do, to tell a broken device
    /// from a broken recording.
    ///
    /// # Errors
    /// The device or the model does not work.
    fn canary(&self) -> Result<(), StageError>;

    /// CPU lane, each time that every unit so far is answered: emits the units that depend on those answers (a window
    /// whose language the other windows decide; the next window, prompted with the text before it), with indices from
    /// `answers.len()` on, as [`DeviceStage::prepare`] does. Gives their number; after 0 the answers are complete. What
    /// it emits depends on its arguments alone, so that a run that was cut off asks for the same units again.
    ///
    /// # Errors
    /// A [`StageError`] for input that cannot be prepared.
    fn follow_up(
        &self,
        _input: Self::Input<'_>,
        _answers: &[Self::Answer],
        _emit: &mut dyn FnMut(usize, Self::Unit) -> bool,
    ) -> Result<usize, StageError> {
        Ok(0)
    }

    /// CPU lane: turns the answers, in the order of the units (those of follow-ups behind), into the artifact.
    ///
    /// # Errors
    /// A [`StageError`] for answers that make no artifact.
    fn finish(&self, input: Self::Input<'_>, answers: Vec<Self::Answer>) -> Result<Self::Output, StageError>;
}
