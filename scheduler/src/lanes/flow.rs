//! The flow that the device lane's engine draws from.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use stage_core::{ErrorClass, Flow, Phase, StageError, StageKind};

use super::call_size::CallSize;
use super::intake::{Intake, Unit};
use super::stretch::Stretch;
use super::{Activity, Announce, LaneReport};
use crate::clock::Moment;
use crate::protocol::FaultPlace;
use crate::worker::Pipeline;

/// Units of one stage for one run of the engine.
pub(super) struct LaneFlow<'a, P: Pipeline, N> {
    pub(super) stage: StageKind,
    /// Those that come first.
    pub(super) listed: VecDeque<Unit<P>>,
    /// The line of those that come then; none where the list is all there is.
    pub(super) line: Option<&'a mut Intake<P>>,
    pub(super) size: &'a mut CallSize,
    pub(super) report: &'a N,
    pub(super) announce: &'a dyn Announce,
    pub(super) activity: &'a Activity,
    pub(super) run: EngineRun<P>,
}

/// What has become of the units so far.
pub(super) struct EngineRun<P: Pipeline> {
    under_way: BTreeMap<usize, Drawn<P>>,
    drawn: usize,
    stretch: Option<Stretch>,
    fault: Option<Fault>,
}

impl<P: Pipeline> Default for EngineRun<P> {
    fn default() -> Self {
        Self { under_way: BTreeMap::new(), drawn: 0, stretch: None, fault: None }
    }
}

struct Drawn<P: Pipeline> {
    unit: Unit<P>,
    at: Moment,
}

/// Why the engine gets no more units.
struct Fault {
    error: StageError,
    /// Units under way when it happened.
    at_once: usize,
}

/// An engine's run that left something to do.
pub(super) struct BrokenRun<P: Pipeline> {
    pub(super) error: StageError,
    /// Units under way when it happened.
    pub(super) at_once: usize,
    /// Those that may be at fault; abandoned ones left out.
    pub(super) suspects: Vec<Unit<P>>,
    /// Those that were never drawn.
    pub(super) rest: Vec<Unit<P>>,
}

impl<P: Pipeline, N: Fn(LaneReport<P::Answer>)> LaneFlow<'_, P, N> {
    /// Takes stock when the engine has ended with `result`. None if every unit has its answer.
    pub(super) fn end(mut self, result: Result<(), StageError>) -> Option<BrokenRun<P>> {
        self.cut();
        if let Some(stretch) = self.run.stretch.take() {
            self.activity.note(stretch.broken_off(self.stage));
        }
        let under_way = self.run.under_way.len();
        let wanted = |unit: &Unit<P>| !unit.tag.ticket.is_abandoned();
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
                let message = format!("the engine ended with {} units unanswered", suspects.len() + rest.len());
                // Whoever was forgotten among others gets another chance, alone.
                Fault { error: bug(self.stage, "answer-count", message), at_once: self.run.drawn }
            }
        };
        if suspects.is_empty() {
            std::mem::swap(&mut suspects, &mut rest);
        }
        Some(BrokenRun { error, at_once, suspects, rest })
    }

    fn next_wanted(&mut self) -> Option<Unit<P>> {
        loop {
            let unit = match (self.listed.pop_front(), &mut self.line) {
                (Some(unit), _) => unit,
                (None, Some(line)) => line.peer(self.stage, self.run.under_way.is_empty())?,
                (None, None) => return None,
            };
            if !unit.tag.ticket.is_abandoned() {
                return Some(unit);
            }
        }
    }

    /// Notes a stretch that has answers.
    fn cut(&mut self) {
        let run = &mut self.run;
        let Some(stretch) = run.stretch.take_if(|stretch| stretch.has_answers()) else { return };
        if !run.under_way.is_empty() {
            run.stretch = Some(stretch.next(run.under_way.values().map(|drawn| drawn.unit.tag.ticket.item)));
        }
        self.activity.note(stretch.span(self.stage));
    }

    fn stop(&mut self, error: StageError) {
        let at_once = self.run.under_way.len();
        self.run.fault.get_or_insert(Fault { error, at_once });
    }
}

impl<P: Pipeline, N: Fn(LaneReport<P::Answer>)> Flow<P::Unit, P::Answer> for LaneFlow<'_, P, N> {
    fn capacity(&self) -> usize {
        self.size.now()
    }

    fn draw(&mut self) -> Option<(usize, Arc<P::Unit>)> {
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
        self.run.stretch.get_or_insert_with(|| Stretch::new(at)).holds(ticket.item, under_way);
        let place = FaultPlace::Stage(self.stage, Phase::Infer);
        match self.announce.before(place, &[&ticket], under_way) {
            Ok(()) => Some((key, payload)),
            Err(error) => {
                self.stop(error);
                None
            }
        }
    }

    fn answer(&mut self, key: usize, answer: P::Answer) {
        let under_way = self.run.under_way.len();
        let Some(Drawn { unit, at }) = self.run.under_way.remove(&key) else {
            let what =
                if key < self.run.drawn { "answered a unit twice" } else { "answered a unit that was not drawn" };
            return self.stop(bug(self.stage, "answer-key", format!("the engine {what}")));
        };
        self.size.answered(under_way);
        self.progressed();
        if let Some(stretch) = &mut self.run.stretch {
            stretch.answered();
        }
        (self.report)(LaneReport::Answered {
            slot: unit.tag.ticket.slot,
            stage: self.stage,
            index: unit.tag.index,
            answer,
            began: at,
            duration: at.elapsed(),
        });
    }

    fn progressed(&mut self) {
        self.activity.device.step();
    }
}

fn bug(stage: StageKind, code: &str, message: String) -> StageError {
    StageError::new(stage, ErrorClass::Bug, code, message)
}
