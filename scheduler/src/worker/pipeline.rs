//! What a worker runs: the composition of the stages, seen from the scheduler.

use serde::Serialize;
use serde::de::DeserializeOwned;
use stage_core::{Flow, StageError, StageKind};

use crate::protocol::ItemJob;

/// A stage's artifact, opaque to the scheduler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The artifact as JSON. It is stored and hashed byte by byte as it stands.
    pub body: String,
}

/// The stages' composition. The scheduler calls [`run`](Self::run) for stages of the one phase `Run`, and
/// [`prepare`](Self::prepare), [`infer`](Self::infer), [`follow_up`](Self::follow_up) and [`finish`](Self::finish) for
/// stages with a device phase, each only after the stages that it reads are done or on record. A panic in any of them
/// fails one recording.
pub trait Pipeline: Send + Sync + 'static {
    /// What one recording keeps between its stages; dropped with its last task. Stages of one recording may run at
    /// the same time where neither reads the other.
    type Item: Send + Sync + 'static;
    /// Input of one row of a device batch.
    type Unit: Send + Sync + 'static;
    /// The device's answer to one unit; kept on record as JSON until the stage's artifact is.
    type Answer: Serialize + DeserializeOwned + Send + 'static;

    /// CPU lane: begins a recording; [`ItemJob::have`] holds the artifacts that are not made again.
    ///
    /// # Errors
    /// The recording's failure.
    fn open(&self, job: &ItemJob) -> Result<Self::Item, StageError>;

    /// CPU lane: runs a stage without device phase.
    ///
    /// # Errors
    /// The recording's failure.
    fn run(&self, item: &Self::Item, stage: StageKind) -> Result<Artifact, StageError>;

    /// CPU lane: emits the units of one recording with their indices, in order, but for those that `is_answered`.
    /// `emit` blocks while the device lane is busy and returns false when the recording was given up: then return.
    /// Gives the number of units, answered or not.
    ///
    /// # Errors
    /// The recording's failure.
    fn prepare(
        &self,
        item: &Self::Item,
        stage: StageKind,
        is_answered: &dyn Fn(usize) -> bool,
        emit: &mut dyn FnMut(usize, Self::Unit) -> bool,
    ) -> Result<usize, StageError>;

    /// A unit's share of its recording's length in seconds, for progress: those of all units that
    /// [`prepare`](Self::prepare) counts are the whole. Units of follow-ups have none, and it is not asked for theirs.
    fn unit_audio_s(&self, item: &Self::Item, stage: StageKind, index: usize) -> f64;

    /// Device lane: loads what [`infer`](Self::infer) needs. Called once, before the first device call; never in a
    /// process without device work.
    ///
    /// # Errors
    /// Fails every recording that needs the device, now and later.
    fn load_device(&self) -> Result<(), StageError>;

    /// Device lane: computes what is known to be good, after [`load_device`](Self::load_device), to tell a broken device
    /// from a broken recording.
    ///
    /// # Errors
    /// The device does not work.
    fn canary(&self) -> Result<(), StageError>;

    /// Device lane: draws units of one stage, possibly of several recordings, and answers each once, until the flow gives
    /// none and every unit drawn is answered. After an error (a panic, a unit left without answer and an answer to no
    /// unit are some) the units drawn and not answered are tried again in halves, down to the one that fails alone.
    ///
    /// # Errors
    /// The failure; of class `Memory` where fewer units may fit, of class `Device` where the device and not a unit is
    /// at fault.
    fn infer(&self, stage: StageKind, flow: &mut dyn Flow<Self::Unit, Self::Answer>) -> Result<(), StageError>;

    /// CPU lane, each time that every unit so far is answered: emits the units that depend on those answers, with indices
    /// from `answers.len()` on, in order; `emit` is that of [`prepare`](Self::prepare). Gives their number; after 0 the
    /// answers are complete. It must depend on its arguments alone: after a cut-off run it is asked again, and units
    /// whose answers are on record do not go to the device.
    ///
    /// # Errors
    /// The recording's failure.
    fn follow_up(
        &self,
        _item: &Self::Item,
        _stage: StageKind,
        _answers: &[Self::Answer],
        _emit: &mut dyn FnMut(usize, Self::Unit) -> bool,
    ) -> Result<usize, StageError> {
        Ok(0)
    }

    /// CPU lane: makes the artifact from the answers, in the order of the units, those of follow-ups behind.
    ///
    /// # Errors
    /// The recording's failure.
    fn finish(&self, item: &Self::Item, stage: StageKind, answers: Vec<Self::Answer>) -> Result<Artifact, StageError>;
}
