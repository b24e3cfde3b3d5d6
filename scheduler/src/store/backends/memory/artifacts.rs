//! Artifacts and checkpoints, and the leases that they are committed under.

use stage_core::{Fingerprint, sha256_hex};

use super::tables::{Batch, RawCheckpoint, Tables, next_number};
use crate::store::custody::Digests;
use crate::store::raw::{RawArtifact, sound_body};
use crate::store::{
    CheckpointHash, Commit, Committed, Lease, LeaseEnd, Lookup, NewCheckpoint, NewRecord, RunId, StoreError,
    StoreFault, StoredCheckpoint,
};

/// A record that was checked, so that writing it cannot fail.
enum Ready<'a> {
    Artifact { fingerprint: String, raw: RawArtifact, replace: bool },
    Checkpoint(&'a NewCheckpoint),
}

impl<'a> Ready<'a> {
    fn new(record: &'a NewRecord) -> Result<Self, StoreError> {
        Ok(match record {
            NewRecord::Artifact { artifact, replace } => Self::Artifact {
                fingerprint: artifact.key.fingerprint().to_string(),
                raw: RawArtifact::new(artifact)?,
                replace: *replace,
            },
            NewRecord::Checkpoint(checkpoint) => Self::Checkpoint(checkpoint),
        })
    }

    /// The fingerprint of an artifact.
    fn fingerprint(&self) -> Option<&String> {
        match self {
            Self::Artifact { fingerprint, .. } => Some(fingerprint),
            Self::Checkpoint(_) => None,
        }
    }
}

impl Tables {
    pub(super) fn grant(&mut self, run: RunId) -> Lease {
        let batch = next_number(&self.batches);
        let number = self.batches.values().map(|batch| batch.lease).max().unwrap_or_default() + 1;
        self.batches.insert(batch, Batch { run: run.0, lease: number, ended: None });
        Lease { batch, number }
    }

    pub(super) fn release(&mut self, lease: Lease, end: LeaseEnd) {
        if let Some(batch) = self.batches.get_mut(&lease.batch).filter(|batch| batch.lease == lease.number) {
            batch.ended.get_or_insert(end);
        }
    }

    /// Ends the leases of earlier runs.
    pub(super) fn revoke_all(&mut self) {
        for batch in self.batches.values_mut() {
            batch.ended.get_or_insert(LeaseEnd::Revoked);
        }
    }

    pub(super) fn live_leases(&self) -> usize {
        self.batches.values().filter(|batch| batch.ended.is_none()).count()
    }

    fn is_live(&self, lease: Lease) -> bool {
        self.batches.get(&lease.batch).is_some_and(|batch| batch.lease == lease.number && batch.ended.is_none())
    }

    pub(super) fn commit(&mut self, group: &[Commit]) -> Result<Vec<Committed>, StoreError> {
        let ready: Vec<_> = group.iter().map(|commit| Ready::new(&commit.what)).collect::<Result<_, _>>()?;
        let salt = self.log.custody.salt.clone();
        let (mut outcomes, mut entries) = (Vec::new(), Vec::new());
        for (Commit { lease, what }, ready) in group.iter().zip(ready) {
            let replaces = ready.fingerprint().is_some_and(|fingerprint| self.artifacts.contains_key(fingerprint));
            let outcome = self.write(*lease, ready);
            if outcome == Committed::Written {
                entries.push(Digests(&salt).commit_entry(what, replaces)?);
            }
            outcomes.push(outcome);
        }
        self.log.append(entries)?;
        Ok(outcomes)
    }

    fn write(&mut self, lease: Lease, ready: Ready<'_>) -> Committed {
        if !self.is_live(lease) {
            return Committed::StaleLease;
        }
        let written = match ready {
            Ready::Artifact { fingerprint, raw, replace } => self.write_artifact(fingerprint, raw, replace),
            Ready::Checkpoint(checkpoint) => self.write_checkpoint(checkpoint),
        };
        self.recomputations += u64::from(!written);
        if written { Committed::Written } else { Committed::AlreadyThere }
    }

    fn write_artifact(&mut self, fingerprint: String, mut raw: RawArtifact, replace: bool) -> bool {
        self.forget_checkpoints(&fingerprint);
        if let Some(stored) = self.artifacts.get_mut(&fingerprint) {
            stored.computations += 1;
            if !replace {
                return false;
            }
            raw.computations = stored.computations;
        }
        self.artifacts.insert(fingerprint, raw);
        true
    }

    fn write_checkpoint(&mut self, new: &NewCheckpoint) -> bool {
        let fingerprint = new.fingerprint.to_string();
        if self.artifacts.contains_key(&fingerprint) {
            return false;
        }
        let place = (fingerprint, new.index);
        if self.checkpoints.get(&place).is_some_and(|stored| stored.sound().is_some()) {
            return false;
        }
        let body_sha256 = sha256_hex(new.body.as_bytes());
        self.checkpoints.insert(place, RawCheckpoint { body: new.body.clone().into_bytes(), body_sha256 });
        true
    }

    pub(super) fn artifact(&self, fingerprint: &Fingerprint) -> Lookup {
        let raw = self.artifacts.get(&fingerprint.to_string()).cloned();
        raw.map_or(Lookup::Missing, |raw| raw.lookup(fingerprint))
    }

    pub(super) fn checkpoints(&self, fingerprint: &Fingerprint) -> Vec<StoredCheckpoint> {
        let first = (fingerprint.to_string(), 0);
        let last = (fingerprint.to_string(), u32::MAX);
        let stored = self.checkpoints.range(first..=last);
        stored.filter_map(|((_, index), raw)| Some(StoredCheckpoint { index: *index, body: raw.sound()? })).collect()
    }

    /// Deletes the checkpoints of an artifact. Returns whether there were any.
    pub(super) fn forget_checkpoints(&mut self, fingerprint: &str) -> bool {
        let before = self.checkpoints.len();
        self.checkpoints.retain(|(of, _), _| of != fingerprint);
        self.checkpoints.len() < before
    }

    /// The hashes of all checkpoints, by artifact and index.
    pub(super) fn checkpoint_hashes(&self) -> Vec<CheckpointHash> {
        let hash = |((fingerprint, index), raw): (&(String, u32), &RawCheckpoint)| CheckpointHash {
            fingerprint: fingerprint.clone(),
            index: *index,
            sha256: sha256_hex(&raw.body),
        };
        self.checkpoints.iter().map(hash).collect()
    }

    /// The faults of artifacts and checkpoints.
    pub(super) fn artifact_faults(&self) -> Vec<StoreFault> {
        let artifacts = self.artifacts.iter().filter_map(|(name, raw)| raw.clone().fault(name));
        let altered = self.checkpoints.iter().filter(|(_, raw)| raw.sound().is_none());
        let checkpoints = altered.map(|((fingerprint, index), _)| StoreFault::Checkpoint {
            fingerprint: fingerprint.clone(),
            index: *index,
        });
        artifacts.chain(checkpoints).collect()
    }
}

impl RawCheckpoint {
    fn sound(&self) -> Option<String> {
        sound_body(self.body.clone(), &self.body_sha256)
    }
}
