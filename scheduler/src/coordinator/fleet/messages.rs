//! What arrives from workers and from the device monitor.

use std::time::Instant;

use super::Fleet;
use super::process::{Incoming, Output};
use crate::devices::DeviceReading;
use crate::protocol::FromWorker;

/// Something that the coordinator must react to.
#[derive(Debug)]
pub(in crate::coordinator) enum Notice {
    /// A worker sent a message.
    Message { worker: usize, message: FromWorker },
    /// A worker must be taken for lost.
    Lost { worker: usize, reason: String },
    /// A worker exited because the run ends.
    Exited { worker: usize },
    /// The monitor read a device.
    Reading(Box<DeviceReading>),
}

impl Fleet<'_> {
    /// The next notice, if one arrives until `deadline`. What a killed process has left behind is skipped.
    pub(in crate::coordinator) fn receive(&mut self, deadline: Instant) -> Option<Notice> {
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
