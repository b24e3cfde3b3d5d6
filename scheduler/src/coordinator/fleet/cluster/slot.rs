//! The connection to a worker in a slot of a cluster.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;

use super::driver::ToDriver;
use super::silence::SlotSilence;
use super::wire::Address;
use crate::coordinator::fleet::connection::Connection;
use crate::protocol::ToWorker;

/// A worker that the driver was asked to start. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct ClusterSlot {
    address: Address,
    outgoing: Option<Sender<ToDriver>>,
    silence: Arc<SlotSilence>,
}

impl ClusterSlot {
    pub(super) fn new(address: Address, outgoing: Option<Sender<ToDriver>>, silence: Arc<SlotSilence>) -> Self {
        Self { address, outgoing, silence }
    }

    fn tell(&self, message: ToDriver) {
        if let Some(outgoing) = &self.outgoing {
            // If the driver is gone, its reader notices the end.
            drop(outgoing.send(message));
        }
    }
}

impl Connection for ClusterSlot {
    fn send(&self, message: ToWorker) {
        self.tell(ToDriver::Message(self.address, message));
    }

    fn close(&mut self) {
        self.tell(ToDriver::Close(self.address));
    }

    fn silent_for(&self) -> Duration {
        self.silence.silent_for()
    }

    fn memory(&self) -> Option<u64> {
        self.silence.memory()
    }

    /// The driver states how a worker ended; the end of its output is not reported separately.
    fn exit_description(&mut self) -> String {
        "closed its stdout".to_owned()
    }
}

impl Drop for ClusterSlot {
    fn drop(&mut self) {
        self.tell(ToDriver::Kill(self.address));
    }
}
