//! Runs, their incidents, failures and quarantined recordings.

use stage_core::Fingerprint;

use super::tables::{RawIncident, Tables, next_number};
use crate::clock::now_ms;
use crate::store::{Failure, Incident, NewRun, Quarantine, Run, RunEnd, RunId, StoreError};

impl Tables {
    pub(super) fn begin_run(&mut self, new: &NewRun) -> RunId {
        self.revoke_all();
        let id = RunId(next_number(&self.runs));
        let NewRun { command, tool_version, priority } = new.clone();
        let (pid, started_at_ms) = (Some(std::process::id()), now_ms());
        self.runs.insert(id.0, Run { id, command, tool_version, priority, pid, started_at_ms, ended: None });
        id
    }

    pub(super) fn end_run(&mut self, run: RunId, end: RunEnd) {
        if let Some(run) = self.runs.get_mut(&run.0) {
            run.ended = Some((now_ms(), end));
        }
    }

    pub(super) fn record_incidents(&mut self, run: RunId, incidents: &[Incident]) {
        let raw = |incident: &Incident| RawIncident { kind: incident.kind.name(), incident: incident.clone() };
        self.incidents.extend(incidents.iter().map(|incident| (run.0, raw(incident))));
    }

    pub(super) fn incidents(&self, run: RunId) -> Result<Vec<Incident>, StoreError> {
        let of_run = self.incidents.iter().filter(|(of, _)| *of == run.0);
        let checked = |RawIncident { kind, incident }: &RawIncident| {
            let unreadable = |_| StoreError::Unreadable { what: "kind of incident", value: kind.clone() };
            Ok(Incident { kind: kind.parse().map_err(unreadable)?, ..incident.clone() })
        };
        of_run.map(|(_, raw)| checked(raw)).collect()
    }

    pub(super) fn record_failures(&mut self, run: RunId, failures: &[Failure]) {
        for Failure { path, error } in failures.iter().cloned() {
            self.failures.insert((run.0, path), error);
        }
    }

    pub(super) fn failures(&self, run: RunId) -> Vec<Failure> {
        let of_run = self.failures.iter().filter(|((of, _), _)| *of == run.0);
        of_run.map(|((_, path), error)| Failure { path: path.clone(), error: error.clone() }).collect()
    }

    pub(super) fn quarantine(&mut self, entries: &[Quarantine]) {
        for entry in entries {
            self.quarantine.insert(entry.fingerprint.to_string(), entry.clone());
        }
    }

    pub(super) fn quarantines(&self) -> Vec<Quarantine> {
        let mut entries: Vec<_> = self.quarantine.values().cloned().collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        entries
    }

    pub(super) fn lift_quarantine(&mut self, fingerprints: &[Fingerprint]) {
        for fingerprint in fingerprints {
            self.quarantine.remove(&fingerprint.to_string());
        }
    }
}
