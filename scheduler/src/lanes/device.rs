//! The device lane: one thread that owns the model. Its engine draws units of any recording and answers each as soon as
//! it can; it ends when nothing waits, or when something else wants the device.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::Sender;
use stage_core::{ErrorClass, Phase, StageError, StageKind};

use super::call_size::CallSize;
use super::flow::{BrokenRun, LaneFlow};
use super::intake::{Feed, Intake, Next, Tag, Unit};
use super::valve::Valve;
use super::{Activity, Announce, guarded};
use crate::clock::Moment;
use crate::protocol::{FaultPlace, Lane, TaskSpan};
use crate::worker::Pipeline;

/// What the device lane says.
#[derive(Debug)]
pub(crate) enum LaneReport<A> {
    /// The answer to unit `index` of a recording's stage, when the unit was drawn, and how long it was under way.
    Answered { slot: u64, stage: StageKind, index: usize, answer: A, began: Moment, duration: Duration },
    /// The device failed on a unit, alone; the recording's other units are dropped.
    Failed { slot: u64, error: StageError },
    /// The device's memory did not hold `from` units; at most `to` are tried from now on.
    Shrunk { from: usize, to: usize, error: StageError },
    /// The canary ran.
    CanaryEnded { error: Option<StageError> },
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

    /// Stops the lane when what is under way is answered, or lets it go on.
    pub(crate) fn pause(&self, paused: bool) {
        self.valve.set_closed(paused);
    }
}

/// The thread's state.
pub(crate) struct DeviceLane<P: Pipeline, N> {
    pipeline: Arc<P>,
    intake: Intake<P>,
    size: CallSize,
    loaded: Option<Result<(), StageError>>,
    report: N,
    announce: Arc<dyn Announce>,
    activity: Arc<Activity>,
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
        let valve = Arc::new(Valve::default());
        let (intake, feed, canaries) = Intake::new(2 * size.now(), Arc::clone(&valve));
        let lane = Self { pipeline, intake, size, loaded: None, report, announce, activity };
        thread::Builder::new().name("device-lane".to_owned()).spawn(move || lane.serve())?;
        Ok(DeviceHandle { feed, canaries, valve })
    }

    fn serve(mut self) {
        while let Some(next) = self.intake.next() {
            match next {
                Next::Canary => self.canary(),
                Next::Units(first) if first.tag.ticket.is_abandoned() => {}
                Next::Units(first) => self.units(first),
            }
        }
    }

    fn canary(&mut self) {
        // The canary is transcribe's affair as far as the timeline is concerned: the only stage with a model here.
        let stage = StageKind::Transcribe;
        let result = self.load(stage).and_then(|()| {
            self.intake.valve.pass();
            let canary = || {
                self.announce.before(FaultPlace::Canary, &[], 1)?;
                self.pipeline.canary()
            };
            self.activity.track(&self.activity.setup, Some(setup_span(stage)), || guarded(stage, canary))
        });
        if result.is_err() {
            // The next canary of a device that recovers must not meet the old failure.
            self.loaded = self.loaded.take().filter(Result::is_ok);
        }
        (self.report)(LaneReport::CanaryEnded { error: result.err() });
    }

    /// Answers a unit and what waits behind it.
    fn units(&mut self, first: Unit<P>) {
        let stage = first.tag.stage;
        first.tag.reach_device(&*self.announce);
        match self.load(stage) {
            Ok(()) => self.run(stage, vec![first], true),
            Err(error) => self.fail(&first.tag, &error),
        }
    }

    fn load(&mut self, stage: StageKind) -> Result<(), StageError> {
        let Self { loaded, pipeline, activity, announce, .. } = self;
        let load = || {
            announce.before(FaultPlace::Load, &[], 0)?;
            pipeline.load_device()
        };
        let load = || activity.track(&activity.setup, Some(setup_span(stage)), || guarded(stage, load));
        loaded.get_or_insert_with(load).clone()
    }

    /// Runs the engine over these units and, where the line is open, over those that wait.
    fn run(&mut self, stage: StageKind, units: Vec<Unit<P>>, open: bool) {
        self.intake.valve.pass();
        let Self { pipeline, intake, size, report, announce, activity, .. } = self;
        let mut flow = LaneFlow {
            stage,
            listed: units.into(),
            line: open.then_some(intake),
            size,
            report: &*report,
            announce: &**announce,
            activity,
            run: Default::default(),
        };
        let result = activity.track(&activity.device, None, || guarded(stage, || pipeline.infer(stage, &mut flow)));
        if let Some(broken) = flow.end(result) {
            self.try_again(stage, broken);
        }
    }

    /// Runs the engine again over what it left: in halves, until the failing unit stands alone.
    fn try_again(&mut self, stage: StageKind, broken: BrokenRun<P>) {
        let BrokenRun { error, at_once, mut suspects, rest } = broken;
        if error.class == ErrorClass::Memory && at_once > 1 {
            self.size.failed(at_once);
            (self.report)(LaneReport::Shrunk { from: at_once, to: self.size.now(), error: error.clone() });
        }
        match suspects.len() {
            0 => tracing::error!(%error, "the device's engine failed, and no unit is left that it concerns"),
            1 if at_once <= 1 => self.fail(&suspects[0].tag, &error),
            1 => self.run(stage, suspects, false),
            several => {
                let second = suspects.split_off(several.div_ceil(2));
                self.run(stage, suspects, false);
                self.run(stage, second, false);
            }
        }
        if !rest.is_empty() {
            self.run(stage, rest, false);
        }
    }

    fn fail(&self, tag: &Tag, error: &StageError) {
        if !tag.ticket.is_abandoned() {
            tag.ticket.abandon();
            (self.report)(LaneReport::Failed { slot: tag.ticket.slot, error: error.clone() });
        }
    }
}

/// The load of the models, or the canary: for no recording.
fn setup_span(stage: StageKind) -> TaskSpan {
    let (lane, phase) = (Lane::Device, Phase::Infer);
    TaskSpan { lane, thread: 0, items: Vec::new(), stage, phase, units: 0, at_once: 0, start_us: 0, end_us: 0 }
}
