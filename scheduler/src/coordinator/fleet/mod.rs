//! Starts, monitors, probes and retires the worker processes and their devices. Workers are numbered from 0.

mod cluster;
mod connection;
mod exit;
mod health;
mod on_cluster;
mod process;
mod pulse;
mod worker;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use stage_core::{DeviceId, PipelineError, Recipe, StageName, Tool};

use super::event::{Place, WorkerId};
use super::options::RunOptions;
use super::outcome::RunError;
use crate::devices::{DeviceReading, DeviceState, Transition};
use crate::protocol::{FromWorker, Slot, SlotSettings, ToWorker, WorkerProgress, WorkerSettings};
use cluster::{Change, Cluster};
use connection::{Connection, Incoming, Output};
pub(super) use connection::{Loss, LossCause};
use health::DeviceHealth;
use process::WorkerProcess;
pub(super) use worker::Excess;
pub(super) use worker::Life;
use worker::Worker;

/// Maximum number of messages queued for the coordinator. Workers that are faster than the store block, which bounds
/// memory.
const WAITING_MESSAGES: usize = 256;

/// Maximum number of workers on a cluster, unless the options state a number.
const CLUSTER_WORKERS: usize = 4096;

/// An event that the coordinator must handle.
#[derive(Debug)]
pub(super) enum Notice {
    /// A worker sent a message.
    Message { worker: usize, message: FromWorker },
    /// A worker must be treated as lost.
    Lost { worker: usize, loss: Loss },
    /// The cluster has had no room for a worker for this time.
    Pending { worker: usize, waited: Duration },
    /// The driver of the cluster ended, and with it all workers.
    DriverLost { reason: String },
    /// The cluster cannot be used at all.
    ClusterBroken { reason: String },
    /// A worker exited because the run ends.
    Exited { worker: usize },
    /// The monitor read a device.
    Reading(Box<DeviceReading>),
}

pub(super) struct Fleet<'a> {
    options: &'a RunOptions,
    workers: Vec<Worker>,
    health: DeviceHealth,
    /// What starts the workers on other machines. `None`: they are started here.
    cluster: Option<Cluster<'a>>,
    /// The models that workers on other machines must have.
    models: BTreeMap<StageName, String>,
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
    /// Creates the workers of a run with this number of jobs, whose stages have this recipe. None is started yet, except the driver of a cluster.
    ///
    /// # Errors
    /// The driver cannot be started.
    pub(super) fn new(options: &'a RunOptions, jobs: usize, recipe: Option<&Recipe>) -> Result<Self, RunError> {
        let (sender, incoming) = bounded(WAITING_MESSAGES);
        let workers: Vec<_> = worker_ids(options, jobs).into_iter().map(Worker::new).collect();
        let started = workers.len().min(jobs).max(1);
        let cluster = options.cluster.as_ref().filter(|_| jobs > 0);
        let cluster = cluster.map(|cluster| Cluster::start(cluster, options, sender.clone())).transpose();
        let threads = options.cluster.as_ref().map_or(options.threads / started, |cluster| cluster.threads);
        Ok(Self {
            options,
            workers,
            health: DeviceHealth::watch(options, &sender),
            cluster: cluster.map_err(RunError::Cluster)?,
            models: recipe.filter(|_| options.cluster.is_some()).map(models).unwrap_or_default(),
            threads: threads.max(1),
            incoming,
            sender,
            stopping: false,
            last_refusal: None,
            last_loss: None,
        })
    }

    pub(super) const fn workers(&self) -> Range<usize> {
        0..self.workers.len()
    }

    pub(super) fn id(&self, worker: usize) -> &WorkerId {
        &self.workers[worker].id
    }

    pub(super) fn device(&self, worker: usize) -> &DeviceId {
        &self.workers[worker].id.place.device
    }

    pub(super) fn place(&self, worker: usize) -> &Place {
        &self.workers[worker].id.place
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

    /// The places of the workers that are not retired, one per worker. On a cluster, only of those that are placed.
    pub(super) fn usable_places(&self) -> impl Iterator<Item = &Place> {
        let on_cluster = self.options.cluster.is_some();
        let usable = move |worker: &&Worker| match worker.life {
            Life::Retired | Life::Requested => false,
            Life::Down => !on_cluster,
            Life::Starting | Life::Probing | Life::Up => true,
        };
        self.workers.iter().filter(usable).map(|worker| &worker.id.place)
    }

    /// Number of workers that are not retired.
    pub(super) fn usable(&self) -> usize {
        self.usable_places().count()
    }

    /// Whether every worker that could be started is retired.
    pub(super) fn is_exhausted(&self) -> bool {
        let workers = match &self.cluster {
            Some(cluster) if !cluster.is_ready() => return false,
            Some(cluster) => &self.workers[..cluster.most_workers().min(self.workers.len())],
            None => &self.workers[..],
        };
        workers.iter().all(|worker| worker.life == Life::Retired)
    }

    /// Whether a worker was requested from the cluster and is not placed yet.
    pub(super) fn is_requested(&self, worker: usize) -> bool {
        self.life(worker) == Life::Requested
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
        let has_room =
            self.cluster.as_ref().is_none_or(|cluster| cluster.is_ready() && worker < cluster.most_workers());
        self.life(worker) == Life::Down && has_room && self.health.takes_workers(self.device(worker))
    }

    /// Starts a worker's process.
    ///
    /// # Errors
    /// A message that says why the process cannot be started.
    pub(super) fn start(&mut self, worker: usize) -> Result<(), String> {
        let state = &mut self.workers[worker];
        state.generation += 1;
        let identity = (worker, state.generation);
        let (started, life) = match &self.cluster {
            Some(cluster) => (cluster.connect(worker, state.generation), Life::Requested),
            None => (self.spawn(worker, identity), Life::Starting),
        };
        let state = &mut self.workers[worker];
        let connection = started.inspect_err(|reason| self.last_loss = Some((state.id.clone(), reason.clone())))?;
        state.begin(connection, life);
        Ok(())
    }

    /// Starts a process on this machine.
    fn spawn(&self, worker: usize, identity: (usize, u64)) -> Result<Box<dyn Connection>, String> {
        let command = &self.options.worker;
        let spawned = WorkerProcess::spawn(command, self.device(worker), self.threads, identity, self.sender.clone());
        let process = spawned.map_err(|error| format!("{} cannot be started: {error}", command.program.display()))?;
        Ok(Box::new(process))
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
                device: state.id.place.device.clone(),
                device_batch: self.options.device_batch,
            }],
            threads: self.threads,
            heartbeat_ms: self.options.timing.heartbeat_ms,
            task_time: self.options.task_time,
            faults: self.options.faults.clone(),
            settings: self.options.settings.clone(),
            models: self.models.clone(),
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
        if let Some(cluster) = &mut self.cluster {
            cluster.made_progress();
        }
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
            Life::Up | Life::Down | Life::Requested => !blames_recordings && state.crashed_idle(),
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
        for state in self.workers.iter_mut().filter(|state| state.id.place.device == *device) {
            match state.life {
                Life::Up | Life::Down | Life::Starting => state.suspicion = Some(reason.to_owned()),
                Life::Probing | Life::Requested | Life::Retired => {}
            }
            if state.life == Life::Up {
                state.probe();
            }
        }
    }

    /// Records that the health probe passed. Returns why it ran.
    pub(super) fn probe_passed(&mut self, worker: usize) -> String {
        let state = &mut self.workers[worker];
        self.health.probe_passed(&state.id.place.device);
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
        let of_device = |state: &&Worker| state.id.place.device == reading.device;
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
        for worker in &mut self.workers {
            if worker.life == Life::Requested {
                worker.take_down();
            }
            if let Some(process) = &mut worker.process {
                process.send(ToWorker::Shutdown { drain: true });
                process.close();
            }
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
            Incoming::Cluster { driver, news } => {
                return Some(match self.cluster.as_mut()?.handle(driver, news)? {
                    Change::DriverLost(reason) => Notice::DriverLost { reason },
                    Change::Broken(reason) => Notice::ClusterBroken { reason },
                });
            }
        };
        let state = self.workers.get_mut(worker)?;
        let process = state.process.as_mut().filter(|_| state.generation == generation)?;
        let lost = |reason| Notice::Lost { worker, loss: Loss::of_worker(reason) };
        Some(match output {
            Output::Message(message) => Notice::Message { worker, message },
            Output::Malformed(error) => lost(format!("sent a malformed message: {error}")),
            Output::Closed | Output::Lost(_) if self.stopping => Notice::Exited { worker },
            Output::Closed => lost(process.exit_description()),
            Output::Lost(loss) => Notice::Lost { worker, loss },
            Output::Pending(waited) => Notice::Pending { worker, waited },
            Output::Placed(placement) => {
                self.place_worker(worker, &placement);
                return None;
            }
        })
    }
}

/// The hashes of the models in a recipe.
fn models(recipe: &Recipe) -> BTreeMap<StageName, String> {
    let models = recipe.steps().iter().map(|step| (step.stage, step.identity.model_sha256.clone()));
    models.filter_map(|(stage, sha256)| Some((stage, sha256?))).collect()
}

/// The workers of a run with this number of jobs: one per device, or for a cluster as many as it may place.
fn worker_ids(options: &RunOptions, jobs: usize) -> Vec<WorkerId> {
    let id = |device: DeviceId, index| WorkerId { place: device.into(), index };
    let Some(cluster) = &options.cluster else {
        let of_index = |index| options.devices.iter().map(move |device| id(device.clone(), index));
        return (0..options.workers_per_device.max(1)).flat_map(of_index).collect();
    };
    let most = cluster.workers.map_or(CLUSTER_WORKERS, NonZeroUsize::get).min(jobs);
    let device = |number: usize| match options.devices.first() {
        Some(DeviceId::Cuda(name)) => DeviceId::Cuda(name.clone()),
        Some(DeviceId::Sim(_)) => DeviceId::Sim(number as u32),
        Some(DeviceId::Cpu(_)) | None => DeviceId::Cpu(number as u32),
    };
    (0..most).map(|number| id(device(number), 0)).collect()
}
