//! The flow that the device lane's engine draws from.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use stage_core::{ErrorClass, Flow, ModelInput, ModelOutput, Phase, StageError, StageName};

use super::call_size::CallSize;
use super::intake::{Intake, Unit};
use super::interval::DeviceInterval;
use super::{Activity, Announce, LaneReport};
use crate::clock::Moment;
use crate::protocol::{FaultPlace, Slot};

/// Units of one stage for one run of the engine.
pub(super) struct LaneFlow<'a, N> {
    pub(super) slot: Slot,
    pub(super) stage: StageName,
    /// Those that come first.
    pub(super) listed: VecDeque<Unit>,
    /// The queue of those that come then; none where the list is all there is.
    pub(super) queue: Option<&'a mut Intake>,
    pub(super) size: &'a mut CallSize,
    pub(super) report: &'a N,
    pub(super) announce: &'a dyn Announce,
    pub(super) activity: &'a Activity,
    pub(super) run: EngineRun,
}

/// The state of the units so far.
#[derive(Default)]
pub(super) struct EngineRun {
    under_way: BTreeMap<usize, Drawn>,
    drawn: usize,
    interval: Option<DeviceInterval>,
    fault: Option<Fault>,
}

struct Drawn {
    unit: Unit,
    at: Moment,
}

/// Why the engine gets no more units.
struct Fault {
    error: StageError,
    /// Units under way when it happened.
    at_once: usize,
}

/// An engine's run that left something to do.
pub(super) struct BrokenRun {
    pub(super) error: StageError,
    /// Units under way when it happened.
    pub(super) at_once: usize,
    /// Those that may be at fault; abandoned ones left out.
    pub(super) suspects: Vec<Unit>,
    /// Those that were never drawn.
    pub(super) rest: Vec<Unit>,
}

impl<N: Fn(LaneReport)> LaneFlow<'_, N> {
    /// Evaluates the run when the engine has ended with `result`. None if every unit is complete.
    pub(super) fn end(mut self, result: Result<(), StageError>) -> Option<BrokenRun> {
        self.cut();
        if let Some(interval) = self.run.interval.take() {
            self.activity.note(interval.broken_off(self.stage, self.slot));
        }
        let under_way = self.run.under_way.len();
        let wanted = |unit: &Unit| !unit.tag.ticket.is_abandoned();
        let mut suspects: Vec<_> = self.run.under_way.into_values().map(|drawn| drawn.unit).filter(wanted).collect();
        let mut rest: Vec<_> = self.listed.into_iter().filter(wanted).collect();
        let Fault { error, at_once } = match (self.run.fault, result) {
            (Some(fault), _) => fault,
            // An engine whose memory is full before it draws anything had prepared for as many as it may draw.
            (None, Err(error)) if self.run.drawn == 0 && error.class == ErrorClass::Memory => {
                Fault { error, at_once: self.size.now() }
            }
            (None, Err(error)) => Fault { error, at_once: under_way },
            (None, Ok(())) if suspects.is_empty() && rest.is_empty() => return None,
            (None, Ok(())) => {
                let message = format!("the engine ended with {} units incomplete", suspects.len() + rest.len());
                // A unit that was forgotten among others is tried again alone.
                Fault { error: bug(self.stage, "output-count", message), at_once: self.run.drawn }
            }
        };
        if suspects.is_empty() {
            std::mem::swap(&mut suspects, &mut rest);
        }
        Some(BrokenRun { error, at_once, suspects, rest })
    }

    fn next_wanted(&mut self) -> Option<Unit> {
        loop {
            let unit = match (self.listed.pop_front(), &mut self.queue) {
                (Some(unit), _) => unit,
                (None, Some(queue)) => queue.peer(self.stage, self.run.under_way.is_empty())?,
                (None, None) => return None,
            };
            if !unit.tag.ticket.is_abandoned() {
                return Some(unit);
            }
        }
    }

    /// Records an interval in which units were completed.
    fn cut(&mut self) {
        let run = &mut self.run;
        let Some(interval) = run.interval.take_if(|interval| interval.has_completed()) else { return };
        if !run.under_way.is_empty() {
            run.interval = Some(interval.next(run.under_way.values().map(|drawn| drawn.unit.tag.ticket.item)));
        }
        self.activity.note(interval.span(self.stage, self.slot));
    }

    fn stop(&mut self, error: StageError) {
        let at_once = self.run.under_way.len();
        self.run.fault.get_or_insert(Fault { error, at_once });
    }
}

impl<N: Fn(LaneReport)> Flow<ModelInput, ModelOutput> for LaneFlow<'_, N> {
    fn capacity(&self) -> usize {
        self.size.now()
    }

    fn draw(&mut self) -> Option<(usize, Arc<ModelInput>)> {
        self.cut();
        if self.run.fault.is_some() || self.run.under_way.len() >= self.capacity() {
            return None;
        }
        let unit = self.next_wanted()?;
        unit.tag.reach_device(self.announce);
        let (ticket, payload, at) = (Arc::clone(&unit.tag.ticket), Arc::clone(&unit.payload), Moment::now());
        let key = self.run.drawn;
        self.run.drawn += 1;
        self.run.under_way.insert(key, Drawn { unit, at });
        let under_way = self.run.under_way.len();
        self.run.interval.get_or_insert_with(|| DeviceInterval::new(at)).holds(ticket.item, under_way);
        let place = FaultPlace::Stage(self.stage, Phase::Infer);
        match self.announce.before(place, &[&ticket], under_way) {
            Ok(()) => Some((key, payload)),
            Err(error) => {
                self.stop(error);
                None
            }
        }
    }

    fn answer(&mut self, key: usize, output: ModelOutput) {
        let under_way = self.run.under_way.len();
        let Some(Drawn { unit, at }) = self.run.under_way.remove(&key) else {
            let what =
                if key < self.run.drawn { "completed a unit twice" } else { "completed a unit that was not drawn" };
            return self.stop(bug(self.stage, "output-key", format!("the engine {what}")));
        };
        self.size.completed(under_way);
        self.progressed();
        if let Some(interval) = &mut self.run.interval {
            interval.completed();
        }
        (self.report)(LaneReport::Completed {
            ticket: unit.tag.ticket.id,
            stage: self.stage,
            index: unit.tag.index,
            output,
            began: at,
            duration: at.elapsed(),
        });
    }

    fn progressed(&mut self) {
        self.activity.device.step();
    }
}

fn bug(stage: StageName, code: &str, message: String) -> StageError {
    StageError::new(stage, ErrorClass::Bug, code, message)
}
