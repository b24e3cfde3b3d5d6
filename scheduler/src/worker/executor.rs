//! Runs all batches that the worker holds at once, so that the lanes never drain between two of them.
//!
//! One thread owns the state: commands and the lanes' reports come to it, tasks leave it. It never blocks on a lane.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, select, unbounded};
use stage_core::{ErrorClass, Phase, StageError, StageKind};

use super::open::{Began, OpenItem};
use super::outbox::Outbox;
use super::serve::{Commands, WorkerError};
use super::task::{CpuTask, Output, Work};
use super::{Artifact, Pipeline, WorkerSettings};
use crate::dag::{BatchGraph, Task};
use crate::lanes::{Counters, CpuLane, DeviceLane, Feed, LaneReport, Ticket};
use crate::protocol::{Batch, FromWorker, ItemJob, ToWorker};
use crate::store::Lease;

/// Recordings beyond the CPU lane's threads that may be open at a time; memory is bounded by them, not by the list.
const OPEN_BEYOND_THREADS: usize = 2;

enum Report<P: Pipeline> {
    Cpu { slot: u64, work: Work, began: Began, result: Result<Output<P>, StageError> },
    Device(LaneReport<P::Answer>),
}

struct RunningBatch {
    graph: BatchGraph,
    items_left: usize,
}

/// The worker's state.
pub(super) struct Executor<P: Pipeline> {
    pipeline: Arc<P>,
    outbox: Arc<Outbox>,
    counters: Arc<Counters>,
    cpu: CpuLane,
    feed: Feed<P>,
    reports: Receiver<Report<P>>,
    reporter: Sender<Report<P>>,
    batches: HashMap<Lease, RunningBatch>,
    /// Recordings that are not open yet.
    waiting: VecDeque<(Lease, ItemJob)>,
    open: HashMap<u64, OpenItem<P>>,
    open_limit: usize,
    next_slot: u64,
    /// Work for the CPU lane, the oldest recording's first.
    ready: BTreeSet<(u64, Work)>,
    preparing: usize,
    draining: bool,
}

impl<P: Pipeline> Executor<P> {
    /// Starts both lanes.
    pub(super) fn start(
        pipeline: P,
        settings: &WorkerSettings,
        outbox: Arc<Outbox>,
        counters: Arc<Counters>,
    ) -> Result<Self, WorkerError> {
        let pipeline = Arc::new(pipeline);
        let (reporter, reports) = unbounded();
        let to_executor = reporter.clone();
        let report = move |report| drop(to_executor.send(Report::Device(report)));
        let feed = DeviceLane::start(
            Arc::clone(&pipeline),
            settings.device_batch,
            report,
            Arc::clone(&outbox) as _,
            Arc::clone(&counters),
        )?;
        Ok(Self {
            pipeline,
            outbox,
            counters,
            cpu: CpuLane::new(settings.threads)?,
            feed,
            reports,
            reporter,
            batches: HashMap::new(),
            waiting: VecDeque::new(),
            open: HashMap::new(),
            open_limit: settings.threads + OPEN_BEYOND_THREADS,
            next_slot: 0,
            ready: BTreeSet::new(),
            preparing: 0,
            draining: false,
        })
    }

    /// Runs until told to end, or until the coordinator is gone.
    pub(super) fn run(mut self, commands: &Commands) -> Result<(), WorkerError> {
        loop {
            self.admit();
            self.dispatch();
            if self.draining && self.open.is_empty() && self.outbox.is_settled() {
                return Ok(());
            }
            select! {
                recv(commands) -> command => match command {
                    Err(_) => return Ok(()),
                    Ok(command) => if self.obey(command?)?.is_break() { return Ok(()) },
                },
                recv(self.reports) -> report => if let Ok(report) = report { self.hear(report) },
            }
        }
    }

    fn obey(&mut self, command: ToWorker) -> Result<ControlFlow<()>, WorkerError> {
        match command {
            ToWorker::Configure(_) => return Err(WorkerError::NotConfigured),
            ToWorker::Batch(batch) => self.take(batch),
            ToWorker::Ack { results } => self.outbox.acknowledge(&results),
            ToWorker::Shutdown { drain: false } => return Ok(ControlFlow::Break(())),
            ToWorker::Shutdown { drain: true } => {
                self.draining = true;
                self.waiting.clear();
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn take(&mut self, Batch { lease, items }: Batch) {
        match BatchGraph::of(&items) {
            Ok(graph) if !items.is_empty() => {
                self.batches.insert(lease, RunningBatch { graph, items_left: items.len() });
                self.waiting.extend(items.into_iter().map(|job| (lease, job)));
            }
            Ok(_) => self.outbox.send(&FromWorker::BatchFinished { lease }),
            Err(fault) => {
                for job in items {
                    let stage = job.steps.first().map_or(StageKind::Decode, |step| step.stage);
                    let error = StageError::new(stage, ErrorClass::Bug, "invalid-batch", fault.to_string());
                    self.send_failure(lease, job.item, error);
                }
                self.outbox.send(&FromWorker::BatchFinished { lease });
            }
        }
    }

    fn admit(&mut self) {
        while self.open.len() < self.open_limit {
            let Some((lease, job)) = self.waiting.pop_front() else { return };
            let slot = self.next_slot;
            self.next_slot += 1;
            self.open.insert(slot, OpenItem::new(Ticket::new(slot, lease, job.item), job));
            self.ready.insert((slot, Work::Open));
        }
    }

    /// Fills the CPU lane. One thread is kept from preparation, which may wait for the device.
    fn dispatch(&mut self) {
        while self.cpu.has_room() {
            let may_prepare = self.preparing + 1 < self.cpu.width();
            let next = self.ready.iter().find(|(_, work)| may_prepare || !work.is_prepare()).copied();
            let Some((slot, work)) = next else { return };
            self.ready.remove(&(slot, work));
            let Some(item) = self.open.get_mut(&slot) else { continue };
            let answers = match work {
                Work::Stage(stage, Phase::Finish) => item.take_answers(stage),
                _ => Vec::new(),
            };
            let task = CpuTask {
                work,
                pipeline: Arc::clone(&self.pipeline),
                ticket: Arc::clone(&item.ticket),
                job: Arc::clone(&item.job),
                state: item.state.clone(),
                answers,
                feed: self.feed.clone(),
                announce: Arc::clone(&self.outbox),
            };
            item.in_lane += 1;
            self.preparing += usize::from(work.is_prepare());
            let (counters, reporter) = (Arc::clone(&self.counters), self.reporter.clone());
            self.cpu.run(move || {
                let (began, result) = counters.cpu.count(|| task.perform());
                drop(reporter.send(Report::Cpu { slot, work, began, result }));
            });
        }
    }

    fn hear(&mut self, report: Report<P>) {
        match report {
            Report::Cpu { slot, work, began, result } => {
                self.cpu.finished();
                self.preparing -= usize::from(work.is_prepare());
                if let Some(item) = self.open.get_mut(&slot) {
                    item.in_lane -= 1;
                    self.cpu_done(slot, work, began, result);
                }
            }
            Report::Device(LaneReport::Answered { slot, stage, index, answer }) => {
                if self.open.get_mut(&slot).is_some_and(|item| item.answer(stage, index, answer)) {
                    self.complete(slot, stage, Phase::Infer);
                }
            }
            Report::Device(LaneReport::Failed { slot, error }) => self.fail(slot, error),
        }
        // A report may concern a recording that has just been closed.
    }

    fn cpu_done(&mut self, slot: u64, work: Work, began: Began, result: Result<Output<P>, StageError>) {
        let Some(item) = self.open.get_mut(&slot) else { return };
        if item.failed {
            self.close_if_over(slot);
            return;
        }
        match (work, result) {
            (_, Err(error)) => self.fail(slot, error),
            (_, Ok(Output::Opened(state))) => {
                item.state = Some(state);
                let (lease, number) = (item.ticket.lease, item.ticket.item);
                let roots = self.batches.get(&lease).map_or_else(Vec::new, |batch| batch.graph.roots(number));
                self.enqueue(slot, &roots);
                self.close_if_over(slot);
            }
            (Work::Stage(stage, _), Ok(Output::Prepared(units))) => {
                item.began(stage, began);
                let answered = item.expect(stage, units);
                self.complete(slot, stage, Phase::Prepare);
                if answered {
                    self.complete(slot, stage, Phase::Infer);
                }
            }
            (Work::Stage(stage, phase), Ok(Output::Made(artifact))) => {
                let began = item.began(stage, began);
                self.send_artifact(slot, stage, began, artifact);
                self.complete(slot, stage, phase);
            }
            // `CpuTask::perform` opens for `Work::Open` and for nothing else.
            (Work::Open, Ok(Output::Prepared(_) | Output::Made(_))) => {}
        }
    }

    /// Notes a finished task and queues what waited for it.
    fn complete(&mut self, slot: u64, stage: StageKind, phase: Phase) {
        let Some(item) = self.open.get(&slot).filter(|item| !item.failed) else { return };
        let task = Task { item: item.ticket.item, stage, phase };
        let ready = self.batches.get_mut(&item.ticket.lease).map_or_else(Vec::new, |batch| batch.graph.complete(task));
        self.enqueue(slot, &ready);
        self.close_if_over(slot);
    }

    /// Queues tasks of the CPU lane; the device lane's begin by themselves, as soon as there are units.
    fn enqueue(&mut self, slot: u64, tasks: &[Task]) {
        let cpu = tasks.iter().filter(|task| !task.phase.on_device());
        self.ready.extend(cpu.map(|task| (slot, Work::Stage(task.stage, task.phase))));
    }

    fn send_artifact(&self, slot: u64, stage: StageKind, began: Began, Artifact { body }: Artifact) {
        let Some(item) = self.open.get(&slot) else { return };
        let Some(step) = item.step(stage).filter(|step| step.commit) else { return };
        let (lease, number) = (item.ticket.lease, item.ticket.item);
        let duration_s = Instant::now().duration_since(began.at).as_secs_f64();
        self.outbox.send_result(|result| FromWorker::Done {
            result,
            lease,
            item: number,
            stage,
            fingerprint: step.fingerprint,
            body,
            started_at_ms: began.at_ms,
            duration_s,
        });
    }

    fn send_failure(&self, lease: Lease, item: u64, error: StageError) {
        self.outbox.send_result(|result| FromWorker::Failed { result, lease, item, error });
    }

    fn fail(&mut self, slot: u64, error: StageError) {
        let Some(item) = self.open.get_mut(&slot).filter(|item| !item.failed) else { return };
        item.failed = true;
        item.ticket.abandon();
        let (lease, number) = (item.ticket.lease, item.ticket.item);
        self.send_failure(lease, number, error);
        self.ready.retain(|(other, _)| *other != slot);
        if let Some(batch) = self.batches.get_mut(&lease) {
            batch.graph.abandon(number);
        }
        self.close_if_over(slot);
    }

    /// Drops a recording's state with its last task, and the batch with its last recording.
    fn close_if_over(&mut self, slot: u64) {
        let Some(item) = self.open.get(&slot).filter(|item| item.in_lane == 0) else { return };
        let lease = item.ticket.lease;
        let Some(batch) = self.batches.get_mut(&lease) else { return };
        if !batch.graph.is_finished(item.ticket.item) {
            return;
        }
        self.open.remove(&slot);
        batch.items_left -= 1;
        if batch.items_left == 0 {
            self.batches.remove(&lease);
            self.outbox.send(&FromWorker::BatchFinished { lease });
        }
    }
}
