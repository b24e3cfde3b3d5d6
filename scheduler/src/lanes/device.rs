//! The device lane: one thread that owns the models of a device. Its engine draws inputs of any recording and completes
//! each as soon as it can. The engine's run ends when no input is queued, or when the device is needed for something
//! else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::Sender;
use stage_core::{DeviceRunner, ErrorClass, ErrorCode, Origin, Phase, PipelineError, Runners, StageName};

use super::call_size::CallSize;
use super::flow::{BrokenRun, LaneFlow};
use super::intake::{Feed, Intake, Next, PauseGate, QueuedInput, Tag};
use super::{Activity, Announce, LaneReport, guarded};
use crate::protocol::{FaultPlace, Lane, Slot, SlotSettings, TaskSpan};

/// The handle of a running device lane.
pub(crate) struct DeviceHandle {
    /// The queue of inputs. The lane ends when all clones are dropped.
    pub(crate) feed: Feed,
    probes: Sender<()>,
    gate: Arc<PauseGate>,
}

impl DeviceHandle {
    /// Requests a health probe, which runs before any queued input.
    pub(crate) fn probe_health(&self) {
        // Fails only after the lane has ended, which the reports of the inputs show as well.
        let _ = self.probes.send(());
    }

    /// Pauses the lane when the inputs in flight are complete, or resumes it.
    pub(crate) fn pause(&self, paused: bool) {
        self.gate.set_closed(paused);
    }
}

/// The state of the lane's thread.
pub(crate) struct DeviceLane<N> {
    slot: Slot,
    device_batch: usize,
    runners: Arc<Runners>,
    intake: Intake,
    /// The number of inputs that may be in flight, by stage: models need different amounts of memory.
    sizes: BTreeMap<StageName, CallSize>,
    loaded: BTreeMap<StageName, Result<(), PipelineError>>,
    report: N,
    announce: Arc<dyn Announce>,
    activity: Arc<Activity>,
}

impl<N: Fn(LaneReport) + Send + 'static> DeviceLane<N> {
    /// Starts the thread. It ends when every [`Feed`] is dropped. `report` must not block.
    pub(crate) fn start(
        runners: Arc<Runners>,
        settings: &SlotSettings,
        report: N,
        announce: Arc<dyn Announce>,
        activity: Arc<Activity>,
    ) -> std::io::Result<DeviceHandle> {
        let device_batch = settings.device_batch.max(1);
        let gate = Arc::new(PauseGate::default());
        let (intake, feed, probes) = Intake::new(2 * device_batch, Arc::clone(&gate));
        let (sizes, loaded) = (BTreeMap::new(), BTreeMap::new());
        let slot = settings.slot;
        let lane = Self { slot, device_batch, runners, intake, sizes, loaded, report, announce, activity };
        thread::Builder::new().name("device-lane".to_owned()).spawn(move || lane.serve())?;
        Ok(DeviceHandle { feed, probes, gate })
    }

    fn serve(mut self) {
        while let Some(next) = self.intake.next() {
            match next {
                Next::HealthProbe => self.probe_health(),
                Next::Input(first) if first.tag.ticket.is_abandoned() => {}
                Next::Input(first) => self.compute(first),
            }
        }
    }

    /// Runs the health probe of every stage whose model is loaded, or of the first device stage if none is.
    fn probe_health(&mut self) {
        let on_device = self.runners.iter().map(|runner| runner.spec()).filter(|spec| spec.on_device());
        let mut stages: Vec<_> = on_device.map(|spec| spec.name).collect();
        if stages.iter().any(|stage| self.loaded.contains_key(stage)) {
            stages.retain(|stage| self.loaded.contains_key(stage));
        } else {
            stages.truncate(1);
        }
        let error = stages.into_iter().find_map(|stage| self.probe_stage(stage).err());
        if error.is_some() {
            // Forget failed loads, so that the next probe can succeed if the device recovers.
            self.loaded.retain(|_, loaded| loaded.is_ok());
        }
        (self.report)(LaneReport::HealthProbeEnded { error });
    }

    fn probe_stage(&mut self, stage: StageName) -> Result<(), PipelineError> {
        self.load(stage)?;
        self.intake.gate.pass();
        let probe = || {
            self.announce.before(FaultPlace::HealthProbe, &[], 1)?;
            device_runner(&self.runners, stage)?.health_probe()
        };
        self.activity.track(&self.activity.setup, Some(self.setup_span(stage)), || guarded(stage, probe))
    }

    /// Computes an input and the queued inputs after it.
    fn compute(&mut self, first: QueuedInput) {
        let stage = first.tag.stage;
        first.tag.reach_device(&*self.announce);
        match self.load(stage) {
            Ok(()) => self.run(stage, vec![first], true),
            Err(error) => self.fail(&first.tag, &error),
        }
    }

    fn load(&mut self, stage: StageName) -> Result<(), PipelineError> {
        let span = self.setup_span(stage);
        let Self { loaded, runners, activity, announce, .. } = self;
        let load = || {
            announce.before(FaultPlace::Load, &[], 0)?;
            device_runner(runners, stage)?.load()
        };
        let load = || activity.track(&activity.setup, Some(span), || guarded(stage, load));
        loaded.entry(stage).or_insert_with(load).clone()
    }

    /// Runs the engine on these inputs, and on queued ones if `open` is true.
    fn run(&mut self, stage: StageName, inputs: Vec<QueuedInput>, open: bool) {
        self.intake.gate.pass();
        let Self { runners, intake, sizes, report, announce, activity, .. } = self;
        let mut flow = LaneFlow {
            slot: self.slot,
            stage,
            listed: inputs.into(),
            queue: open.then_some(intake),
            size: sizes.entry(stage).or_insert_with(|| CallSize::new(self.device_batch)),
            report: &*report,
            announce: &**announce,
            activity,
            run: Default::default(),
        };
        let infer = || device_runner(runners, stage)?.infer(&mut flow);
        let result = activity.track(&activity.device, None, || guarded(stage, infer));
        if let Some(broken) = flow.end(result) {
            self.try_again(stage, broken);
        }
    }

    /// Runs the engine again on the remaining inputs, in halves until the failing input runs alone.
    fn try_again(&mut self, stage: StageName, broken: BrokenRun) {
        let BrokenRun { error, at_once, mut candidates, rest } = broken;
        if error.class == ErrorClass::Memory && at_once > 1 {
            let size = self.sizes.entry(stage).or_insert_with(|| CallSize::new(self.device_batch));
            size.failed(at_once);
            (self.report)(LaneReport::Shrunk { from: at_once, to: size.now(), error: error.clone() });
        }
        match candidates.len() {
            0 => tracing::error!(%error, "the device's engine failed, and no input is left that it concerns"),
            1 if at_once <= 1 => self.fail(&candidates[0].tag, &error),
            1 => self.run(stage, candidates, false),
            several => {
                let second = candidates.split_off(several.div_ceil(2));
                self.run(stage, candidates, false);
                self.run(stage, second, false);
            }
        }
        if !rest.is_empty() {
            self.run(stage, rest, false);
        }
    }

    fn fail(&self, tag: &Tag, error: &PipelineError) {
        if !tag.ticket.is_abandoned() {
            tag.ticket.abandon();
            (self.report)(LaneReport::Failed { ticket: tag.ticket.id, error: error.clone() });
        }
    }

    /// The span of a model load or a health probe, which belongs to no recording.
    fn setup_span(&self, stage: StageName) -> TaskSpan {
        let (lane, phase, items) = (Lane::Device, Phase::Infer, Vec::new());
        TaskSpan {
            lane,
            slot: self.slot,
            thread: 0,
            items,
            stage,
            phase,
            inputs: 0,
            at_once: 0,
            start_us: 0,
            end_us: 0,
        }
    }
}

fn device_runner(runners: &Runners, stage: StageName) -> Result<&dyn DeviceRunner, PipelineError> {
    let runner = runners.get(stage).and_then(|runner| runner.device());
    runner.ok_or_else(|| {
        PipelineError::bug(Origin::Worker, ErrorCode::MisplacedTask, format!("{stage} has no device work"))
    })
}
