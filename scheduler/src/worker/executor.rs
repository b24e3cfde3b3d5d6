//! Runs all batches that the worker holds at the same time, so that the lanes never drain between batches.
//!
//! One thread owns the state. It receives commands and reports of the lanes, and sends tasks to the lanes. It never
//! blocks on a lane.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, select, unbounded};
use stage_core::{ArtifactName, ErrorClass, ErrorCode, ModelOutput, Origin, Phase, PipelineError, Runners, StageName};

use super::WorkerSettings;
use super::error::WorkerError;
use super::open::OpenItem;
use super::outbox::Outbox;
use super::pending::{Batches, ReadyTasks, Work};
use super::task::{CpuTask, TaskResult};
use crate::clock::Moment;
use crate::dag::{BatchGraph, Task};
use crate::lanes::{Activity, CpuLane, DeviceHandle, DeviceLane, LaneReport, TaskClock, Ticket};
use crate::protocol::{Batch, CodecError, FromWorker, ItemJob, NewBody, Slot, SlotSettings, TaskTime, ToWorker};
use crate::store::Lease;

/// Number of recordings that may be open beyond the number of CPU threads: one on the device, some short ones queued
/// behind it, and a long one that is being decoded. The limit bounds the memory for batches of any length.
const OPEN_BEYOND_THREADS: usize = 4;

/// Messages from stdin. The channel closes at the end of stdin.
pub(super) type Commands = Receiver<Result<ToWorker, CodecError>>;

enum Report {
    Cpu { recording: u64, work: Work, began: Moment, result: Result<TaskResult, PipelineError> },
    Device(LaneReport),
}

/// The worker's state.
pub(super) struct Executor {
    runners: Arc<Runners>,
    /// The position of each stage in the data flow.
    ranks: HashMap<StageName, usize>,
    outbox: Arc<Outbox>,
    activity: Arc<Activity>,
    cpu: CpuLane,
    slot: Slot,
    device: DeviceHandle,
    reports: Receiver<Report>,
    reporter: Sender<Report>,
    batches: Batches,
    /// Recordings that are not open yet.
    waiting: VecDeque<(Lease, ItemJob)>,
    open: HashMap<u64, OpenItem>,
    open_limit: usize,
    task_time: TaskTime,
    next_recording: u64,
    ready: ReadyTasks,
    /// Whether the device lane pauses when the inputs in flight are complete.
    paused: bool,
    draining: bool,
}

impl Executor {
    /// Starts the CPU lane and the device lane of a worker with one device.
    pub(super) fn start(
        runners: Runners,
        settings: &WorkerSettings,
        slot: &SlotSettings,
        outbox: Arc<Outbox>,
        activity: Arc<Activity>,
    ) -> Result<Self, WorkerError> {
        let runners = Arc::new(runners);
        let (reporter, reports) = unbounded();
        let to_executor = reporter.clone();
        let report = move |report| drop(to_executor.send(Report::Device(report)));
        let announce = Arc::clone(&outbox) as _;
        let device = DeviceLane::start(Arc::clone(&runners), slot, report, announce, Arc::clone(&activity))?;
        Ok(Self {
            ranks: runners.specs().iter().enumerate().map(|(rank, spec)| (spec.name, rank)).collect(),
            runners,
            outbox,
            activity,
            cpu: CpuLane::new(settings.threads)?,
            slot: slot.slot,
            device,
            reports,
            reporter,
            batches: Batches::default(),
            waiting: VecDeque::new(),
            open: HashMap::new(),
            open_limit: settings.threads + OPEN_BEYOND_THREADS,
            task_time: settings.task_time,
            next_recording: 0,
            ready: ReadyTasks::default(),
            paused: false,
            draining: false,
        })
    }

    /// Runs until the coordinator shuts the worker down or is gone.
    pub(super) fn run(mut self, commands: &Commands) -> Result<(), WorkerError> {
        let end = self.work(commands);
        self.outbox.send_spans(self.activity.take_spans());
        end
    }

    fn work(&mut self, commands: &Commands) -> Result<(), WorkerError> {
        loop {
            self.admit();
            self.fill_cpu_lane();
            if self.draining && self.open.is_empty() && self.outbox.is_settled() {
                return Ok(());
            }
            select! {
                recv(commands) -> command => match command {
                    Err(_) => return Ok(()),
                    Ok(command) => if self.handle_command(command?)?.is_break() { return Ok(()) },
                },
                recv(self.reports) -> report => if let Ok(report) = report { self.handle_report(report) },
            }
        }
    }

    fn handle_command(&mut self, command: ToWorker) -> Result<ControlFlow<()>, WorkerError> {
        match command {
            ToWorker::Configure(_) => return Err(WorkerError::NotConfigured),
            ToWorker::Batch(Batch { slot, .. }) | ToWorker::HealthProbe { slot } | ToWorker::Pause { slot, .. }
                if slot != self.slot =>
            {
                return Err(WorkerError::UnknownSlot(slot));
            }
            ToWorker::Batch(batch) => self.take(batch),
            ToWorker::Ack { results } => self.outbox.acknowledge(&results),
            ToWorker::HealthProbe { .. } => self.device.probe_health(),
            ToWorker::Pause { paused, .. } => {
                self.paused = paused;
                self.device.pause(paused);
            }
            ToWorker::Revoke { lease, items } => self.revoke(lease, &items),
            ToWorker::Shutdown { drain: false } => return Ok(ControlFlow::Break(())),
            ToWorker::Shutdown { drain: true } => {
                self.draining = true;
                self.waiting.clear();
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn take(&mut self, Batch { lease, items, .. }: Batch) {
        match BatchGraph::new(&items, &self.runners.specs()) {
            Ok(graph) if !items.is_empty() => {
                self.batches.add(lease, graph, items.len());
                self.waiting.extend(items.into_iter().map(|job| (lease, job)));
            }
            Ok(_) => self.outbox.send(&FromWorker::BatchFinished { lease }),
            Err(fault) => {
                let error = PipelineError::of(Origin::Worker, ErrorClass::Bug, ErrorCode::InvalidStages, &fault);
                for job in items {
                    self.send_failure(lease, job.item, error.clone());
                }
                self.outbox.send(&FromWorker::BatchFinished { lease });
            }
        }
    }

    /// Returns recordings none of whose inputs has reached the device, or any of them if the device is paused.
    fn revoke(&mut self, lease: Lease, asked: &[u64]) {
        let mut returned = Vec::new();
        self.waiting.retain(|(of, job)| {
            let returns = *of == lease && asked.contains(&job.item);
            returned.extend(returns.then_some(job.item));
            !returns
        });
        let not_opened = returned.len();
        let concerned = |item: &OpenItem| {
            let ticket = &item.ticket;
            ticket.lease == lease
                && asked.contains(&ticket.item)
                && !item.ended
                && (self.paused || !ticket.is_on_device())
        };
        let opened: Vec<_> = self.open.iter().filter(|(_, item)| concerned(item)).map(|(id, _)| *id).collect();
        returned.extend(opened.iter().filter_map(|id| self.open.get(id)).map(|item| item.ticket.item));
        self.outbox.send(&FromWorker::Revoked { lease, items: returned.clone() });
        opened.into_iter().for_each(|id| self.end(id));
        self.leave_batch(lease, not_opened);
    }

    /// Opens waiting recordings up to the limit.
    fn admit(&mut self) {
        while self.open.len() < self.open_limit {
            let Some((lease, job)) = self.waiting.pop_front() else { return };
            let (id, item) = (self.next_recording, job.item);
            self.next_recording += 1;
            let path = job.path.to_string_lossy().into_owned();
            self.open.insert(id, OpenItem::new(Ticket::new(id, lease, item, path), job, &self.runners));
            let roots = self.batches.roots(lease, item);
            self.enqueue(id, &roots);
            self.close_if_over(id);
        }
    }

    fn fill_cpu_lane(&mut self) {
        while self.cpu.has_room() {
            let Some((recording, work)) = self.ready.next(self.cpu.width()) else { return };
            let Some(item) = self.open.get_mut(&recording) else {
                self.ready.came_back(work);
                continue;
            };
            item.in_lane += 1;
            let limit = self.task_time.of(item.artifacts.source().audio_s);
            let (of_item, stage) = (item.ticket.item, work.stage);
            let outputs = if work.phase == Phase::Finish { item.outputs(work.stage).take() } else { Vec::new() };
            let task = CpuTask {
                work,
                slot: self.slot,
                runners: Arc::clone(&self.runners),
                ticket: Arc::clone(&item.ticket),
                artifacts: Arc::clone(&item.artifacts),
                stored_inputs: Arc::clone(&item.stored_inputs),
                outputs,
                feed: self.device.feed.clone(),
                announce: Arc::clone(&self.outbox),
                clock: TaskClock::start(of_item, stage, limit),
            };
            let (activity, reporter) = (Arc::clone(&self.activity), self.reporter.clone());
            self.cpu.run(move || {
                let (clock, span) = (Arc::clone(&task.clock), task.span());
                let (began, result) =
                    activity.watch(&clock, || activity.track(&activity.cpu, Some(span), || task.perform()));
                drop(reporter.send(Report::Cpu { recording, work, began, result }));
            });
        }
    }

    fn handle_report(&mut self, report: Report) {
        match report {
            Report::Cpu { recording, work, began, result } => {
                self.cpu.finished();
                self.ready.came_back(work);
                self.cpu_done(recording, work, began, result);
            }
            Report::Device(LaneReport::Completed { ticket, stage, index, output, began, duration }) => {
                self.send_checkpoint(ticket, (stage, index), &output, began, duration);
                if let Some(item) = self.open.get_mut(&ticket) {
                    item.outputs(stage).put(index, output);
                    self.finish_if_complete(ticket, stage);
                }
            }
            Report::Device(LaneReport::Failed { ticket, error }) => self.fail(ticket, error),
            Report::Device(LaneReport::Shrunk { from, to, error }) => {
                self.outbox.send(&FromWorker::Shrunk { slot: self.slot, from, to, error });
            }
            Report::Device(LaneReport::HealthProbeEnded { error }) => {
                self.outbox.send(&FromWorker::HealthProbeEnded { slot: self.slot, error });
            }
        }
    }

    fn cpu_done(&mut self, id: u64, work: Work, began: Moment, result: Result<TaskResult, PipelineError>) {
        // The recording may have been closed in the meantime.
        let Some(item) = self.open.get_mut(&id) else { return };
        item.in_lane -= 1;
        if item.ended {
            self.close_if_over(id);
            return;
        }
        let Work { stage, phase, .. } = work;
        match result {
            Err(error) => self.fail(id, error),
            Ok(TaskResult::Prepared(inputs)) => {
                item.began(stage, began);
                item.outputs(stage).prepared(inputs);
                self.complete(id, stage, phase);
                self.finish_if_complete(id, stage);
            }
            Ok(TaskResult::FollowedUp { seen, more }) => {
                item.outputs(stage).followed_up(seen, more);
                self.finish_if_complete(id, stage);
            }
            Ok(TaskResult::Made(bodies)) => {
                let began = item.began(stage, began);
                self.send_artifacts(id, stage, began, bodies);
                self.complete(id, stage, phase);
            }
        }
    }

    /// When all inputs so far are complete, moves on to the last phase of the stage, which may still request
    /// follow-ups.
    fn finish_if_complete(&mut self, id: u64, stage: StageName) {
        let Some(item) = self.open.get_mut(&id).filter(|item| !item.ended) else { return };
        let outputs = item.outputs(stage);
        match (outputs.is_complete(), outputs.is_following_up()) {
            (false, _) => {}
            (true, false) => self.complete(id, stage, Phase::Infer),
            // The graph released the last phase when the prepared inputs were complete.
            (true, true) => self.enqueue_cpu(id, stage, Phase::Finish),
        }
    }

    /// Removes a finished task and queues the tasks that were waiting for it.
    fn complete(&mut self, id: u64, stage: StageName, phase: Phase) {
        let Some(item) = self.open.get(&id).filter(|item| !item.ended) else { return };
        let task = Task { item: item.ticket.item, stage, phase };
        let ready = self.batches.complete(item.ticket.lease, task);
        self.enqueue(id, &ready);
        self.close_if_over(id);
    }

    /// Queues the CPU tasks among these tasks. Device tasks start by themselves when inputs arrive.
    fn enqueue(&mut self, id: u64, tasks: &[Task]) {
        for task in tasks.iter().filter(|task| !task.phase.on_device()) {
            self.enqueue_cpu(id, task.stage, task.phase);
        }
    }

    fn enqueue_cpu(&mut self, id: u64, stage: StageName, phase: Phase) {
        let rank = self.ranks.get(&stage).copied().unwrap_or_default();
        self.ready.push(id, Work { rank, stage, phase });
    }

    /// Sends the output of an input as a checkpoint, which is stored until the artifact of its stage is.
    fn send_checkpoint(
        &self,
        id: u64,
        (stage, index): (StageName, usize),
        output: &ModelOutput,
        began: Moment,
        duration: Duration,
    ) {
        let Some(item) = self.open.get(&id).filter(|item| !item.ended) else { return };
        let Some(step) = item.step(stage).filter(|step| step.keep_checkpoints) else { return };
        let device = self.runners.get(stage).and_then(|runner| runner.device());
        let Some(Ok(body)) = device.map(|device| device.encode_output(output)) else { return };
        let audio_s = item.input_audio_s(&self.runners, stage, index);
        self.outbox.send_result(|result| FromWorker::Checkpoint {
            result,
            lease: item.ticket.lease,
            item: item.ticket.item,
            stage,
            fingerprint: step.fingerprint,
            index,
            body,
            audio_s,
            started_at_ms: began.ms(),
            duration_s: duration.as_secs_f64(),
        });
    }

    fn send_artifacts(&self, id: u64, stage: StageName, began: Moment, mut bodies: Vec<(ArtifactName, String)>) {
        let Some(item) = self.open.get(&id) else { return };
        let Some(step) = item.step(stage).filter(|step| !step.commit.is_empty()) else { return };
        let mut take = |name: ArtifactName| {
            let index = bodies.iter().position(|(other, _)| *other == name)?;
            Some(bodies.swap_remove(index).1)
        };
        let artifacts = step
            .commit
            .iter()
            .filter_map(|&(artifact, fingerprint)| Some(NewBody { artifact, fingerprint, body: take(artifact)? }));
        let artifacts = artifacts.collect();
        self.outbox.send_result(|result| FromWorker::Done {
            result,
            lease: item.ticket.lease,
            item: item.ticket.item,
            stage,
            artifacts,
            started_at_ms: began.ms(),
            duration_s: began.elapsed().as_secs_f64(),
        });
    }

    fn send_failure(&self, lease: Lease, item: u64, error: PipelineError) {
        self.outbox.send_result(|result| FromWorker::Failed { result, lease, item, error });
    }

    fn fail(&mut self, id: u64, error: PipelineError) {
        let Some(item) = self.open.get(&id).filter(|item| !item.ended) else { return };
        self.send_failure(item.ticket.lease, item.ticket.item, error);
        self.end(id);
    }

    /// Ends the work on a recording. Its state is dropped when its running tasks have finished.
    fn end(&mut self, id: u64) {
        let Some(item) = self.open.get_mut(&id) else { return };
        item.ended = true;
        item.ticket.abandon();
        let (lease, number) = (item.ticket.lease, item.ticket.item);
        self.ready.remove(id);
        self.batches.abandon(lease, number);
        self.close_if_over(id);
    }

    /// Drops the state of a recording after its last task, and its batch after the last recording.
    fn close_if_over(&mut self, id: u64) {
        let Some(item) = self.open.get(&id).filter(|item| item.in_lane == 0) else { return };
        let (lease, number) = (item.ticket.lease, item.ticket.item);
        if self.batches.is_finished(lease, number) {
            self.open.remove(&id);
            self.leave_batch(lease, 1);
        }
    }

    /// Removes `recordings` recordings from a batch, and reports the batch as finished if they were the last.
    fn leave_batch(&mut self, lease: Lease, recordings: usize) {
        if self.batches.leave(lease, recordings) {
            self.outbox.send_spans(self.activity.take_spans());
            self.outbox.send(&FromWorker::BatchFinished { lease });
        }
    }
}
