//! From planned items and the store to jobs: what is reused, what is run, and which artifacts the steps read.

use std::collections::{BTreeSet, HashMap};

use stage_core::{Fingerprint, StageKind};

use super::options::Recompute;
use super::outcome::RunError;
use crate::protocol::Step;
use crate::store::{Lookup, RecordingEntry, Store};

/// One distinct chain of keys, whatever the number of recordings that share it.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    /// The places of its recordings in the list.
    pub(super) indices: Vec<usize>,
    /// One fingerprint a stage.
    pub(super) fingerprints: Vec<Fingerprint>,
    /// What is not on record, or is to be computed again.
    pub(super) outstanding: BTreeSet<StageKind>,
    /// What is outstanding and must overwrite a record.
    pub(super) replace: BTreeSet<StageKind>,
}

/// Joins equal items and looks their artifacts up. An artifact on record that does not hold is computed again.
pub(super) fn chains(
    items: &[RecordingEntry],
    recompute: Recompute,
    store: &dyn Store,
) -> Result<Vec<Chain>, RunError> {
    let mut by_keys: HashMap<Vec<Fingerprint>, usize> = HashMap::new();
    let mut chains: Vec<Chain> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let fingerprints = item.fingerprints();
        match by_keys.get(&fingerprints) {
            Some(known) => chains[*known].indices.push(index),
            None => {
                by_keys.insert(fingerprints.clone(), chains.len());
                chains.push(chain(index, fingerprints, recompute, store)?);
            }
        }
    }
    Ok(chains)
}

fn chain(
    index: usize,
    fingerprints: Vec<Fingerprint>,
    recompute: Recompute,
    store: &dyn Store,
) -> Result<Chain, RunError> {
    let (mut outstanding, mut replace) = (BTreeSet::new(), BTreeSet::new());
    for (stage, fingerprint) in StageKind::ALL.into_iter().zip(&fingerprints) {
        match store.artifact(fingerprint)? {
            Lookup::Missing => {
                outstanding.insert(stage);
            }
            Lookup::Sound(_) if !recompute.includes(stage) => {}
            Lookup::Sound(_) => {
                outstanding.insert(stage);
                replace.insert(stage);
            }
            Lookup::Altered(alteration) => {
                tracing::warn!(%stage, %fingerprint, %alteration, "an artifact on record does not hold");
                outstanding.insert(stage);
                replace.insert(stage);
            }
        }
    }
    Ok(Chain { indices: vec![index], fingerprints, outstanding, replace })
}

impl Chain {
    /// The steps that make what is outstanding. All stages read the samples, which are not on record: decode runs with
    /// any of them, its artifact committed only if it is outstanding itself.
    pub(super) fn steps(&self) -> Vec<Step> {
        let stages = StageKind::ALL.into_iter().zip(&self.fingerprints);
        let step = |(stage, fingerprint): (StageKind, &Fingerprint)| {
            let commit = self.outstanding.contains(&stage);
            let runs = commit || (stage == StageKind::Decode && !self.outstanding.is_empty());
            let keep_parts = stage.has_parts() && !self.replace.contains(&stage);
            runs.then_some(Step { stage, fingerprint: *fingerprint, commit, keep_parts })
        };
        stages.filter_map(step).collect()
    }

    /// The name of a stage's artifact, if the stage is wanted.
    pub(super) fn fingerprint(&self, wanted: StageKind) -> Option<Fingerprint> {
        let mut stages = StageKind::ALL.into_iter().zip(&self.fingerprints);
        stages.find(|(stage, _)| *stage == wanted).map(|(_, fingerprint)| *fingerprint)
    }

    /// The name of the first artifact that is outstanding.
    pub(super) fn next_fingerprint(&self) -> Option<Fingerprint> {
        self.fingerprint(*self.outstanding.first()?)
    }

    /// The stages on record that the steps read.
    pub(super) fn reads(&self) -> BTreeSet<StageKind> {
        let read = self.outstanding.iter().flat_map(|stage| stage.inputs()).copied();
        read.filter(|stage| !self.outstanding.contains(stage)).collect()
    }

    /// The stages on record.
    pub(super) fn on_record(&self) -> impl Iterator<Item = StageKind> {
        StageKind::ALL.into_iter().take(self.fingerprints.len()).filter(|stage| !self.outstanding.contains(stage))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use StageKind::{Align, Decode, Forensics, Segment, Transcribe};

    fn chain(outstanding: &[StageKind]) -> Chain {
        Chain {
            indices: vec![0],
            fingerprints: ["1", "2", "3", "4", "5"].map(|digit| digit.repeat(64).parse().unwrap()).to_vec(),
            outstanding: outstanding.iter().copied().collect(),
            replace: BTreeSet::new(),
        }
    }

    #[test]
    fn decode_runs_uncommitted_where_only_its_samples_are_needed() {
        let steps: Vec<_> = chain(&[Align, Forensics]).steps().iter().map(|s| (s.stage, s.commit)).collect();
        assert_eq!(steps, [(Decode, false), (Align, true), (Forensics, true)]);
        assert_eq!(chain(&[Align, Forensics]).reads(), BTreeSet::from([Decode, Segment, Transcribe]));
    }

    #[test]
    fn nothing_outstanding_means_no_step() {
        assert!(chain(&[]).steps().is_empty());
        assert_eq!(chain(&[]).on_record().count(), 5);
    }

    #[test]
    fn a_new_recording_reads_no_record() {
        assert!(chain(&StageKind::ALL).reads().is_empty());
        assert!(chain(&StageKind::ALL).steps().iter().all(|step| step.commit));
    }
}
