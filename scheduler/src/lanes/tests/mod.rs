//! The device lane with engines that work, wait, reject inputs and miscount.

mod engines;
mod lane;
mod timeline;

use std::sync::Arc;

use crossbeam_channel::{Receiver, unbounded};
use stage_core::{
    Artifacts, DeviceRunner, Emit, ErrorClass, ErrorCode, Flow, Identity, Made, ModelInput, ModelOutput, Phase, Phases,
    PipelineError, Runner, Runners, StageName, StageSpec,
};

use super::{Activity, Announce, DeviceHandle, DeviceLane, LaneReport, Ticket};
use crate::protocol::{FaultPlace, Slot, SlotSettings};
use crate::store::Lease;

const STAGE: StageName = StageName::new("model");
/// Another stage with a model.
const OTHER: StageName = StageName::new("other-model");
const LEASE: Lease = Lease { batch: 1, number: 1 };
/// Maximum number of inputs in flight.
const CAPACITY: usize = 4;

type NumberFlow<'a> = &'a mut dyn Numbers;

/// A flow of numbers.
trait Numbers {
    fn capacity(&self) -> usize;
    fn draw(&mut self) -> Option<(usize, u32)>;
    fn complete(&mut self, key: usize, output: u32);
    fn progressed(&mut self);
}

impl Numbers for &mut dyn Flow<ModelInput, ModelOutput> {
    fn capacity(&self) -> usize {
        (**self).capacity()
    }

    fn draw(&mut self) -> Option<(usize, u32)> {
        (**self).draw().map(|(key, input)| (key, *input.downcast_ref().unwrap()))
    }

    fn complete(&mut self, key: usize, output: u32) {
        (**self).complete(key, Box::new(output));
    }

    fn progressed(&mut self) {
        (**self).progressed();
    }
}

type Engine = Arc<dyn Fn(NumberFlow<'_>) -> Result<(), PipelineError> + Send + Sync>;

/// A stage whose model is `engine`.
#[derive(Clone)]
struct Fake {
    stage: StageName,
    load: Result<(), PipelineError>,
    engine: Engine,
}

impl Fake {
    fn new(engine: impl Fn(NumberFlow<'_>) -> Result<(), PipelineError> + Send + Sync + 'static) -> Self {
        Self { stage: STAGE, load: Ok(()), engine: Arc::new(engine) }
    }
}

impl Runner for Fake {
    fn spec(&self) -> StageSpec {
        StageSpec { name: self.stage, version: 1, inputs: &[], outputs: &[], phases: Phases::Device, weight: 1.0 }
    }

    fn identity(&self) -> Identity {
        Identity::without_model(serde_json::Value::Null)
    }

    fn run(&self, _: &Artifacts) -> Result<Made, PipelineError> {
        Ok(Made::default())
    }

    fn device(&self) -> Option<&dyn DeviceRunner> {
        Some(self)
    }
}

impl DeviceRunner for Fake {
    fn prepare(&self, _: &Artifacts, _: &dyn Fn(usize) -> bool, _: &mut Emit<'_>) -> Result<usize, PipelineError> {
        Ok(0)
    }

    fn input_audio_s(&self, _: &Artifacts, _: usize) -> f64 {
        1.0
    }

    fn load(&self) -> Result<(), PipelineError> {
        self.load.clone()
    }

    fn health_probe(&self) -> Result<(), PipelineError> {
        Ok(())
    }

    fn infer(&self, mut flow: &mut dyn Flow<ModelInput, ModelOutput>) -> Result<(), PipelineError> {
        (self.engine)(&mut flow)
    }

    fn follow_up(&self, _: &Artifacts, _: &mut Vec<ModelOutput>, _: &mut Emit<'_>) -> Result<usize, PipelineError> {
        Ok(0)
    }

    fn finish(&self, _: &Artifacts, _: Vec<ModelOutput>) -> Result<Made, PipelineError> {
        Ok(Made::default())
    }

    fn encode_output(&self, _: &ModelOutput) -> Result<String, PipelineError> {
        Ok(String::new())
    }

    fn decode_output(&self, _: &str) -> Result<ModelOutput, PipelineError> {
        Ok(Box::new(0_u32))
    }
}

/// Simulates a device with memory for this number of inputs.
struct MemoryFor(usize);

impl Announce for MemoryFor {
    fn started(&self, _: &Ticket, _: StageName, _: Phase) {}

    fn before(&self, _: FaultPlace, _: &[&Ticket], inputs: usize) -> Result<(), PipelineError> {
        if inputs > self.0 {
            Err(PipelineError::new(STAGE, ErrorClass::Memory, ErrorCode::named("full"), "the memory is full"))
        } else {
            Ok(())
        }
    }
}

/// A running lane and its reports.
struct Bench {
    lane: DeviceHandle,
    reports: Receiver<LaneReport>,
    activity: Arc<Activity>,
    tickets: Vec<Arc<Ticket>>,
}

impl Bench {
    fn new(engine: impl Fn(NumberFlow<'_>) -> Result<(), PipelineError> + Send + Sync + 'static) -> Self {
        Self::of(Fake::new(engine), usize::MAX)
    }

    /// Starts a lane with this stage and another stage that has the same model.
    fn of(fake: Fake, memory: usize) -> Self {
        let (sender, reports) = unbounded();
        let (activity, report) = (Arc::new(Activity::default()), move |report| sender.send(report).unwrap());
        let announce = Arc::new(MemoryFor(memory));
        let other = Fake { stage: OTHER, ..fake.clone() };
        let runners = Arc::new(Runners::new(vec![Box::new(fake), Box::new(other)]).unwrap());
        let device = stage_core::DeviceId::Cpu(0);
        let settings = SlotSettings { slot: Slot::default(), device, device_batch: CAPACITY };
        let lane = DeviceLane::start(runners, &settings, report, announce, Arc::clone(&activity)).unwrap();
        let tickets = (0..10).map(|id| Arc::new(Ticket::new(id, LEASE, id, String::new()))).collect();
        Self { lane, reports, activity, tickets }
    }

    /// Queues an input of a recording.
    fn push(&self, ticket: usize, input: u32) {
        self.push_of(STAGE, ticket, input);
    }

    fn push_of(&self, stage: StageName, ticket: usize, input: u32) {
        self.lane.feed.push(&self.tickets[ticket], stage, input as usize, Arc::new(input));
    }

    /// All reports, after the queued inputs are finished.
    fn finish(self) -> (Vec<LaneReport>, Arc<Activity>) {
        drop(self.lane);
        (self.reports.iter().collect(), self.activity)
    }

    /// All reports on these inputs, given as (recording, input).
    fn feed(self, inputs: &[(usize, u32)]) -> Vec<LaneReport> {
        inputs.iter().for_each(|(ticket, input)| self.push(*ticket, *input));
        self.finish().0
    }
}

/// Doubles numbers in groups as large as possible.
fn in_groups(flow: NumberFlow<'_>) -> Result<(), PipelineError> {
    loop {
        let drawn: Vec<_> = std::iter::from_fn(|| flow.draw()).collect();
        if drawn.is_empty() {
            return Ok(());
        }
        if drawn.iter().any(|(_, input)| *input == 13) {
            return Err(refusal());
        }
        drawn.into_iter().for_each(|(key, input)| flow.complete(key, input * 2));
    }
}

fn refusal() -> PipelineError {
    PipelineError::new(STAGE, ErrorClass::Device, ErrorCode::named("thirteen"), "13 is refused")
}

fn outputs(reports: &[LaneReport]) -> Vec<(u64, u32)> {
    let output = |report: &LaneReport| match report {
        LaneReport::Completed { ticket, output, .. } => Some((*ticket, *output.downcast_ref().unwrap())),
        _ => None,
    };
    reports.iter().filter_map(output).collect()
}

/// The recordings that failed, with their error codes.
fn failures(reports: &[LaneReport]) -> Vec<(u64, &str)> {
    let mut failures = Vec::new();
    for report in reports {
        if let LaneReport::Failed { ticket, error } = report {
            failures.push((*ticket, error.code.as_str()));
        }
    }
    failures
}
