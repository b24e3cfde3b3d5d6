//! Starts, monitors, probes and retires the worker processes and their devices. Workers are numbered from 0.

mod health;
mod process;
mod pulse;
mod worker;

use std::ops::Range;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};
use stage_core::{DeviceId, PipelineError, Tool};

use super::event::WorkerId;
use super::options::RunOptions;
use super::outcome::RunError;
use crate::devices::{DeviceReading, DeviceState, Transition};
use crate::protocol::{FromWorker, Slot, SlotSettings, ToWorker, WorkerProgress, WorkerSettings};
use health::DeviceHealth;
use process::{Incoming, Output, WorkerProcess};
pub(super) use worker::Excess;
pub(super) use worker::Life;
use worker::Worker;

/// Maximum number of messages queued for the coordinator. Workers that are faster than the store block, which bounds
/// memory.
const WAITING_MESSAGES: usize = 256;

/// An event that the coordinator must handle.
#[derive(Debug)]
pub(super) enum Notice {
    /// A worker sent a message.
    Message { worker: usize, message: FromWorker },
    /// A worker must be treated as lost.
    Lost { worker: usize, reason: String },
    /// A worker exited because the run ends.
    Exited { worker: usize },
    /// The monitor read a device.
    Reading(Box<DeviceReading>),
}

pub(super) struct Fleet<'a> {
    options: &'a RunOptions,
    workers: Vec<Worker>,
    health: DeviceHealth,
    /// CPU threads per worker.
    threads: usize,
    incoming: Receiver<Incoming>,
    sender: Sender<Incoming>,
    /// No more workers are started, and workers that exit are not treated as lost.
    stopping: bool,
    last_refusal: Option<(WorkerId, PipelineError)>,
    last_loss: Option<(WorkerId, String)>,
}

impl<'a> Fleet<'a> {
    /// Creates the workers of a run with this number of jobs. None is started yet.
    pub(super) fn new(options: &'a RunOptions, jobs: usize) -> Self {
        let (sender, incoming) = bounded(WAITING_MESSAGES);
        let ids = (0..options.workers_per_device.max(1))
            .flat_map(|index| options.devices.iter().map(move |device| WorkerId { device: device.clone(), index }));
        let workers: Vec<_> = ids.map(Worker::new).collect();
        let started = workers.len().min(jobs).max(1);
        Self {
            options,
            workers,
            health: DeviceHealth::watch(options, &sender),
            threads: (options.threads / started).max(1),
            incoming,
            sender,
            stopping: false,
            last_refusal: None,
            last_loss: None,
        }
    }

    pub(super) const fn workers(&self) -> Range<usize> {
        0..self.workers.len()
    }

    pub(super) fn id(&self, worker: usize) -> &WorkerId {
        &self.workers[worker].id
    }

    pub(super) fn device(&self, worker: usize) -> &DeviceId {
        &self.workers[worker].id.device
    }

    /// The program that runs as the worker's process.
    pub(super) fn tool(&self, worker: usize) -> &Tool {
        &self.workers[worker].tool
    }

    pub(super) fn life(&self, worker: usize) -> Life {
        self.workers[worker].life
    }

    /// Whether a worker has a process.
    pub(super) fn is_started(&self, worker: usize) -> bool {
        matches!(self.workers[worker].life, Life::Starting | Life::Probing | Life::Up)
    }

    /// Whether any worker process is running.
    pub(super) fn is_running(&self) -> bool {
        self.workers.iter().any(|worker| worker.process.is_some())
    }

    /// The devices of the workers that are not retired, one per worker.
    pub(super) fn usable_devices(&self) -> impl Iterator<Item = &DeviceId> {
        self.workers.iter().filter(|worker| worker.life != Life::Retired).map(|worker| &worker.id.device)
    }

    /// Number of workers that are not retired.
    pub(super) fn usable(&self) -> usize {
        self.usable_devices().count()
    }

    /// Whether a worker's device may get work.
    pub(super) fn takes_work(&self, worker: usize) -> bool {
        self.health.takes_work(self.device(worker))
    }

    /// Whether a worker's device is too hot to continue.
    pub(super) fn is_paused(&self, worker: usize) -> bool {
        self.health.is_paused(self.device(worker))
    }

    /// Whether a worker may be started.
    pub(super) fn may_start(&self, worker: usize) -> bool {
        self.life(worker) == Life::Down && self.health.takes_workers(self.device(worker))
    }

    /// Starts a worker's process.
    ///
    /// # Errors
    /// A message that says why the process cannot be started.
    pub(super) fn start(&mut self, worker: usize) -> Result<(), String> {
        let state = &mut self.workers[worker];
        state.generation += 1;
        let identity = (worker, state.generation);
        let command = &self.options.worker;
        match WorkerProcess::spawn(command, &state.id.device, self.threads, identity, self.sender.clone()) {
            Ok(process) => {
                state.begin(process);
                Ok(())
            }
            Err(error) => {
                let reason = format!("{} cannot be started: {error}", command.program.display());
                self.last_loss = Some((state.id.clone(), reason.clone()));
                Err(reason)
            }
        }
    }

    pub(super) fn send(&self, worker: usize, message: ToWorker) {
        self.workers[worker].send(message);
    }

    /// Sends a worker its settings, in reply to `Hello`.
    pub(super) fn configure(&mut self, worker: usize, tool: Tool, pid: u32) {
        let state = &mut self.workers[worker];
        (state.tool, state.pid) = (tool, pid);
        state.send(ToWorker::Configure(WorkerSettings {
            slots: vec![SlotSettings {
                slot: Slot::default(),
                device: state.id.device.clone(),
                device_batch: self.options.device_batch,
            }],
            threads: self.threads,
            heartbeat_ms: self.options.timing.heartbeat_ms,
            task_time: self.options.task_time,
            faults: self.options.faults.clone(),
            settings: self.options.settings.clone(),
        }));
    }

    /// Records that a worker is ready. Returns its process ID.
    pub(super) fn ready(&mut self, worker: usize) -> u32 {
        let paused = self.is_paused(worker);
        let state = &mut self.workers[worker];
        state.life = Life::Up;
        if paused {
            state.send(ToWorker::Pause { slot: Slot::default(), paused: true });
        }
        state.pid
    }

    pub(super) fn beat(&mut self, worker: usize, progress: WorkerProgress) {
        self.workers[worker].beat(progress);
    }

    pub(super) fn made_progress(&mut self, worker: usize) {
        self.workers[worker].made_progress();
    }

    /// The reason to kill a worker, or `None` if it does not hang.
    pub(super) fn hang_reason(&self, worker: usize) -> Option<String> {
        self.workers[worker].hang_reason(&self.options.timing)
    }

    /// How a worker exceeds a limit for its recordings, or `None` if it does not.
    pub(super) fn excess(&mut self, worker: usize) -> Option<Excess> {
        let limit = self.options.worker_memory;
        self.workers[worker].excess(limit, Instant::now())
    }

    /// Kills a worker's process.
    pub(super) fn take_down(&mut self, worker: usize) -> Life {
        self.workers[worker].take_down()
    }

    /// Records that a worker in state `was` was lost. Its next process runs the health probe first. Returns true if the
    /// worker must be retired: the probe failed too often, or the worker died too often while no recording could be the
    /// cause.
    pub(super) fn lost(&mut self, worker: usize, was: Life, reason: &str, blames_recordings: bool) -> bool {
        let state = &mut self.workers[worker];
        self.last_loss = Some((state.id.clone(), reason.to_owned()));
        state.suspicion = Some(reason.to_owned());
        match was {
            Life::Starting | Life::Probing => state.probe_failed(),
            Life::Up | Life::Down => !blames_recordings && state.crashed_idle(),
            Life::Retired => true,
        }
    }

    /// Records that a worker cannot build its pipeline.
    pub(super) fn refused(&mut self, worker: usize, error: PipelineError) {
        self.last_refusal = Some((self.workers[worker].id.clone(), error));
    }

    /// Retires a worker: it is not started again in this run.
    pub(super) fn retire(&mut self, worker: usize) {
        self.workers[worker].life = Life::Retired;
    }

    /// The reason that no worker is left. A worker's own error is preferred to how its process ended, since it says
    /// more.
    pub(super) fn failure(&mut self) -> RunError {
        match (self.last_refusal.take(), self.last_loss.take()) {
            (Some((worker, error)), _) => RunError::WorkersRefused { worker, error: Box::new(error) },
            (None, Some((worker, reason))) => RunError::WorkersLost { worker, reason },
            (None, None) => RunError::NoDevices,
        }
    }

    /// Makes a worker run the health probe if its device is suspected.
    pub(super) fn probe_if_suspected(&mut self, worker: usize) {
        if self.workers[worker].suspicion.is_some() {
            self.workers[worker].probe();
        }
    }

    /// Makes a running worker run the health probe before it gets more work.
    pub(super) fn suspect(&mut self, worker: usize, reason: &str) {
        let state = &mut self.workers[worker];
        if state.life == Life::Up {
            state.suspicion = Some(reason.to_owned());
            state.probe();
        }
    }

    /// Marks a device as suspected: it gets no work until it passes the health probe.
    pub(super) fn suspect_device(&mut self, device: &DeviceId, reason: &str) {
        for state in self.workers.iter_mut().filter(|state| state.id.device == *device) {
            match state.life {
                Life::Up | Life::Down | Life::Starting => state.suspicion = Some(reason.to_owned()),
                Life::Probing | Life::Retired => {}
            }
            if state.life == Life::Up {
                state.probe();
            }
        }
    }

    /// Records that the health probe passed. Returns why it ran.
    pub(super) fn probe_passed(&mut self, worker: usize) -> String {
        let state = &mut self.workers[worker];
        self.health.probe_passed(&state.id.device);
        state.probe_passed()
    }

    /// Records that the health probe failed and kills the worker's process. Returns true if the worker must be retired.
    pub(super) fn probe_failed(&mut self, worker: usize, reason: &str) -> bool {
        let state = &mut self.workers[worker];
        state.take_down();
        self.last_loss = Some((state.id.clone(), reason.to_owned()));
        state.probe_failed()
    }

    /// A failed reading for each device whose reading is overdue.
    pub(super) fn overdue_readings(&self) -> Vec<DeviceReading> {
        self.health.overdue(Instant::now())
    }

    /// Updates a device's state with a reading. Pauses or resumes the workers of the device.
    pub(super) fn read_device(&mut self, reading: &DeviceReading) -> Option<Transition> {
        let of_device = |state: &&Worker| state.id.device == reading.device;
        let occupied = self.workers.iter().filter(of_device).any(|state| state.process.is_some());
        let transition = self.health.judge(reading, occupied)?;
        let [before, paused] = [transition.from, transition.to].map(|state| state == DeviceState::Paused);
        if before != paused {
            self.workers
                .iter()
                .filter(of_device)
                .for_each(|state| state.send(ToWorker::Pause { slot: Slot::default(), paused }));
        }
        Some(transition)
    }

    /// Prepares for the end of the run: workers that exit from now on are not treated as lost.
    pub(super) const fn stop(&mut self) {
        self.stopping = true;
    }

    pub(super) const fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Asks all workers to finish their work and exit.
    pub(super) fn shut_down(&mut self) {
        for process in self.workers.iter_mut().filter_map(|worker| worker.process.as_mut()) {
            process.send(ToWorker::Shutdown { drain: true });
            process.close();
        }
    }

    /// Waits for the next notice until `deadline`. Messages left over from killed processes are skipped.
    pub(super) fn receive(&mut self, deadline: Instant) -> Option<Notice> {
        loop {
            let incoming = self.incoming.recv_deadline(deadline).ok()?;
            if let Some(notice) = self.notice(incoming) {
                return Some(notice);
            }
        }
    }

    fn notice(&mut self, incoming: Incoming) -> Option<Notice> {
        let (worker, generation, output) = match incoming {
            Incoming::Worker { worker, generation, output } => (worker, generation, output),
            Incoming::Device(reading) => return Some(Notice::Reading(reading)),
        };
        let state = &mut self.workers[worker];
        let process = state.process.as_mut().filter(|_| state.generation == generation)?;
        Some(match output {
            Output::Message(message) => Notice::Message { worker, message },
            Output::Malformed(error) => Notice::Lost { worker, reason: format!("sent a malformed message: {error}") },
            Output::Closed if self.stopping => Notice::Exited { worker },
            Output::Closed => Notice::Lost { worker, reason: process.exit_description() },
        })
    }
}
