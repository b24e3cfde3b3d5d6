//! The device lane: one thread that owns the model and answers units of any recording, as many at once as wait.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use stage_core::{ErrorClass, Phase, StageError, StageKind};

use super::{Announce, Counters, Ticket, guarded};
use crate::worker::Pipeline;

/// How long the lane waits for peers of a unit that is there.
const LINGER: Duration = Duration::from_millis(2);

/// What the device lane says of one unit.
#[derive(Debug)]
pub(crate) enum LaneReport<A> {
    /// The answer to unit `index` of a recording's stage.
    Answered { slot: u64, stage: StageKind, index: usize, answer: A },
    /// The device failed on a unit, alone; the recording's other units are dropped.
    Failed { slot: u64, error: StageError },
}

/// A unit on its way to the device.
struct Unit<P: Pipeline> {
    tag: Tag,
    payload: P::Unit,
}

#[derive(Clone)]
struct Tag {
    ticket: Arc<Ticket>,
    stage: StageKind,
    index: usize,
}

/// The way into the device lane.
pub(crate) struct Feed<P: Pipeline>(Sender<Unit<P>>);

impl<P: Pipeline> Clone for Feed<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P: Pipeline> Feed<P> {
    /// Puts a unit in line; waits while the line is full. False if the recording was given up.
    pub(crate) fn push(&self, ticket: &Arc<Ticket>, stage: StageKind, index: usize, payload: P::Unit) -> bool {
        if ticket.is_abandoned() {
            return false;
        }
        let unit = Unit { tag: Tag { ticket: Arc::clone(ticket), stage, index }, payload };
        let sent = match self.0.try_send(unit) {
            Err(TrySendError::Full(unit)) => self.0.send(unit).is_ok(),
            result => result.is_ok(),
        };
        sent && !ticket.is_abandoned()
    }
}

/// The thread's state.
pub(crate) struct DeviceLane<P: Pipeline, N> {
    pipeline: Arc<P>,
    units: Receiver<Unit<P>>,
    /// A unit of another stage than the batch before it.
    carried: Option<Unit<P>>,
    device_batch: usize,
    loaded: Option<Result<(), StageError>>,
    report: N,
    announce: Arc<dyn Announce>,
    counters: Arc<Counters>,
}

impl<P: Pipeline, N: Fn(LaneReport<P::Answer>) + Send + 'static> DeviceLane<P, N> {
    /// Starts the thread; it ends when every [`Feed`] is dropped. `report` must not block.
    pub(crate) fn start(
        pipeline: Arc<P>,
        device_batch: usize,
        report: N,
        announce: Arc<dyn Announce>,
        counters: Arc<Counters>,
    ) -> std::io::Result<Feed<P>> {
        let device_batch = device_batch.max(1);
        let (sender, units) = bounded(2 * device_batch);
        let lane = Self { pipeline, units, carried: None, device_batch, loaded: None, report, announce, counters };
        thread::Builder::new().name("device-lane".to_owned()).spawn(move || lane.serve())?;
        Ok(Feed(sender))
    }

    fn serve(mut self) {
        while let Some((tags, payloads)) = self.collect() {
            let Some(first) = tags.first() else { continue };
            let stage = first.stage;
            for tag in tags.iter().filter(|tag| tag.index == 0) {
                self.announce.started(&tag.ticket, stage, Phase::Infer);
            }
            match self.load(stage) {
                Ok(()) => self.answer(stage, &tags, &payloads),
                Err(error) => tags.iter().for_each(|tag| self.fail(tag, &error)),
            }
        }
    }

    /// The next units of one stage that are still wanted; possibly none of a batch. None at the end.
    fn collect(&mut self) -> Option<(Vec<Tag>, Vec<P::Unit>)> {
        let first = self.carried.take().or_else(|| self.units.recv().ok())?;
        let stage = first.tag.stage;
        let deadline = Instant::now() + LINGER;
        let mut units = vec![first];
        while units.len() < self.device_batch {
            match self.units.recv_deadline(deadline) {
                Ok(unit) if unit.tag.stage == stage => units.push(unit),
                Ok(other) => {
                    self.carried = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        units.retain(|unit| !unit.tag.ticket.is_abandoned());
        Some(units.into_iter().map(|unit| (unit.tag, unit.payload)).unzip())
    }

    fn load(&mut self, stage: StageKind) -> Result<(), StageError> {
        let Self { loaded, pipeline, counters, .. } = self;
        loaded.get_or_insert_with(|| counters.device.count(|| guarded(stage, || pipeline.load_device()))).clone()
    }

    /// Answers the units; where the device fails, in halves, until the failing unit stands alone.
    fn answer(&self, stage: StageKind, tags: &[Tag], payloads: &[P::Unit]) {
        match self.counters.device.count(|| guarded(stage, || self.infer(stage, payloads))) {
            Ok(answers) => {
                for (tag, answer) in tags.iter().zip(answers) {
                    (self.report)(LaneReport::Answered { slot: tag.ticket.slot, stage, index: tag.index, answer });
                }
            }
            Err(error) if tags.len() == 1 => self.fail(&tags[0], &error),
            Err(_) => {
                let middle = tags.len().div_ceil(2);
                self.answer(stage, &tags[..middle], &payloads[..middle]);
                self.answer(stage, &tags[middle..], &payloads[middle..]);
            }
        }
    }

    fn infer(&self, stage: StageKind, payloads: &[P::Unit]) -> Result<Vec<P::Answer>, StageError> {
        let answers = self.pipeline.infer(stage, payloads)?;
        if answers.len() == payloads.len() {
            return Ok(answers);
        }
        let message = format!("{} answers to {} units", answers.len(), payloads.len());
        Err(StageError::new(stage, ErrorClass::Bug, "answer-count", message))
    }

    fn fail(&self, tag: &Tag, error: &StageError) {
        if !tag.ticket.is_abandoned() {
            tag.ticket.abandon();
            (self.report)(LaneReport::Failed { slot: tag.ticket.slot, error: error.clone() });
        }
    }
}
