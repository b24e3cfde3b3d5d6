//! The main loop.

use std::time::{Duration, Instant};

use super::Router;
use crate::coordinator::fleet::Notice;
use crate::coordinator::interrupt::Interrupt;
use crate::coordinator::outcome::{ItemEnd, RunError};
use crate::protocol::ToWorker;

/// Longest time that the loop waits, which is the resolution of time limits and interruptions.
const TICK: Duration = Duration::from_millis(20);
/// Maximum number of messages handled before the limits are checked again.
const BURST: usize = 1024;
/// How long workers may take to exit after the last result.
const SHUTDOWN: Duration = Duration::from_secs(3);

impl Router<'_> {
    /// Runs until all jobs are finished. Returns true if the run was interrupted.
    pub(in crate::coordinator) fn drive(&mut self, interrupt: &Interrupt) -> Result<bool, RunError> {
        self.reuse()?;
        if !self.backlog.is_finished() && self.fleet.workers().is_empty() {
            return Err(RunError::NoDevices);
        }
        let mut deadline = None;
        while !self.backlog.is_finished() {
            if interrupt.requests() > 1 || deadline.is_some_and(|at| Instant::now() >= at) {
                self.commit()?;
                self.end_all()?;
                return Ok(true);
            }
            if interrupt.requests() == 1 && deadline.is_none() {
                deadline = Some(Instant::now() + self.options.timing.grace());
                self.drain()?;
            }
            if self.fleet.is_stopping() && !self.fleet.is_running() {
                return Ok(true);
            }
            if !self.fleet.is_stopping() {
                self.share()?;
                self.feed()?;
            }
            self.listen()?;
            self.watch()?;
        }
        self.shut_down()?;
        Ok(false)
    }

    /// Reports reused artifacts, finishes the jobs that are complete, and queues the others.
    fn reuse(&mut self) -> Result<(), RunError> {
        for job in self.backlog.jobs() {
            let stored: Vec<_> = self.backlog.chain(job).reused().collect();
            for stage in stored {
                self.backlog.indices(job).into_iter().for_each(|index| self.ledger.reused(index, stage));
            }
            if self.backlog.is_complete(job) {
                self.finish(job, ItemEnd::Done)?;
                continue;
            }
            match self.quarantined(job)? {
                Some(error) => self.finish(job, ItemEnd::Failed(error))?,
                None if self.sharing.is_none() => self.backlog.enqueue(job),
                // It is queued when it is claimed.
                None => {}
            }
        }
        Ok(())
    }

    /// Waits for messages and handles all that have arrived. Their results are committed together.
    fn listen(&mut self) -> Result<(), RunError> {
        if let Some(first) = self.fleet.receive(Instant::now() + TICK) {
            self.handle(first)?;
            for _ in 0..BURST {
                let Some(next) = self.fleet.receive(Instant::now()) else { break };
                self.handle(next)?;
            }
        }
        self.commit()
    }

    fn handle(&mut self, notice: Notice) -> Result<(), RunError> {
        match notice {
            Notice::Message { worker, message } => self.handle_message(worker, message),
            Notice::Lost { worker, loss } => self.handle_loss(worker, &loss),
            Notice::Pending { worker, waited } => self.pending(worker, waited),
            Notice::DriverLost { reason } => self.lose_driver(&reason),
            Notice::ClusterBroken { reason } => Err(RunError::Cluster(reason)),
            Notice::Exited { worker } => self.end(worker),
            Notice::Reading(reading) => self.handle_reading(&reading),
        }
    }

    /// Checks the clock, and looks for devices that cannot be read and for workers that hang.
    fn watch(&mut self) -> Result<(), RunError> {
        if let Some(moved_ms) = self.clock.moved_ms() {
            self.ledger.clock_changed(moved_ms)?;
        }
        for reading in self.fleet.overdue_readings() {
            self.handle_reading(&reading)?;
        }
        if let Some(reason) = self.fleet.driver_hang_reason() {
            self.lose_driver(&reason)?;
        }
        for worker in self.fleet.workers() {
            if let Some(reason) = self.fleet.hang_reason(worker) {
                self.lose(worker, &reason)?;
            } else if let Some(excess) = self.fleet.excess(worker) {
                self.exceeded(worker, &excess)?;
            }
        }
        Ok(())
    }

    /// Handles the first interruption: no new work starts. Workers finish the work in progress, and idle ones are
    /// ended.
    fn drain(&mut self) -> Result<(), RunError> {
        self.fleet.stop();
        for worker in self.fleet.workers() {
            if self.is_idle(worker) || self.fleet.is_requested(worker) {
                self.end(worker)?;
            } else {
                self.fleet.send(worker, ToWorker::Shutdown { drain: true });
            }
        }
        Ok(())
    }

    /// Ends the workers after all work is done. They send what is left and exit, or are killed.
    fn shut_down(&mut self) -> Result<(), RunError> {
        self.fleet.stop();
        self.fleet.shut_down();
        let deadline = Instant::now() + SHUTDOWN;
        while self.fleet.is_running() {
            match self.fleet.receive(deadline) {
                Some(notice) => self.handle(notice)?,
                None => return self.end_all(),
            }
        }
        Ok(())
    }

    fn end_all(&mut self) -> Result<(), RunError> {
        self.fleet.workers().try_for_each(|worker| self.end(worker))
    }
}
