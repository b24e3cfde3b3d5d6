//! Workers on a cluster: the driver that starts them, and how often it is started again.
//!
//! ```text
//! Fleet ─ Connection ─> driver process ─ calls of the engine ─> actor on a node ─ pipes ─> worker
//! ```
//!
//! The driver is a program of its own (`scheduler/ray`), because Ray has no API for Rust. One pipe carries the lines of
//! all workers, each with the address of its slot.

mod driver;
mod reader;
mod silence;
mod slot;
mod wire;

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::connection::{ClusterNews, Connection, Incoming};
use crate::coordinator::options::{ClusterOptions, RunOptions};
use crate::worker::WORKER_VARIABLE;
use driver::Driver;
use wire::{Address, Configure};

/// A driver is started again this number of times in a row without a result in between.
const RESTARTS: u32 = 4;
/// Delay before the second start in a row. It doubles with each further one.
const BACKOFF: Duration = Duration::from_millis(500);
/// A driver that sends nothing for this time is replaced. It sends a sign of life every second.
const SILENCE: Duration = Duration::from_secs(20);
/// A driver may take this long to join the cluster.
const JOIN: Duration = Duration::from_secs(120);

/// The cluster of a run.
pub(super) struct Cluster<'a> {
    options: &'a ClusterOptions,
    run: &'a RunOptions,
    incoming: Sender<Incoming>,
    driver: Option<Driver>,
    /// The number of the driver, from 1.
    number: u32,
    is_ready: bool,
    was_ready: bool,
    capacity: usize,
    knows_capacity: bool,
    restarts: u32,
    restart_at: Option<Instant>,
}

/// What news of the cluster mean for the fleet.
pub(super) enum Change {
    /// The driver has ended, so all of its workers are lost.
    DriverLost(String),
    /// The run cannot continue.
    Broken(String),
}

impl<'a> Cluster<'a> {
    /// Starts the driver.
    ///
    /// # Errors
    /// A message that says why it cannot be started, and what to do.
    pub(super) fn start(
        options: &'a ClusterOptions,
        run: &'a RunOptions,
        incoming: Sender<Incoming>,
    ) -> Result<Self, String> {
        let mut cluster = Self {
            options,
            run,
            incoming,
            driver: None,
            number: 0,
            is_ready: false,
            was_ready: false,
            capacity: 0,
            knows_capacity: false,
            restarts: 0,
            restart_at: None,
        };
        cluster.spawn()?;
        Ok(cluster)
    }

    fn spawn(&mut self) -> Result<(), String> {
        self.number += 1;
        let spawned = self
            .configure()
            .and_then(|configure| Driver::spawn(&self.options.driver, &configure, self.number, self.incoming.clone()));
        let program = self.options.driver.program.display();
        self.driver = Some(spawned.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("{program} does not exist: {}", self.options.remedy),
            _ => format!("the driver of the cluster cannot be started with {program}: {error}"),
        })?);
        Ok(())
    }

    fn configure(&self) -> io::Result<Configure<'a>> {
        let command = &self.run.worker;
        let own = [
            ("RAYON_NUM_THREADS".to_owned(), self.options.threads.to_string()),
            (WORKER_VARIABLE.to_owned(), "1".to_owned()),
        ];
        let environment: BTreeMap<_, _> = self.options.environment.clone().into_iter().chain(own).collect();
        let mut argv = vec![wire::text(command.program.as_os_str())?];
        for arg in &command.args {
            argv.push(wire::text(arg)?);
        }
        Ok(Configure {
            protocol: wire::VERSION,
            address: &self.options.address,
            gpus: self.options.gpus,
            cpus: self.options.cpus,
            resources: &self.options.resources,
            argv,
            environment,
            silence_ms: self.run.timing.silence().as_millis() as u64,
        })
    }

    /// Requests a worker. It starts when the cluster has room for it.
    ///
    /// # Errors
    /// There is no driver at the moment.
    pub(super) fn connect(&self, slot: usize, generation: u64) -> Result<Box<dyn Connection>, String> {
        let driver = self.driver.as_ref().ok_or("the driver of the cluster is not running")?;
        Ok(driver.connect(Address { slot, generation }))
    }

    /// Gives the resources of a slot back, so that the cluster may become smaller.
    pub(super) fn release(&self, slot: usize, generation: u64) {
        if let Some(driver) = &self.driver {
            driver.release(Address { slot, generation });
        }
    }

    /// The number of workers that may be requested: that of the options, or as many as there is room for.
    pub(super) fn most_workers(&self) -> usize {
        self.options.workers.map_or(self.capacity, NonZeroUsize::get)
    }

    /// Whether workers can be requested now, and it is known how many.
    pub(super) const fn is_ready(&self) -> bool {
        self.is_ready && (self.knows_capacity || self.options.workers.is_some())
    }

    /// Records that a result was committed.
    pub(super) const fn made_progress(&mut self) {
        self.restarts = 0;
    }

    /// Handles news of the driver with this number.
    pub(super) fn handle(&mut self, number: u32, news: ClusterNews) -> Option<Change> {
        if number != self.number {
            return None;
        }
        match news {
            ClusterNews::Ready { engine } => {
                tracing::info!(engine, "joined the cluster");
                (self.is_ready, self.was_ready) = (true, true);
                None
            }
            ClusterNews::Capacity(capacity) => {
                // Nodes that are lost may come back, and their slots are requested again.
                (self.capacity, self.knows_capacity) = (self.capacity.max(capacity), true);
                None
            }
            ClusterNews::Fatal(message) if self.was_ready => Some(Change::DriverLost(message)),
            ClusterNews::Fatal(message) => Some(Change::Broken(message)),
            ClusterNews::Ended(reason) => {
                let described = self.driver.as_mut().map(Driver::exit_description).unwrap_or_default();
                let reason = if reason.is_empty() { described } else { reason };
                let (was_ready, remedy) = (self.was_ready, &self.options.remedy);
                Some(if was_ready { Change::DriverLost(reason) } else { Change::Broken(format!("{reason}: {remedy}")) })
            }
        }
    }

    /// Why the driver must be replaced, or `None` if it does not hang.
    pub(super) fn hang_reason(&self) -> Option<String> {
        let limit = if self.is_ready { SILENCE } else { JOIN };
        let silent = self.driver.as_ref()?.silent_for() > limit;
        silent.then(|| format!("sent nothing for {} s", limit.as_secs()))
    }

    /// Ends the driver, and schedules the start of another one.
    ///
    /// # Errors
    /// It ended too often.
    pub(super) fn replace(&mut self, reason: &str, now: Instant) -> Result<(), String> {
        if let Some(mut driver) = self.driver.take() {
            driver.kill();
        }
        self.is_ready = false;
        if self.restarts == RESTARTS {
            return Err(format!("the driver of the cluster ended {} times in a row: {reason}", RESTARTS + 1));
        }
        self.restart_at = Some(now + if self.restarts == 0 { Duration::ZERO } else { BACKOFF * (1 << self.restarts) });
        self.restarts += 1;
        Ok(())
    }

    /// Starts the driver again if it is time, and checks that there is a node for the workers.
    ///
    /// # Errors
    /// A message that says why it cannot be started, or what no node has.
    pub(super) fn check(&mut self, now: Instant) -> Result<(), String> {
        if self.is_ready() && self.most_workers() == 0 {
            let ClusterOptions { gpus, cpus, resources, .. } = self.options;
            let resources: Vec<_> = resources.iter().map(|(name, amount)| format!(", {name}={amount}")).collect();
            return Err(format!(
                "no node has what a worker reserves (gpu={gpus}, cpu={cpus}{}): add nodes, reserve less with \
                 --cluster-resources, or state --cluster-slots to wait for nodes that an autoscaler adds",
                resources.concat()
            ));
        }
        if self.restart_at.is_some_and(|at| now >= at) {
            self.restart_at = None;
            self.spawn()?;
        }
        Ok(())
    }
}
