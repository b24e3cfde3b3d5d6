//! One task of the CPU lane, as it runs on a thread of the pool.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use stage_core::{ErrorClass, Phase, StageError, StageKind};

use super::open::Began;
use super::{Artifact, Pipeline};
use crate::lanes::{Announce, Feed, Ticket, guarded};
use crate::protocol::ItemJob;

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
    /// All units are emitted; there are this many.
    Prepared(usize),
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
    /// For the phase `Finish`.
    pub(super) answers: Vec<P::Answer>,
    pub(super) feed: Feed<P>,
    pub(super) announce: Arc<N>,
}

impl<P: Pipeline, N: Announce> CpuTask<P, N> {
    /// Runs the task; whatever it holds is dropped when this returns.
    pub(super) fn perform(self) -> (Began, Result<Output<P>, StageError>) {
        let began = Began { at: Instant::now(), at_ms: now_ms() };
        let result = match (self.work, self.state.clone()) {
            (Work::Stage(stage, phase), Some(state)) => {
                self.announce.started(&self.ticket, stage, phase);
                guarded(stage, || self.stage(&state, stage, phase))
            }
            (Work::Open, _) => {
                let first = self.job.steps.first().map_or(StageKind::Decode, |step| step.stage);
                guarded(first, || self.pipeline.open(&self.job)).map(|state| Output::Opened(Arc::new(state)))
            }
            (Work::Stage(stage, _), None) => Err(misplaced(stage, "the recording is not open")),
        };
        (began, result)
    }

    fn stage(self, state: &P::Item, stage: StageKind, phase: Phase) -> Result<Output<P>, StageError> {
        match phase {
            Phase::Run => self.pipeline.run(state, stage).map(Output::Made),
            Phase::Prepare => self.prepare(state, stage),
            Phase::Finish => self.pipeline.finish(state, stage, self.answers).map(Output::Made),
            Phase::Infer => Err(misplaced(stage, "a device phase came to the CPU lane")),
        }
    }

    fn prepare(&self, state: &P::Item, stage: StageKind) -> Result<Output<P>, StageError> {
        let mut units = 0;
        self.pipeline.prepare(state, stage, &mut |unit| {
            let wanted = self.feed.push(&self.ticket, stage, units, unit);
            units += 1;
            wanted
        })?;
        Ok(Output::Prepared(units))
    }
}

fn misplaced(stage: StageKind, message: &str) -> StageError {
    StageError::new(stage, ErrorClass::Bug, "misplaced-task", message)
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
