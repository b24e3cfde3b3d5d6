//! The device lane: one thread that owns the model and answers units of any recording, as many at once as wait.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select_biased, unbounded};
use stage_core::{ErrorClass, Phase, StageError, StageKind};

use super::call_size::CallSize;
use super::valve::Valve;
use super::{Activity, Announce, Ticket, guarded};
use crate::clock::Moment;
use crate::protocol::{FaultPlace, Lane, TaskSpan};
use crate::worker::Pipeline;

/// How long the lane waits for peers of a unit that is there.
const LINGER: Duration = Duration::from_millis(2);

/// What the device lane says.
#[derive(Debug)]
pub(crate) enum LaneReport<A> {
    /// The answer to unit `index` of a recording's stage, and the call that gave it.
    Answered { slot: u64, stage: StageKind, index: usize, answer: A, began: Moment, duration: Duration },
    /// The device failed on a unit, alone; the recording's other units are dropped.
    Failed { slot: u64, error: StageError },
    /// The device's memory did not hold `from` units; at most `to` are tried from now on.
    Shrunk { from: usize, to: usize, error: StageError },
    /// The canary ran.
    CanaryEnded { error: Option<StageError> },
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

/// What its owner holds of a running device lane.
pub(crate) struct DeviceHandle<P: Pipeline> {
    /// For units. The lane ends when every one is dropped.
    pub(crate) feed: Feed<P>,
    canaries: Sender<()>,
    valve: Arc<Valve>,
}

impl<P: Pipeline> DeviceHandle<P> {
    /// Asks for the canary, before any unit that waits.
    pub(crate) fn canary(&self) {
        // Fails only after the lane's end, which every unit's answer would tell too.
        let _ = self.canaries.send(());
    }

    /// Stops the lane between two calls, or lets it go on.
    pub(crate) fn pause(&self, paused: bool) {
        self.valve.set_closed(paused);
    }
}

/// The thread's state.
pub(crate) struct DeviceLane<P: Pipeline, N> {
    pipeline: Arc<P>,
    units: Receiver<Unit<P>>,
    canaries: Receiver<()>,
    valve: Arc<Valve>,
    /// A unit of another stage than the batch before it.
    carried: Option<Unit<P>>,
    size: CallSize,
    loaded: Option<Result<(), StageError>>,
    report: N,
    announce: Arc<dyn Announce>,
    activity: Arc<Activity>,
}

enum Next<P: Pipeline> {
    Canary,
    Units(Vec<Unit<P>>),
}

impl<P: Pipeline, N: Fn(LaneReport<P::Answer>) + Send + 'static> DeviceLane<P, N> {
    /// Starts the thread; it ends when every [`Feed`] is dropped. `report` must not block.
    pub(crate) fn start(
        pipeline: Arc<P>,
        device_batch: usize,
        report: N,
        announce: Arc<dyn Announce>,
        activity: Arc<Activity>,
    ) -> std::io::Result<DeviceHandle<P>> {
        let size = CallSize::new(device_batch);
        let (sender, units) = bounded(2 * size.now());
        let (canary_sender, canaries) = unbounded();
        let valve = Arc::new(Valve::default());
        let handle = DeviceHandle { feed: Feed(sender), canaries: canary_sender, valve: Arc::clone(&valve) };
        let lane =
            Self { pipeline, units, canaries, valve, carried: None, size, loaded: None, report, announce, activity };
        thread::Builder::new().name("device-lane".to_owned()).spawn(move || lane.serve())?;
        Ok(handle)
    }

    fn serve(mut self) {
        while let Some(next) = self.next() {
            match next {
                Next::Canary => self.canary(),
                Next::Units(units) => self.units(units),
            }
        }
    }

    /// A canary, or the next units of one stage that are still wanted (possibly none). None at the end.
    fn next(&mut self) -> Option<Next<P>> {
        let first = match self.carried.take() {
            Some(unit) => unit,
            None => select_biased! {
                recv(self.canaries) -> canary => match canary {
                    Ok(()) => return Some(Next::Canary),
                    Err(_) => self.units.recv().ok()?,
                },
                recv(self.units) -> unit => unit.ok()?,
            },
        };
        let stage = first.tag.stage;
        let deadline = Instant::now() + LINGER;
        let mut units = vec![first];
        while units.len() < self.size.now() {
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
        Some(Next::Units(units))
    }

    fn canary(&mut self) {
        // The canary is transcribe's affair as far as the timeline is concerned: the only stage with a model here.
        let stage = StageKind::Transcribe;
        let result = self.load(stage).and_then(|()| {
            self.valve.pass();
            let canary = || {
                self.announce.before(FaultPlace::Canary, &[], 1)?;
                self.pipeline.canary()
            };
            self.activity.track(Lane::Device, Some(span(stage, &[])), || guarded(stage, canary))
        });
        if result.is_err() {
            // The next canary of a device that recovers must not meet the old failure.
            self.loaded = self.loaded.take().filter(Result::is_ok);
        }
        (self.report)(LaneReport::CanaryEnded { error: result.err() });
    }

    fn units(&mut self, units: Vec<Unit<P>>) {
        let Some(first) = units.first() else { return };
        let stage = first.tag.stage;
        let (tags, payloads): (Vec<_>, Vec<_>) = units.into_iter().map(|unit| (unit.tag, unit.payload)).unzip();
        for tag in tags.iter().filter(|tag| tag.ticket.reaches_device()) {
            self.announce.started(&tag.ticket, stage, Phase::Infer);
        }
        match self.load(stage) {
            Ok(()) => self.answer(stage, &tags, &payloads),
            Err(error) => tags.iter().for_each(|tag| self.fail(tag, &error)),
        }
    }

    fn load(&mut self, stage: StageKind) -> Result<(), StageError> {
        let Self { loaded, pipeline, activity, announce, .. } = self;
        let load = || {
            announce.before(FaultPlace::Load, &[], 0)?;
            pipeline.load_device()
        };
        let load = || activity.track(Lane::Device, Some(span(stage, &[])), || guarded(stage, load));
        loaded.get_or_insert_with(load).clone()
    }

    /// Answers the units; where the device fails, in halves, until the failing unit stands alone.
    fn answer(&mut self, stage: StageKind, tags: &[Tag], payloads: &[P::Unit]) {
        self.valve.pass();
        let began = Moment::now();
        let call = || guarded(stage, || self.infer(stage, tags, payloads));
        match self.activity.track(Lane::Device, Some(span(stage, tags)), call) {
            Ok(answers) => {
                self.size.fitted(payloads.len());
                let duration = began.elapsed();
                for (tag, answer) in tags.iter().zip(answers) {
                    let (slot, index) = (tag.ticket.slot, tag.index);
                    (self.report)(LaneReport::Answered { slot, stage, index, answer, began, duration });
                }
            }
            Err(error) if tags.len() == 1 => self.fail(&tags[0], &error),
            Err(error) => {
                if error.class == ErrorClass::Memory {
                    self.size.failed(payloads.len());
                    (self.report)(LaneReport::Shrunk { from: payloads.len(), to: self.size.now(), error });
                }
                let middle = tags.len().div_ceil(2);
                self.answer(stage, &tags[..middle], &payloads[..middle]);
                self.answer(stage, &tags[middle..], &payloads[middle..]);
            }
        }
    }

    fn infer(&self, stage: StageKind, tags: &[Tag], payloads: &[P::Unit]) -> Result<Vec<P::Answer>, StageError> {
        let tickets: Vec<_> = tags.iter().map(|tag| &*tag.ticket).collect();
        self.announce.before(FaultPlace::Stage(stage, Phase::Infer), &tickets, payloads.len())?;
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

/// A call for these units; for none, while the models load or the canary runs.
fn span(stage: StageKind, tags: &[Tag]) -> TaskSpan {
    let mut items: Vec<_> = tags.iter().map(|tag| tag.ticket.item).collect();
    items.dedup();
    let units = tags.len() as u32;
    TaskSpan { lane: Lane::Device, thread: 0, items, stage, phase: Phase::Infer, units, start_us: 0, end_us: 0 }
}
