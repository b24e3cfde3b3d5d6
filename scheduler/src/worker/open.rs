//! What the executor keeps of one recording while it is open.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use stage_core::StageKind;

use super::Pipeline;
use super::answers::Answers;
use crate::clock::Moment;
use crate::lanes::Ticket;
use crate::protocol::{ItemJob, Step};

/// A recording between its admission and its last task.
pub(super) struct OpenItem<P: Pipeline> {
    pub(super) ticket: Arc<Ticket>,
    pub(super) job: Arc<ItemJob>,
    pub(super) state: Option<Arc<P::Item>>,
    /// CPU tasks that have not come back.
    pub(super) in_lane: usize,
    /// It failed or was given back: nothing more is done for it.
    pub(super) ended: bool,
    /// Units whose answers are on record.
    pub(super) answered: Arc<HashSet<(StageKind, usize)>>,
    began: HashMap<StageKind, Moment>,
    answers: HashMap<StageKind, Answers<P::Answer>>,
}

impl<P: Pipeline> OpenItem<P> {
    /// A recording with the answers that are on record; one that cannot be read is computed again.
    pub(super) fn new(ticket: Ticket, mut job: ItemJob) -> Self {
        let mut answers: HashMap<StageKind, Answers<P::Answer>> = HashMap::new();
        let mut answered = HashSet::new();
        for part in std::mem::take(&mut job.parts) {
            match serde_json::from_str(&part.body) {
                Ok(answer) => {
                    answers.entry(part.stage).or_default().put(part.index, answer);
                    answered.insert((part.stage, part.index));
                }
                Err(error) => tracing::warn!(%error, index = part.index, "a part on record cannot be read"),
            }
        }
        Self {
            ticket: Arc::new(ticket),
            job: Arc::new(job),
            state: None,
            in_lane: 0,
            ended: false,
            answered: Arc::new(answered),
            began: HashMap::new(),
            answers,
        }
    }

    pub(super) fn step(&self, stage: StageKind) -> Option<Step> {
        self.job.steps.iter().find(|step| step.stage == stage).copied()
    }

    /// Notes when a stage's task began; gives when its first one did.
    pub(super) fn began(&mut self, stage: StageKind, began: Moment) -> Moment {
        *self.began.entry(stage).or_insert(began)
    }

    /// The answers to a stage's units so far.
    pub(super) fn answers(&mut self, stage: StageKind) -> &mut Answers<P::Answer> {
        self.answers.entry(stage).or_default()
    }

    /// A unit's share of the recording's length in seconds: none for units of follow-ups.
    pub(super) fn unit_audio_s(&self, pipeline: &P, stage: StageKind, index: usize) -> f64 {
        let is_follow_up = self.answers.get(&stage).is_some_and(|answers| answers.is_follow_up(index));
        let state = self.state.as_ref().filter(|_| !is_follow_up);
        state.map_or(0.0, |state| pipeline.unit_audio_s(state, stage, index))
    }
}
