//! Runs, their incidents, failures and quarantined recordings; reviews.

use stage_core::Fingerprint;

use super::tables::{RawIncident, Tables, next_number};
use crate::clock::now_ms;
use crate::store::custody::Digests;
use crate::store::raw::{incident_kind, review_outcome};
use crate::store::{
    Entry, Failure, Incident, NewRun, Quarantine, ReviewEntry, ReviewOutcome, RunEnd, RunId, StoreError,
};

impl Tables {
    pub(super) fn begin_run(&mut self, new: &NewRun) -> Result<RunId, StoreError> {
        self.revoke_all();
        let id = RunId(next_number(&self.runs));
        let run = new.begun(id, std::process::id(), now_ms());
        let salt = self.log.custody.salt.clone();
        self.log.append([Digests(&salt).run_began_entry(&run, new)?])?;
        self.runs.insert(id.0, run);
        Ok(id)
    }

    pub(super) fn end_run(&mut self, run: RunId, end: RunEnd) -> Result<(), StoreError> {
        let Some(run) = self.runs.get_mut(&run.0) else { return Ok(()) };
        run.ended = Some((now_ms(), end));
        let salt = self.log.custody.salt.clone();
        self.log.append(Digests(&salt).run_ended_entry(run)?)
    }

    pub(super) fn record_incidents(&mut self, run: RunId, incidents: &[Incident]) -> Result<(), StoreError> {
        let salt = self.log.custody.salt.clone();
        self.put_incidents(run, incidents);
        self.log.append(Digests(&salt).incident_entries(run, incidents)?)
    }

    /// Stores incidents, which the caller adds to the custody log.
    pub(super) fn put_incidents(&mut self, run: RunId, incidents: &[Incident]) {
        let raw = |incident: &Incident| RawIncident { kind: incident.kind.name(), incident: incident.clone() };
        self.incidents.extend(incidents.iter().map(|incident| (run.0, raw(incident))));
    }

    pub(super) fn incidents(&self, run: RunId) -> Result<Vec<Incident>, StoreError> {
        let of_run = self.incidents.iter().filter(|(of, _)| *of == run.0);
        let checked = |RawIncident { kind, incident }: &RawIncident| {
            Ok(Incident { kind: incident_kind(kind.clone())?, ..incident.clone() })
        };
        of_run.map(|(_, raw)| checked(raw)).collect()
    }

    pub(super) fn record_failures(&mut self, run: RunId, failures: &[Failure]) -> Result<(), StoreError> {
        let salt = self.log.custody.salt.clone();
        self.log.append(Digests(&salt).failure_entries(run, failures)?)?;
        for Failure { path, error } in failures.iter().cloned() {
            self.failures.insert((run.0, path), error);
        }
        Ok(())
    }

    pub(super) fn failures(&self, run: RunId) -> Vec<Failure> {
        let of_run = self.failures.iter().filter(|((of, _), _)| *of == run.0);
        of_run.map(|((_, path), error)| Failure { path: path.clone(), error: error.clone() }).collect()
    }

    pub(super) fn quarantine(&mut self, entries: &[Quarantine]) -> Result<(), StoreError> {
        let salt = self.log.custody.salt.clone();
        self.log.append(Digests(&salt).quarantine_entries(entries)?)?;
        for entry in entries {
            self.quarantine.insert(entry.fingerprint.to_string(), entry.clone());
        }
        Ok(())
    }

    pub(super) fn quarantines(&self) -> Vec<Quarantine> {
        let mut entries: Vec<_> = self.quarantine.values().cloned().collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        entries
    }

    pub(super) fn lift_quarantine(&mut self, fingerprints: &[Fingerprint]) -> Result<(), StoreError> {
        let lifted = fingerprints.iter().filter(|one| self.quarantine.remove(&one.to_string()).is_some());
        let lifted: Vec<_> = lifted.map(|one| Entry::QuarantineLifted { fingerprint: *one }).collect();
        self.log.append(lifted)
    }

    pub(super) fn put_reviews(&mut self, entries: &[ReviewEntry]) -> Result<Vec<ReviewOutcome>, StoreError> {
        let salt = self.log.custody.salt.clone();
        let (mut outcomes, mut written) = (Vec::new(), Vec::new());
        for entry in entries {
            let outcome = review_outcome(self.reviews.get(&entry.id), entry);
            if outcome == ReviewOutcome::Written {
                written.push(Digests(&salt).review_entry(entry)?);
                self.reviews.insert(entry.id.clone(), entry.clone());
            }
            outcomes.push(outcome);
        }
        self.log.append(written)?;
        Ok(outcomes)
    }

    pub(super) fn reviews(&self, recording: Option<&str>) -> Vec<ReviewEntry> {
        let is_about = |entry: &&ReviewEntry| recording.is_none_or(|sha256| entry.recording == sha256);
        let mut entries: Vec<_> = self.reviews.values().filter(is_about).cloned().collect();
        entries.sort_by(|a, b| (a.at_ms, &a.id).cmp(&(b.at_ms, &b.id)));
        entries
    }
}
