//! Runs all batches that the worker holds at once, so that the lanes never drain between two of them.
//!
//! One thread owns the state: commands and the lanes' reports come to it, tasks leave it. It never blocks on a lane.
//! What becomes of the lanes' reports is in `reports`.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, select, unbounded};
use stage_core::{ErrorClass, Phase, StageError, StageKind};

use super::open::OpenItem;
use super::outbox::Outbox;
use super::serve::{Commands, WorkerError};
use super::task::{CpuTask, Output, Work};
use super::{Pipeline, WorkerSettings};
use crate::clock::Moment;
use crate::dag::BatchGraph;
use crate::lanes::{Activity, CpuLane, DeviceHandle, DeviceLane, LaneReport, Ticket};
use crate::protocol::{Batch, FromWorker, ItemJob, ToWorker};
use crate::store::Lease;

/// Recordings beyond the CPU lane's threads that may be open at a time: one on the device, some short ones behind it, and a
/// long one that is decoded meanwhile. Memory is bounded by them, not by the list.
const OPEN_BEYOND_THREADS: usize = 4;

pub(super) enum Report<P: Pipeline> {
    Cpu { slot: u64, work: Work, began: Moment, result: Result<Output<P>, StageError> },
    Device(LaneReport<P::Answer>),
}

pub(super) struct RunningBatch {
    pub(super) graph: BatchGraph,
    pub(super) items_left: usize,
}

/// The worker's state.
pub(super) struct Executor<P: Pipeline> {
    pub(super) pipeline: Arc<P>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) activity: Arc<Activity>,
    pub(super) cpu: CpuLane,
    device: DeviceHandle<P>,
    reports: Receiver<Report<P>>,
    reporter: Sender<Report<P>>,
    pub(super) batches: HashMap<Lease, RunningBatch>,
    /// Recordings that are not open yet.
    waiting: VecDeque<(Lease, ItemJob)>,
    pub(super) open: HashMap<u64, OpenItem<P>>,
    open_limit: usize,
    next_slot: u64,
    /// Work for the CPU lane, the oldest recording's first.
    pub(super) ready: BTreeSet<(u64, Work)>,
    pub(super) preparing: usize,
    /// The device lane stops when what is under way is answered.
    paused: bool,
    draining: bool,
}

impl<P: Pipeline> Executor<P> {
    /// Starts both lanes.
    pub(super) fn start(
        pipeline: P,
        settings: &WorkerSettings,
        outbox: Arc<Outbox>,
        activity: Arc<Activity>,
    ) -> Result<Self, WorkerError> {
        let pipeline = Arc::new(pipeline);
        let (reporter, reports) = unbounded();
        let to_executor = reporter.clone();
        let report = move |report| drop(to_executor.send(Report::Device(report)));
        let device = DeviceLane::start(
            Arc::clone(&pipeline),
            settings.device_batch,
            report,
            Arc::clone(&outbox) as _,
            Arc::clone(&activity),
        )?;
        Ok(Self {
            pipeline,
            outbox,
            activity,
            cpu: CpuLane::new(settings.threads)?,
            device,
            reports,
            reporter,
            batches: HashMap::new(),
            waiting: VecDeque::new(),
            open: HashMap::new(),
            open_limit: settings.threads + OPEN_BEYOND_THREADS,
            next_slot: 0,
            ready: BTreeSet::new(),
            preparing: 0,
            paused: false,
            draining: false,
        })
    }

    /// Runs until told to end, or until the coordinator is gone.
    pub(super) fn run(mut self, commands: &Commands) -> Result<(), WorkerError> {
        let end = self.work(commands);
        self.outbox.send_spans(self.activity.take_spans());
        end
    }

    fn work(&mut self, commands: &Commands) -> Result<(), WorkerError> {
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
            ToWorker::Canary => self.device.canary(),
            ToWorker::Pause { paused } => {
                self.paused = paused;
                self.device.pause(paused);
            }
            ToWorker::GiveBack { lease, items } => self.give_back(lease, &items),
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

    /// Lets recordings go of which no unit has reached the device; others too, where it is paused.
    fn give_back(&mut self, lease: Lease, asked: &[u64]) {
        let mut given = Vec::new();
        self.waiting.retain(|(of, job)| {
            let gives = *of == lease && asked.contains(&job.item);
            given.extend(gives.then_some(job.item));
            !gives
        });
        let not_opened = given.len();
        let concerned = |item: &OpenItem<P>| {
            let ticket = &item.ticket;
            ticket.lease == lease
                && asked.contains(&ticket.item)
                && !item.ended
                && (self.paused || !ticket.is_on_device())
        };
        let opened: Vec<_> = self.open.iter().filter(|(_, item)| concerned(item)).map(|(slot, _)| *slot).collect();
        given.extend(opened.iter().filter_map(|slot| self.open.get(slot)).map(|item| item.ticket.item));
        self.outbox.send(&FromWorker::GaveBack { lease, items: given.clone() });
        opened.into_iter().for_each(|slot| self.let_go(slot));
        self.leave_batch(lease, not_opened);
    }

    fn admit(&mut self) {
        while self.open.len() < self.open_limit {
            let Some((lease, job)) = self.waiting.pop_front() else { return };
            let slot = self.next_slot;
            self.next_slot += 1;
            let path = job.path.to_string_lossy().into_owned();
            self.open.insert(slot, OpenItem::new(Ticket::new(slot, lease, job.item, path), job));
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
                Work::Stage(stage, Phase::Finish) => item.answers(stage).take(),
                _ => Vec::new(),
            };
            let task = CpuTask {
                work,
                pipeline: Arc::clone(&self.pipeline),
                ticket: Arc::clone(&item.ticket),
                job: Arc::clone(&item.job),
                state: item.state.clone(),
                answered: Arc::clone(&item.answered),
                answers,
                feed: self.device.feed.clone(),
                announce: Arc::clone(&self.outbox),
            };
            item.in_lane += 1;
            self.preparing += usize::from(work.is_prepare());
            let (activity, reporter) = (Arc::clone(&self.activity), self.reporter.clone());
            self.cpu.run(move || {
                let (began, result) = activity.track(&activity.cpu, task.span(), || task.perform());
                drop(reporter.send(Report::Cpu { slot, work, began, result }));
            });
        }
    }
}
