//! A task of the CPU lane, as it runs on a thread of the pool.

use std::collections::HashSet;
use std::sync::Arc;

use stage_core::{
    ArtifactName, Artifacts, DeviceRunner, ErrorCode, Made, ModelOutput, Origin, Phase, PipelineError, Runner, Runners,
    StageName,
};

use super::pending::Work;
use crate::clock::Moment;
use crate::lanes::{Announce, Feed, TaskClock, Ticket, guarded};
use crate::protocol::{FaultPlace, Lane, Slot, TaskSpan};

/// The result of a task.
pub(super) enum TaskResult {
    /// All inputs without a stored output were emitted. The number includes the inputs with a stored output.
    Prepared(usize),
    /// These outputs led to `more` inputs, which were emitted. The stage is not finished yet.
    FollowedUp { seen: Vec<ModelOutput>, more: usize },
    /// The artifacts of the stage to store, as JSON.
    Made(Vec<(ArtifactName, String)>),
}

/// A task with everything that it needs.
pub(super) struct CpuTask<N> {
    pub(super) work: Work,
    pub(super) slot: Slot,
    pub(super) runners: Arc<Runners>,
    pub(super) ticket: Arc<Ticket>,
    pub(super) artifacts: Arc<Artifacts>,
    /// The inputs whose outputs are stored as checkpoints.
    pub(super) stored_inputs: Arc<HashSet<(StageName, usize)>>,
    /// The outputs of all inputs so far, for the phase `Finish`.
    pub(super) outputs: Vec<ModelOutput>,
    pub(super) feed: Feed,
    pub(super) announce: Arc<N>,
    pub(super) clock: Arc<TaskClock>,
}

impl<N: Announce> CpuTask<N> {
    /// Runs the task and drops its data. Before it finishes a stage, it asks the stage for follow-ups. If there are
    /// any, the stage is not finished yet.
    pub(super) fn perform(self) -> (Moment, Result<TaskResult, PipelineError>) {
        let (began, stage) = (Moment::now(), self.work.stage);
        (began, guarded(stage, || self.phase()))
    }

    /// The span of the task on the timeline. Must be called on the thread that runs the task.
    pub(super) fn span(&self) -> TaskSpan {
        let Work { stage, phase, .. } = self.work;
        let thread = rayon::current_thread_index().unwrap_or_default() as u32;
        let (lane, items) = (Lane::Cpu, vec![self.ticket.item]);
        TaskSpan { lane, slot: self.slot, thread, items, stage, phase, inputs: 0, at_once: 0, start_us: 0, end_us: 0 }
    }

    fn phase(mut self) -> Result<TaskResult, PipelineError> {
        let Work { stage, phase, .. } = self.work;
        let runners = Arc::clone(&self.runners);
        let runner = runners.get(stage).ok_or_else(|| misplaced(stage, "this worker has no such stage"))?;
        let device = || runner.device().ok_or_else(|| misplaced(stage, "the stage has no device work"));
        if phase == Phase::Finish {
            let more = self.follow_up(device()?)?;
            if more > 0 {
                return Ok(TaskResult::FollowedUp { seen: self.outputs, more });
            }
        }
        self.announce.started(&self.ticket, stage, phase);
        self.announce.before(FaultPlace::Stage(stage, phase), &[&self.ticket], self.outputs.len())?;
        match phase {
            Phase::Run => self.made(runner, runner.run(&self.artifacts)?),
            Phase::Prepare => self.prepare(device()?),
            Phase::Finish => {
                let outputs = std::mem::take(&mut self.outputs);
                self.made(runner, device()?.finish(&self.artifacts, outputs)?)
            }
            Phase::Infer => Err(misplaced(stage, "a device phase was queued in the CPU lane")),
        }
    }

    fn made(&self, runner: &dyn Runner, made: Made) -> Result<TaskResult, PipelineError> {
        self.artifacts.keep(&runner.spec(), made).map(TaskResult::Made)
    }

    fn prepare(&self, device: &dyn DeviceRunner) -> Result<TaskResult, PipelineError> {
        let stage = self.work.stage;
        let is_done = |index| self.stored_inputs.contains(&(stage, index));
        let mut emit = |index, input| self.clock.stopped(|| self.feed.push(&self.ticket, stage, index, input));
        device.prepare(&self.artifacts, &is_done, &mut emit).map(TaskResult::Prepared)
    }

    /// Emits the inputs that depend on the outputs so far. Inputs with a stored output are not sent to the device.
    /// Returns the number of inputs, which is meaningless if the recording was abandoned.
    fn follow_up(&mut self, device: &dyn DeviceRunner) -> Result<usize, PipelineError> {
        let Self { work, ticket, stored_inputs, feed, artifacts, outputs, clock, .. } = self;
        let (stage, first, mut emitted, mut in_order) = (work.stage, outputs.len(), 0, true);
        let mut emit = |index, input| {
            in_order &= index == first + emitted;
            emitted += 1;
            if stored_inputs.contains(&(stage, index)) {
                !ticket.is_abandoned()
            } else {
                clock.stopped(|| feed.push(ticket, stage, index, input))
            }
        };
        let more = device.follow_up(artifacts, outputs, &mut emit)?;
        if (in_order && emitted == more) || ticket.is_abandoned() {
            return Ok(more);
        }
        let message =
            format!("{more} inputs follow {first} outputs, but {emitted} were emitted (in order: {in_order})");
        Err(PipelineError::bug(stage, ErrorCode::FollowUpInputs, message))
    }
}

fn misplaced(stage: StageName, message: &str) -> PipelineError {
    PipelineError::bug(Origin::Worker, ErrorCode::MisplacedTask, format!("{stage}: {message}"))
}
