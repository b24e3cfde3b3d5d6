//! The device lane against a device that refuses some units.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::unbounded;
use stage_core::{ErrorClass, Phase, StageError, StageKind};

use super::{Activity, Announce, DeviceLane, LaneReport, Ticket, guarded};
use crate::protocol::{FaultPlace, ItemJob};
use crate::store::Lease;
use crate::worker::{Artifact, Pipeline};

const STAGE: StageKind = StageKind::Transcribe;
const LEASE: Lease = Lease { batch: 1, number: 1 };

/// Doubles numbers, notes the size of each call, refuses 13, and has memory for so many.
struct Doubler {
    calls: Arc<Mutex<Vec<usize>>>,
    load: Result<(), StageError>,
    memory: usize,
}

struct Silence;

impl Announce for Silence {
    fn started(&self, _: &Ticket, _: StageKind, _: Phase) {}

    fn before(&self, _: FaultPlace, _: &[&Ticket], _: usize) -> Result<(), StageError> {
        Ok(())
    }
}

fn refusal() -> StageError {
    StageError::new(STAGE, ErrorClass::Device, "thirteen", "13 is refused")
}

impl Pipeline for Doubler {
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
        emit: &mut dyn FnMut(usize, u32) -> bool,
    ) -> Result<usize, StageError> {
        emit(0, 1);
        Ok(1)
    }

    fn unit_audio_s(&self, (): &(), _: StageKind, _: usize) -> f64 {
        1.0
    }

    fn canary(&self) -> Result<(), StageError> {
        self.infer(STAGE, &[1]).map(drop)
    }

    fn load_device(&self) -> Result<(), StageError> {
        self.load.clone()
    }

    fn infer(&self, _: StageKind, units: &[u32]) -> Result<Vec<u32>, StageError> {
        self.calls.lock().unwrap().push(units.len());
        if units.len() > self.memory {
            return Err(StageError::new(STAGE, ErrorClass::Memory, "full", "the memory is full"));
        }
        if units.contains(&13) { Err(refusal()) } else { Ok(units.iter().map(|unit| unit * 2).collect()) }
    }

    fn finish(&self, (): &(), _: StageKind, answers: Vec<u32>) -> Result<Artifact, StageError> {
        Ok(Artifact { body: format!("{answers:?}") })
    }
}

/// Feeds units of (slot, unit), each a recording of its own unless equal, and gives what the lane reports and called.
fn feed(units: &[(u64, u32)], load: Result<(), StageError>) -> (Vec<LaneReport<u32>>, Vec<usize>) {
    feed_within(usize::MAX, units, load)
}

fn feed_within(
    memory: usize,
    units: &[(u64, u32)],
    load: Result<(), StageError>,
) -> (Vec<LaneReport<u32>>, Vec<usize>) {
    let calls = Arc::default();
    let (sender, reports) = unbounded();
    let pipeline = Arc::new(Doubler { calls: Arc::clone(&calls), load, memory });
    let report = move |report| sender.send(report).unwrap();
    let lane = DeviceLane::start(pipeline, 8, report, Arc::new(Silence), Arc::default()).unwrap();
    let tickets: Vec<_> = (0..10).map(|slot| Arc::new(Ticket::new(slot, LEASE, slot, String::new()))).collect();
    tickets[9].abandon();
    for (index, (slot, unit)) in units.iter().enumerate() {
        lane.feed.push(&tickets[*slot as usize], STAGE, index, *unit);
    }
    drop(lane);
    let reports = reports.iter().collect();
    let calls = calls.lock().unwrap().clone();
    (reports, calls)
}

fn answers(reports: &[LaneReport<u32>]) -> Vec<(u64, u32)> {
    let answer = |report: &LaneReport<u32>| match report {
        LaneReport::Answered { slot, answer, .. } => Some((*slot, *answer)),
        _ => None,
    };
    reports.iter().filter_map(answer).collect()
}

#[test]
fn every_answer_goes_back_to_its_recording_in_order() {
    let (reports, calls) = feed(&[(0, 1), (1, 2), (0, 3), (2, 4)], Ok(()));
    assert_eq!(answers(&reports), [(0, 2), (1, 4), (0, 6), (2, 8)]);
    assert_eq!(calls.iter().sum::<usize>(), 4);
}

#[test]
fn a_refused_unit_fails_its_recording_alone() {
    let (reports, _) = feed(&[(0, 1), (1, 2), (2, 13), (3, 4), (4, 5)], Ok(()));
    assert_eq!(answers(&reports), [(0, 2), (1, 4), (3, 8), (4, 10)]);
    let failed: Vec<_> = reports.iter().filter(|report| matches!(report, LaneReport::Failed { .. })).collect();
    assert!(matches!(failed[..], [LaneReport::Failed { slot: 2, error }] if *error == refusal()));
}

#[test]
fn units_of_a_recording_that_was_given_up_never_reach_the_device() {
    let (reports, calls) = feed(&[(9, 1), (9, 2)], Ok(()));
    assert!(reports.is_empty() && calls.is_empty());
}

#[test]
fn a_device_that_does_not_load_fails_each_recording_once() {
    let (reports, calls) = feed(&[(0, 1), (0, 2), (1, 3)], Err(refusal()));
    let slots: Vec<_> = reports.iter().map(|report| matches!(report, LaneReport::Failed { .. })).collect();
    assert_eq!(slots, [true, true]);
    assert!(calls.is_empty());
}

#[test]
fn a_full_memory_halves_the_calls_and_loses_no_unit() {
    let units: Vec<_> = (0..40).map(|unit| (u64::from(unit) % 4, unit + 20)).collect();
    let (reports, calls) = feed_within(3, &units, Ok(()));
    let mut answered: Vec<_> = answers(&reports).into_iter().map(|(_, answer)| answer).collect();
    answered.sort_unstable();
    assert_eq!(answered, (0..40).map(|unit| (unit + 20) * 2).collect::<Vec<_>>());
    let shrunk = |report: &LaneReport<u32>| if let LaneReport::Shrunk { to, .. } = report { Some(*to) } else { None };
    let sizes: Vec<_> = reports.iter().filter_map(shrunk).collect();
    assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes.iter().all(|to| *to >= 1), "{sizes:?}");
    assert!(calls.iter().filter(|size| **size > 3).count() <= 3, "what did not fit is not tried again: {calls:?}");
}

#[test]
fn a_canary_goes_before_the_units_and_tells_of_its_failure() {
    for (memory, passes) in [(8, true), (0, false)] {
        let (sender, reports) = unbounded();
        let pipeline = Arc::new(Doubler { calls: Arc::default(), load: Ok(()), memory });
        let report = move |report| sender.send(report).unwrap();
        let lane = DeviceLane::start(pipeline, 8, report, Arc::new(Silence), Arc::default()).unwrap();
        lane.canary();
        match reports.recv().unwrap() {
            LaneReport::CanaryEnded { error } => assert_eq!(error.is_none(), passes),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_paused_lane_answers_nothing_until_it_goes_on() {
    let (sender, reports) = unbounded();
    let pipeline = Arc::new(Doubler { calls: Arc::default(), load: Ok(()), memory: 8 });
    let lane = DeviceLane::start(
        pipeline,
        8,
        move |report| sender.send(report).unwrap(),
        Arc::new(Silence),
        Arc::<Activity>::default(),
    )
    .unwrap();
    lane.pause(true);
    lane.feed.push(&Arc::new(Ticket::new(0, LEASE, 0, String::new())), STAGE, 0, 1);
    assert!(reports.recv_timeout(Duration::from_millis(50)).is_err());
    lane.pause(false);
    assert_eq!(answers(&[reports.recv().unwrap()]), [(0, 2)]);
}

#[test]
fn a_panic_becomes_an_error_with_its_message() {
    let error = guarded::<()>(STAGE, || panic!("no {}", "way")).unwrap_err();
    assert_eq!(
        (error.class, error.code.as_str(), error.message.as_str()),
        (ErrorClass::Bug, "panic", "panicked: no way")
    );
}
