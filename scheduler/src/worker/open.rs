//! The executor's state of one open recording.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use stage_core::{Artifacts, ModelOutput, Runners, Source, StageName};

use super::outputs::StageOutputs;
use crate::clock::Moment;
use crate::lanes::Ticket;
use crate::protocol::{Checkpoint, ItemJob, Step};

/// A recording from its admission to its last task.
pub(super) struct OpenItem {
    pub(super) ticket: Arc<Ticket>,
    pub(super) artifacts: Arc<Artifacts>,
    /// Number of CPU tasks that are running.
    pub(super) in_lane: usize,
    /// Whether the recording failed or was revoked. No more tasks are started for it.
    pub(super) ended: bool,
    /// The inputs whose outputs are stored as checkpoints.
    pub(super) stored_inputs: Arc<HashSet<(StageName, usize)>>,
    steps: Vec<Step>,
    began: HashMap<StageName, Moment>,
    outputs: HashMap<StageName, StageOutputs<ModelOutput>>,
}

impl OpenItem {
    /// Opens a recording with its stored artifacts and checkpoints. An input whose checkpoint cannot be read is
    /// computed again.
    pub(super) fn new(ticket: Ticket, job: ItemJob, runners: &Runners) -> Self {
        let ItemJob { path, file_sha256, audio_s, steps, stored, checkpoints, .. } = job;
        let specs: Vec<_> = steps.iter().filter_map(|step| runners.get(step.stage)).map(|stage| stage.spec()).collect();
        let stored = stored.into_iter().map(|stored| (stored.artifact, stored.body));
        let mut item = Self {
            ticket: Arc::new(ticket),
            artifacts: Arc::new(Artifacts::new(Source { path, file_sha256, audio_s }, stored, &specs)),
            in_lane: 0,
            ended: false,
            stored_inputs: Arc::default(),
            steps,
            began: HashMap::new(),
            outputs: HashMap::new(),
        };
        item.stored_inputs = Arc::new(checkpoints.iter().filter_map(|input| item.restore(input, runners)).collect());
        item
    }

    /// Reads an input's output from its checkpoint.
    fn restore(&mut self, checkpoint: &Checkpoint, runners: &Runners) -> Option<(StageName, usize)> {
        let Checkpoint { stage, index, body } = checkpoint;
        match runners.get(*stage)?.device()?.decode_output(body) {
            Ok(output) => self.outputs(*stage).put(*index, output),
            Err(error) => {
                tracing::warn!(%error, index, "a checkpoint cannot be read");
                return None;
            }
        }
        Some((*stage, *index))
    }

    pub(super) fn step(&self, stage: StageName) -> Option<&Step> {
        self.steps.iter().find(|step| step.stage == stage)
    }

    /// Records when a task of a stage started. Returns when the first task of the stage started.
    pub(super) fn began(&mut self, stage: StageName, began: Moment) -> Moment {
        *self.began.entry(stage).or_insert(began)
    }

    /// The outputs of a stage's inputs so far.
    pub(super) fn outputs(&mut self, stage: StageName) -> &mut StageOutputs<ModelOutput> {
        self.outputs.entry(stage).or_default()
    }

    /// The seconds of audio that an input covers. 0 for inputs of follow-ups.
    pub(super) fn input_audio_s(&self, runners: &Runners, stage: StageName, index: usize) -> f64 {
        let is_follow_up = self.outputs.get(&stage).is_some_and(|outputs| outputs.is_follow_up(index));
        let device = runners.get(stage).and_then(|runner| runner.device()).filter(|_| !is_follow_up);
        device.map_or(0.0, |device| device.input_audio_s(&self.artifacts, index))
    }
}
