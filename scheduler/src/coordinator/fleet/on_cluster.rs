//! The part of the fleet that concerns only workers on a cluster.

use std::time::Instant;

use stage_core::DeviceId;

use super::connection::Placement;
use super::{Fleet, Life};
use crate::coordinator::event::{Place, WorkerId};
use crate::coordinator::outcome::RunError;

impl Fleet<'_> {
    /// Gives the resources of the workers that have had no work for long back to the cluster, and those of the workers
    /// that are not placed yet.
    pub(in crate::coordinator) fn release_idle(&mut self, is_idle: impl Fn(usize) -> bool, now: Instant) {
        let Some((cluster, options)) = self.cluster.as_ref().zip(self.options.cluster.as_ref()) else { return };
        for (worker, state) in self.workers.iter_mut().enumerate() {
            if state.has_idled(is_idle(worker), now, options.idle) {
                state.take_down();
                cluster.release(worker, state.generation);
                tracing::debug!(worker = %state.id, "gave its resources back");
            }
        }
    }

    /// Number of workers that the cluster may still place. They are requested when there is work for them.
    pub(in crate::coordinator) fn unplaced(&self) -> usize {
        let Some(cluster) = self.cluster.as_ref().filter(|cluster| cluster.is_ready()) else { return 0 };
        let workers = self.workers.iter().take(cluster.most_workers());
        workers.filter(|worker| matches!(worker.life, Life::Down | Life::Requested)).count()
    }

    /// Why the driver of the cluster must be replaced, or `None` if it does not hang.
    pub(in crate::coordinator) fn driver_hang_reason(&self) -> Option<String> {
        self.cluster.as_ref()?.hang_reason()
    }

    /// Replaces the driver of the cluster, which ended or hangs.
    ///
    /// # Errors
    /// It ended too often.
    pub(in crate::coordinator) fn replace_driver(&mut self, reason: &str) -> Result<(), RunError> {
        let replaced = self.cluster.as_mut().map(|cluster| cluster.replace(reason, Instant::now()));
        replaced.transpose().map(drop).map_err(RunError::Cluster)
    }

    /// Starts the driver of the cluster again, if it is time, and checks that there is a node for the workers.
    ///
    /// # Errors
    /// It cannot be started, or no node has what a worker needs.
    pub(in crate::coordinator) fn check_cluster(&mut self) -> Result<(), RunError> {
        match &mut self.cluster {
            Some(cluster) => cluster.check(Instant::now()).map_err(RunError::Cluster),
            None => Ok(()),
        }
    }

    /// Whether the workers run on a cluster.
    pub(in crate::coordinator) const fn is_on_cluster(&self) -> bool {
        self.cluster.is_some()
    }

    /// Records that a worker was lost with what it ran in. Its device is not suspected. Returns true if the worker must
    /// be retired, because that happened too often without a result in between.
    pub(in crate::coordinator) fn lost_place(&mut self, worker: usize, reason: &str) -> bool {
        let state = &mut self.workers[worker];
        self.last_loss = Some((state.id.clone(), reason.to_owned()));
        state.lost_place()
    }

    /// Records where the cluster runs a worker.
    pub(super) fn place_worker(&mut self, worker: usize, placement: &Placement) {
        let device = match self.device(worker) {
            DeviceId::Cuda(_) => DeviceId::Cuda(placement.gpus.first().map_or_else(|| "0".to_owned(), Clone::clone)),
            device => device.clone(),
        };
        let place = Place { device, node: Some(placement.node.clone()) };
        let others =
            self.workers.iter().enumerate().filter(|(other, state)| *other != worker && state.id.place == place);
        let taken: Vec<_> = others.map(|(_, state)| state.id.index).collect();
        let index = (0..).find(|index| !taken.contains(index)).unwrap_or_default();
        self.workers[worker].placed(WorkerId { place, index });
    }
}
