//! Shares the queue of the store with other runs: claims recordings, and learns what the others have finished.

use stage_core::PipelineError;

use super::Router;
use crate::coordinator::outcome::{ItemEnd, RunError};
use crate::coordinator::sharing::{Sharing, is_of_this_machine};
use crate::store::WorkEnd;

impl Router<'_> {
    /// Looks at the queue, if the run shares it and it is time to.
    pub(super) fn share(&mut self) -> Result<(), RunError> {
        let Some(sharing) = self.sharing.as_mut().filter(|sharing| sharing.is_due()) else { return Ok(()) };
        let wanted = Sharing::wanted(self.backlog.queued(), self.fleet.usable(), self.fleet.unplaced());
        if wanted == 0 {
            return Ok(());
        }
        let claimed = self.ledger.claim(wanted, sharing.excluded())?;
        if claimed.is_empty() {
            sharing.pause();
            let (ended, until_ms) = self.ledger.ended_elsewhere(sharing.seen_ms())?;
            sharing.has_seen(until_ms);
            return ended.into_iter().try_for_each(|(recording, end)| self.ended_elsewhere(&recording, end));
        }
        claimed.into_iter().try_for_each(|recording| self.claimed(recording))
    }

    /// Queues a claimed recording. Another run may have computed a part of it, or all.
    fn claimed(&mut self, recording: String) -> Result<(), RunError> {
        let Some(sharing) = self.sharing.as_mut() else { return Ok(()) };
        let Some(job) = sharing.job(&recording).filter(|job| !self.backlog.has_ended(*job)) else {
            sharing.exclude(recording.clone());
            return Ok(self.ledger.give_back(recording)?);
        };
        sharing.claim(recording);
        self.refresh(job)?;
        if self.backlog.is_complete(job) {
            return self.finish(job, ItemEnd::Done);
        }
        match self.quarantined(job)? {
            Some(error) => self.finish(job, ItemEnd::Failed(error)),
            None => {
                self.backlog.enqueue(job);
                Ok(())
            }
        }
    }

    /// Finishes a job that another run has ended.
    fn ended_elsewhere(&mut self, recording: &str, end: WorkEnd) -> Result<(), RunError> {
        let Some(sharing) = &self.sharing else { return Ok(()) };
        let is_own = sharing.has_claimed(recording);
        let Some(job) = sharing.job(recording).filter(|job| !is_own && !self.backlog.has_ended(*job)) else {
            return Ok(());
        };
        match end {
            WorkEnd::Failed(error) => return self.finish(job, ItemEnd::Failed(error)),
            // The run that queued the recordings checks them.
            WorkEnd::Done if self.options.joins => return self.finish(job, ItemEnd::Done),
            WorkEnd::Done => {}
        }
        self.refresh(job)?;
        if self.backlog.is_complete(job) {
            return self.finish(job, ItemEnd::Done);
        }
        // An artifact was altered since.
        Ok(self.ledger.give_back(recording.to_owned())?)
    }

    /// Reads again which artifacts of a job are stored, and reports the new ones.
    fn refresh(&mut self, job: usize) -> Result<(), RunError> {
        let before: Vec<_> = self.backlog.chain(job).reused().collect();
        self.ledger.refresh(self.backlog.chain_mut(job))?;
        let new: Vec<_> = self.backlog.chain(job).reused().filter(|stage| !before.contains(stage)).collect();
        for stage in new {
            self.backlog.indices(job).into_iter().for_each(|index| self.ledger.reused(index, stage));
        }
        Ok(())
    }

    /// The error of a job that is quarantined.
    pub(super) fn quarantined(&mut self, job: usize) -> Result<Option<PipelineError>, RunError> {
        let Some(fingerprint) = self.backlog.chain(job).next_fingerprint() else { return Ok(None) };
        let entry = self.ledger.quarantined(fingerprint, self.options.retry_quarantined)?;
        Ok(entry.map(|entry| entry.error))
    }

    /// Tells the other runs how the work on a claimed recording ended here. One that fails because of this machine's file
    /// is left to them.
    pub(super) fn settle(&mut self, job: usize, end: &ItemEnd) -> Result<(), RunError> {
        let Some(sharing) = &mut self.sharing else { return Ok(()) };
        let recording = self.backlog.item(job).file_sha256.clone();
        if !sharing.end_claim(&recording) {
            return Ok(());
        }
        let end = match end {
            ItemEnd::Failed(error) if is_of_this_machine(error) => {
                sharing.exclude(recording.clone());
                return Ok(self.ledger.give_back(recording)?);
            }
            ItemEnd::Failed(error) => WorkEnd::Failed(error.clone()),
            ItemEnd::Done | ItemEnd::Unfinished => WorkEnd::Done,
        };
        Ok(self.ledger.settle(&recording, &end)?)
    }
}
