//! The flow that the device lane's engine draws from.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use stage_core::{ErrorClass, ErrorCode, Flow, ModelInput, ModelOutput, Phase, PipelineError, StageName};

use super::call_size::CallSize;
use super::intake::{Intake, QueuedInput};
use super::interval::DeviceInterval;
use super::{Activity, Announce, LaneReport};
use crate::clock::Moment;
use crate::protocol::{FaultPlace, Slot};

/// The inputs of one stage for one run of the engine.
pub(super) struct LaneFlow<'a, N> {
    pub(super) slot: Slot,
    pub(super) stage: StageName,
    /// The inputs to draw first.
    pub(super) listed: VecDeque<QueuedInput>,
    /// The queue to draw from after that. `None` if only the listed inputs are drawn.
    pub(super) queue: Option<&'a mut Intake>,
    pub(super) size: &'a mut CallSize,
    pub(super) report: &'a N,
    pub(super) announce: &'a dyn Announce,
    pub(super) activity: &'a Activity,
    pub(super) run: EngineRun,
}

/// The state of the inputs drawn so far.
#[derive(Default)]
pub(super) struct EngineRun {
    in_flight: BTreeMap<usize, Drawn>,
    drawn: usize,
    interval: Option<DeviceInterval>,
    fault: Option<Fault>,
}

struct Drawn {
    input: QueuedInput,
    at: Moment,
}

/// Why the engine gets no more inputs.
struct Fault {
    error: PipelineError,
    /// Number of inputs in flight when the fault happened.
    at_once: usize,
}

/// A run of the engine that left inputs incomplete.
pub(super) struct BrokenRun {
    pub(super) error: PipelineError,
    /// Number of inputs in flight when the fault happened.
    pub(super) at_once: usize,
    /// The inputs that may have caused the fault, without abandoned ones.
    pub(super) candidates: Vec<QueuedInput>,
    /// The inputs that were not drawn.
    pub(super) rest: Vec<QueuedInput>,
}

impl<N: Fn(LaneReport)> LaneFlow<'_, N> {
    /// Evaluates the run after the engine returned `result`. Returns `None` if every input is complete.
    pub(super) fn end(mut self, result: Result<(), PipelineError>) -> Option<BrokenRun> {
        self.cut();
        if let Some(interval) = self.run.interval.take() {
            self.activity.note(interval.broken_off(self.stage, self.slot));
        }
        let in_flight = self.run.in_flight.len();
        let wanted = |input: &QueuedInput| !input.tag.ticket.is_abandoned();
        let mut candidates: Vec<_> = self.run.in_flight.into_values().map(|drawn| drawn.input).filter(wanted).collect();
        let mut rest: Vec<_> = self.listed.into_iter().filter(wanted).collect();
        let Fault { error, at_once } = match (self.run.fault, result) {
            (Some(fault), _) => fault,
            // An engine that runs out of memory before it draws an input has allocated memory for the maximum number of
            // inputs.
            (None, Err(error)) if self.run.drawn == 0 && error.class == ErrorClass::Memory => {
                Fault { error, at_once: self.size.now() }
            }
            (None, Err(error)) => Fault { error, at_once: in_flight },
            (None, Ok(())) if candidates.is_empty() && rest.is_empty() => return None,
            (None, Ok(())) => {
                let message = format!("the engine ended with {} inputs incomplete", candidates.len() + rest.len());
                // An input that the engine lost among others is tried again alone.
                Fault {
                    error: PipelineError::bug(self.stage, ErrorCode::InferenceIncomplete, message),
                    at_once: self.run.drawn,
                }
            }
        };
        if candidates.is_empty() {
            std::mem::swap(&mut candidates, &mut rest);
        }
        Some(BrokenRun { error, at_once, candidates, rest })
    }

    fn next_wanted(&mut self) -> Option<QueuedInput> {
        loop {
            let input = match (self.listed.pop_front(), &mut self.queue) {
                (Some(input), _) => input,
                (None, Some(queue)) => queue.peer(self.stage, self.run.in_flight.is_empty())?,
                (None, None) => return None,
            };
            if !input.tag.ticket.is_abandoned() {
                return Some(input);
            }
        }
    }

    /// Records the current interval if inputs were completed in it.
    fn cut(&mut self) {
        let run = &mut self.run;
        let Some(interval) = run.interval.take_if(|interval| interval.has_completed()) else { return };
        if !run.in_flight.is_empty() {
            run.interval = Some(interval.next(run.in_flight.values().map(|drawn| drawn.input.tag.ticket.item)));
        }
        self.activity.note(interval.span(self.stage, self.slot));
    }

    fn stop(&mut self, error: PipelineError) {
        let at_once = self.run.in_flight.len();
        self.run.fault.get_or_insert(Fault { error, at_once });
    }
}

impl<N: Fn(LaneReport)> Flow<ModelInput, ModelOutput> for LaneFlow<'_, N> {
    fn capacity(&self) -> usize {
        self.size.now()
    }

    fn draw(&mut self) -> Option<(usize, Arc<ModelInput>)> {
        self.cut();
        if self.run.fault.is_some() || self.run.in_flight.len() >= self.capacity() {
            return None;
        }
        let input = self.next_wanted()?;
        input.tag.reach_device(self.announce);
        let (ticket, payload, at) = (Arc::clone(&input.tag.ticket), Arc::clone(&input.payload), Moment::now());
        let key = self.run.drawn;
        self.run.drawn += 1;
        self.run.in_flight.insert(key, Drawn { input, at });
        let in_flight = self.run.in_flight.len();
        self.run.interval.get_or_insert_with(|| DeviceInterval::new(at)).holds(ticket.item, in_flight);
        let place = FaultPlace::Stage(self.stage, Phase::Infer);
        match self.announce.before(place, &[&ticket], in_flight) {
            Ok(()) => Some((key, payload)),
            Err(error) => {
                self.stop(error);
                None
            }
        }
    }

    fn complete(&mut self, key: usize, output: ModelOutput) {
        let in_flight = self.run.in_flight.len();
        let Some(Drawn { input, at }) = self.run.in_flight.remove(&key) else {
            let what =
                if key < self.run.drawn { "completed an input twice" } else { "completed an input that was not drawn" };
            return self.stop(PipelineError::bug(self.stage, ErrorCode::OutputKey, format!("the engine {what}")));
        };
        self.size.completed(in_flight);
        self.progressed();
        if let Some(interval) = &mut self.run.interval {
            interval.completed();
        }
        (self.report)(LaneReport::Completed {
            ticket: input.tag.ticket.id,
            stage: self.stage,
            index: input.tag.index,
            output,
            began: at,
            duration: at.elapsed(),
        });
    }

    fn progressed(&mut self) {
        self.activity.device.step();
    }
}
