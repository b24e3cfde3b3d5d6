//! The device lane against a device that refuses some units.

use std::sync::{Arc, Mutex};

use crossbeam_channel::unbounded;
use stage_core::{ErrorClass, Phase, StageError, StageKind};

use super::{Announce, Counters, DeviceLane, LaneReport, Ticket, guarded};
use crate::protocol::ItemJob;
use crate::store::Lease;
use crate::worker::{Artifact, Pipeline};

const STAGE: StageKind = StageKind::Transcribe;
const LEASE: Lease = Lease { batch: 1, number: 1 };

/// Doubles numbers, notes the size of each call, and refuses 13.
struct Doubler {
    calls: Arc<Mutex<Vec<usize>>>,
    load: Result<(), StageError>,
}

struct Silence;

impl Announce for Silence {
    fn started(&self, _: &Ticket, _: StageKind, _: Phase) {}
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

    fn prepare(&self, (): &(), _: StageKind, emit: &mut dyn FnMut(u32) -> bool) -> Result<(), StageError> {
        emit(1);
        Ok(())
    }

    fn load_device(&self) -> Result<(), StageError> {
        self.load.clone()
    }

    fn infer(&self, _: StageKind, units: &[u32]) -> Result<Vec<u32>, StageError> {
        self.calls.lock().unwrap().push(units.len());
        if units.contains(&13) { Err(refusal()) } else { Ok(units.iter().map(|unit| unit * 2).collect()) }
    }

    fn finish(&self, (): &(), _: StageKind, answers: Vec<u32>) -> Result<Artifact, StageError> {
        Ok(Artifact { body: format!("{answers:?}") })
    }
}

/// Feeds units of (slot, unit), each a recording of its own unless equal, and gives what the lane reports and called.
fn feed(units: &[(u64, u32)], load: Result<(), StageError>) -> (Vec<LaneReport<u32>>, Vec<usize>) {
    let calls = Arc::default();
    let (sender, reports) = unbounded();
    let pipeline = Arc::new(Doubler { calls: Arc::clone(&calls), load });
    let report = move |report| sender.send(report).unwrap();
    let lane = DeviceLane::start(pipeline, 8, report, Arc::new(Silence), Arc::new(Counters::default())).unwrap();
    let tickets: Vec<_> = (0..10).map(|slot| Arc::new(Ticket::new(slot, LEASE, slot))).collect();
    tickets[9].abandon();
    for (index, (slot, unit)) in units.iter().enumerate() {
        lane.push(&tickets[*slot as usize], STAGE, index, *unit);
    }
    drop(lane);
    let reports = reports.iter().collect();
    let calls = calls.lock().unwrap().clone();
    (reports, calls)
}

fn answers(reports: &[LaneReport<u32>]) -> Vec<(u64, u32)> {
    let answer = |report: &LaneReport<u32>| match report {
        LaneReport::Answered { slot, answer, .. } => Some((*slot, *answer)),
        LaneReport::Failed { .. } => None,
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
fn a_panic_becomes_an_error_with_its_message() {
    let error = guarded::<()>(STAGE, || panic!("no {}", "way")).unwrap_err();
    assert_eq!(
        (error.class, error.code.as_str(), error.message.as_str()),
        (ErrorClass::Bug, "panic", "panicked: no way")
    );
}
