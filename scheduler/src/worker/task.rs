//! One task of the CPU lane, as it runs on a thread of the pool.

use std::collections::HashSet;
use std::sync::Arc;

use stage_core::{ErrorClass, Phase, StageError, StageKind};

use super::{Artifact, Pipeline};
use crate::clock::Moment;
use crate::lanes::{Announce, Feed, Ticket, guarded};
use crate::protocol::{FaultPlace, ItemJob, Lane, TaskSpan};

/// What the CPU lane does for a recording; earlier work sorts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    Open,
    Stage(StageKind, Phase),
}

impl Work {
    pub(super) const fn is_prepare(self) -> bool {
        matches!(self, Self::Stage(_, Phase::Prepare))
    }
}

/// What came of it.
pub(super) enum Output<P: Pipeline> {
    Opened(Arc<P::Item>),
    /// All units that were not answered are emitted; there are this many with those that were.
    Prepared(usize),
    /// These answers led to so many units more, all emitted; the stage is not finished yet.
    FollowedUp {
        seen: Vec<P::Answer>,
        more: usize,
    },
    Made(Artifact),
}

/// A task and everything that it needs.
pub(super) struct CpuTask<P: Pipeline, N> {
    pub(super) work: Work,
    pub(super) pipeline: Arc<P>,
    pub(super) ticket: Arc<Ticket>,
    pub(super) job: Arc<ItemJob>,
    /// None before the recording is open.
    pub(super) state: Option<Arc<P::Item>>,
    /// Units whose answers are on record.
    pub(super) answered: Arc<HashSet<(StageKind, usize)>>,
    /// To all units so far, for the phase `Finish`.
    pub(super) answers: Vec<P::Answer>,
    pub(super) feed: Feed<P>,
    pub(super) announce: Arc<N>,
}

impl<P: Pipeline, N: Announce> CpuTask<P, N> {
    /// Runs the task; whatever it holds is dropped when this returns. Before a stage is finished it is asked for
    /// follow-ups; where there are some, it is not finished yet.
    pub(super) fn perform(self) -> (Moment, Result<Output<P>, StageError>) {
        let began = Moment::now();
        let result = match (self.work, self.state.clone()) {
            (Work::Stage(stage, phase), Some(state)) => guarded(stage, || self.stage(&state, stage, phase)),
            (Work::Open, _) => {
                let first = self.job.steps.first().map_or(StageKind::Decode, |step| step.stage);
                guarded(first, || self.pipeline.open(&self.job)).map(|state| Output::Opened(Arc::new(state)))
            }
            (Work::Stage(stage, _), None) => Err(misplaced(stage, "the recording is not open")),
        };
        (began, result)
    }

    /// The task as the timeline shows it, begun on this thread; opening is not shown.
    pub(super) fn span(&self) -> Option<TaskSpan> {
        let Work::Stage(stage, phase) = self.work else { return None };
        let thread = rayon::current_thread_index().unwrap_or_default() as u32;
        let items = vec![self.ticket.item];
        Some(TaskSpan { lane: Lane::Cpu, thread, items, stage, phase, units: 0, at_once: 0, start_us: 0, end_us: 0 })
    }

    fn stage(self, state: &P::Item, stage: StageKind, phase: Phase) -> Result<Output<P>, StageError> {
        if phase == Phase::Finish {
            let more = self.follow_up(state, stage)?;
            if more > 0 {
                return Ok(Output::FollowedUp { seen: self.answers, more });
            }
        }
        self.announce.started(&self.ticket, stage, phase);
        self.announce.before(FaultPlace::Stage(stage, phase), &[&self.ticket], self.answers.len())?;
        match phase {
            Phase::Run => self.pipeline.run(state, stage).map(Output::Made),
            Phase::Prepare => self.prepare(state, stage),
            Phase::Finish => self.pipeline.finish(state, stage, self.answers).map(Output::Made),
            Phase::Infer => Err(misplaced(stage, "a device phase came to the CPU lane")),
        }
    }

    fn prepare(&self, state: &P::Item, stage: StageKind) -> Result<Output<P>, StageError> {
        let is_answered = |index| self.answered.contains(&(stage, index));
        let mut emit = |index, unit| self.feed.push(&self.ticket, stage, index, unit);
        self.pipeline.prepare(state, stage, &is_answered, &mut emit).map(Output::Prepared)
    }

    /// Emits what depends on the answers so far; what is on record of it does not go to the device. Gives the number of
    /// units, which is of no account where the recording was given up.
    fn follow_up(&self, state: &P::Item, stage: StageKind) -> Result<usize, StageError> {
        let (first, mut emitted, mut in_order) = (self.answers.len(), 0, true);
        let mut emit = |index, unit| {
            in_order &= index == first + emitted;
            emitted += 1;
            if self.answered.contains(&(stage, index)) {
                !self.ticket.is_abandoned()
            } else {
                self.feed.push(&self.ticket, stage, index, unit)
            }
        };
        let more = self.pipeline.follow_up(state, stage, &self.answers, &mut emit)?;
        if (in_order && emitted == more) || self.ticket.is_abandoned() {
            return Ok(more);
        }
        let message = format!("{more} units follow {first} answers, {emitted} were emitted, in order: {in_order}");
        Err(StageError::new(stage, ErrorClass::Bug, "follow-up-units", message))
    }
}

fn misplaced(stage: StageKind, message: &str) -> StageError {
    StageError::new(stage, ErrorClass::Bug, "misplaced-task", message)
}
