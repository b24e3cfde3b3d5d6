//! What the executor keeps of one recording while it is open.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use stage_core::StageKind;

use super::Pipeline;
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

/// The answers to a stage's units, as far as they came.
struct Answers<A> {
    expected: Option<usize>,
    got: Vec<Option<A>>,
    missing: usize,
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

    /// Notes that a stage has emitted all of its units; true when all are answered.
    pub(super) fn expect(&mut self, stage: StageKind, units: usize) -> bool {
        let answers = self.answers.entry(stage).or_default();
        answers.expected = Some(units);
        answers.is_complete()
    }

    /// Keeps an answer; true when the stage's units are all emitted and answered.
    pub(super) fn answer(&mut self, stage: StageKind, index: usize, answer: P::Answer) -> bool {
        let answers = self.answers.entry(stage).or_default();
        answers.put(index, answer);
        answers.is_complete()
    }

    /// The answers of a stage in the order of its units.
    pub(super) fn take_answers(&mut self, stage: StageKind) -> Vec<P::Answer> {
        self.answers.remove(&stage).map_or_else(Vec::new, |answers| answers.got.into_iter().flatten().collect())
    }
}

impl<A> Default for Answers<A> {
    fn default() -> Self {
        Self { expected: None, got: Vec::new(), missing: 0 }
    }
}

impl<A> Answers<A> {
    fn put(&mut self, index: usize, answer: A) {
        while self.got.len() <= index {
            self.got.push(None);
            self.missing += 1;
        }
        self.got[index] = Some(answer);
        self.missing -= 1;
    }

    fn is_complete(&self) -> bool {
        self.missing == 0 && self.expected == Some(self.got.len())
    }
}
