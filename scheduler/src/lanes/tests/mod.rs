//! The device lane against engines that work, wait, refuse units and miscount.

mod engines;
mod lane;
mod timeline;

use std::sync::Arc;

use crossbeam_channel::{Receiver, unbounded};
use stage_core::{ErrorClass, Flow, Phase, StageError, StageKind};

use super::{Activity, Announce, DeviceHandle, DeviceLane, LaneReport, Ticket};
use crate::protocol::{FaultPlace, ItemJob};
use crate::store::Lease;
use crate::worker::{Artifact, Pipeline};

const STAGE: StageKind = StageKind::Transcribe;
const LEASE: Lease = Lease { batch: 1, number: 1 };
/// Units under way at a time.
const CAPACITY: usize = 4;

type Line<'a> = &'a mut dyn Flow<u32, u32>;

type Engine = Box<dyn Fn(Line<'_>) -> Result<(), StageError> + Send + Sync>;

/// A pipeline that answers with `engine`.
struct Fake {
    load: Result<(), StageError>,
    engine: Engine,
}

impl Pipeline for Fake {
    type Item = ();
    type Unit = u32;
    type Answer = u32;

    fn open(&self, _: &ItemJob) -> Result<(), StageError> {
        Ok(())
    }

    fn run(&self, (): &(), stage: StageKind) -> Result<Artifact, StageError> {
        Ok(Artifact { body: stage.to_string() })
    }

    fn prepare(
        &self,
        (): &(),
        _: StageKind,
        _: &dyn Fn(usize) -> bool,
        _: &mut dyn FnMut(usize, u32) -> bool,
    ) -> Result<usize, StageError> {
        Ok(0)
    }

    fn unit_audio_s(&self, (): &(), _: StageKind, _: usize) -> f64 {
        1.0
    }

    fn canary(&self) -> Result<(), StageError> {
        Ok(())
    }

    fn load_device(&self) -> Result<(), StageError> {
        self.load.clone()
    }

    fn infer(&self, _: StageKind, flow: Line<'_>) -> Result<(), StageError> {
        (self.engine)(flow)
    }

    fn finish(&self, (): &(), _: StageKind, answers: Vec<u32>) -> Result<Artifact, StageError> {
        Ok(Artifact { body: format!("{answers:?}") })
    }
}

/// Has memory for so many units.
struct MemoryFor(usize);

impl Announce for MemoryFor {
    fn started(&self, _: &Ticket, _: StageKind, _: Phase) {}

    fn before(&self, _: FaultPlace, _: &[&Ticket], units: usize) -> Result<(), StageError> {
        if units > self.0 {
            Err(StageError::new(STAGE, ErrorClass::Memory, "full", "the memory is full"))
        } else {
            Ok(())
        }
    }
}

/// A lane at work, and what it reports.
struct Bench {
    lane: DeviceHandle<Fake>,
    reports: Receiver<LaneReport<u32>>,
    activity: Arc<Activity>,
    tickets: Vec<Arc<Ticket>>,
}

impl Bench {
    fn new(engine: impl Fn(Line<'_>) -> Result<(), StageError> + Send + Sync + 'static) -> Self {
        Self::of(Fake { load: Ok(()), engine: Box::new(engine) }, usize::MAX)
    }

    fn of(pipeline: Fake, memory: usize) -> Self {
        let (sender, reports) = unbounded();
        let (activity, report) = (Arc::new(Activity::default()), move |report| sender.send(report).unwrap());
        let announce = Arc::new(MemoryFor(memory));
        let lane = DeviceLane::start(Arc::new(pipeline), CAPACITY, report, announce, Arc::clone(&activity)).unwrap();
        let tickets = (0..10).map(|slot| Arc::new(Ticket::new(slot, LEASE, slot, String::new()))).collect();
        Self { lane, reports, activity, tickets }
    }

    /// Puts a unit of a recording in line.
    fn push(&self, slot: usize, unit: u32) {
        self.push_of(STAGE, slot, unit);
    }

    fn push_of(&self, stage: StageKind, slot: usize, unit: u32) {
        self.lane.feed.push(&self.tickets[slot], stage, unit as usize, unit);
    }

    /// All reports, when the units in line are done.
    fn finish(self) -> (Vec<LaneReport<u32>>, Arc<Activity>) {
        drop(self.lane);
        (self.reports.iter().collect(), self.activity)
    }

    /// All reports on these units of (slot, unit).
    fn feed(self, units: &[(usize, u32)]) -> Vec<LaneReport<u32>> {
        units.iter().for_each(|(slot, unit)| self.push(*slot, *unit));
        self.finish().0
    }
}

/// Doubles numbers, as many together as it is given.
fn in_groups(flow: Line<'_>) -> Result<(), StageError> {
    loop {
        let drawn: Vec<_> = std::iter::from_fn(|| flow.draw()).collect();
        if drawn.is_empty() {
            return Ok(());
        }
        if drawn.iter().any(|(_, unit)| **unit == 13) {
            return Err(refusal());
        }
        drawn.into_iter().for_each(|(key, unit)| flow.answer(key, *unit * 2));
    }
}

fn refusal() -> StageError {
    StageError::new(STAGE, ErrorClass::Device, "thirteen", "13 is refused")
}

fn answers(reports: &[LaneReport<u32>]) -> Vec<(u64, u32)> {
    let answer = |report: &LaneReport<u32>| match report {
        LaneReport::Answered { slot, answer, .. } => Some((*slot, *answer)),
        _ => None,
    };
    reports.iter().filter_map(answer).collect()
}

/// Recordings that failed, with the code of the reason.
fn failures(reports: &[LaneReport<u32>]) -> Vec<(u64, &str)> {
    let mut failures = Vec::new();
    for report in reports {
        if let LaneReport::Failed { slot, error } = report {
            failures.push((*slot, error.code.as_str()));
        }
    }
    failures
}
