//! What is deleted with a recording: everything that was computed from it, and every text that names it.
//!
//! ```text
//! store (read) -> Deletion: what is deleted -> Store::forget: one transaction, with its entries of the custody log
//! ```

mod folded;
mod names;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use stage_core::Fingerprint;

pub(super) use self::names::FORGOTTEN;
pub use self::names::Names;
use super::custody::Digests;
use super::{
    Entry, Failure, Forgotten, Incident, OutputFile, Quarantine, RecordingEntry, Run, RunId, Store, StoreError,
};

/// What is deleted with a recording. Nothing is deleted before [`Store::forget`].
#[derive(Debug, Clone)]
pub struct Deletion {
    /// What stays of the recording.
    pub forgotten: Forgotten,
    /// Whether the store has the recording.
    pub is_stored: bool,
    /// Its places and other paths that name it.
    pub paths: Vec<PathBuf>,
    /// The names of its artifacts.
    pub artifacts: Vec<String>,
    /// The fingerprints of artifacts whose checkpoints are deleted: those of the recording, and those that belong to no
    /// other stored recording under a stored recipe.
    pub checkpoints: Vec<String>,
    /// The quarantines of the recording.
    pub quarantines: Vec<Fingerprint>,
    /// The IDs of the statements about it.
    pub reviews: Vec<String>,
    /// Runs whose command line names it, without these arguments.
    pub runs: Vec<Run>,
    /// Incidents that name it, with their number in the run (from 1), without what names it.
    pub incidents: Vec<(RunId, usize, Incident)>,
    /// Failures that name it.
    pub failures: Vec<(RunId, PathBuf)>,
    /// The written files of the recording, and files about runs and about the case, which may name it. From now on all
    /// are recorded as files of the recording: they are to be deleted.
    pub outputs: Vec<OutputFile>,
}

impl Deletion {
    /// What is to be deleted with a recording.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn of(store: &dyn Store, forgotten: Forgotten, names: &Names) -> Result<Self, StoreError> {
        let recordings = store.recordings()?;
        let (own, others): (Vec<_>, Vec<_>) =
            recordings.into_iter().partition(|entry| entry.file_sha256 == forgotten.sha256);
        let mut found = Self {
            is_stored: !own.is_empty(),
            paths: names.paths().to_vec(),
            artifacts: store.artifacts_of(&forgotten.sha256)?,
            checkpoints: Vec::new(),
            quarantines: Vec::new(),
            reviews: store.reviews(Some(&forgotten.sha256))?.into_iter().map(|entry| entry.id).collect(),
            runs: Vec::new(),
            incidents: Vec::new(),
            failures: Vec::new(),
            outputs: Vec::new(),
            forgotten,
        };
        found.find_fingerprints(store, names, &others)?;
        found.find_texts(store, names, &others)?;
        let is_deleted = |file: &OutputFile| file.recording.as_ref().is_none_or(|of| *of == found.forgotten.sha256);
        found.outputs = store.outputs()?.into_iter().filter(is_deleted).collect();
        Ok(found)
    }

    /// Artifacts, checkpoints and quarantines, which are named by fingerprints.
    fn find_fingerprints(
        &mut self,
        store: &dyn Store,
        names: &Names,
        others: &[RecordingEntry],
    ) -> Result<(), StoreError> {
        let recipes = store.recipes()?;
        let of = |sha256: &str| {
            let all = recipes.iter().flat_map(|recipe| recipe.fingerprints(sha256));
            all.map(|fingerprint| fingerprint.to_string()).collect::<BTreeSet<_>>()
        };
        let mut own = of(&self.forgotten.sha256);
        own.extend(self.artifacts.iter().cloned());
        let hashes = store.checkpoint_hashes()?;
        let unfinished: BTreeSet<_> = hashes.into_iter().map(|checkpoint| checkpoint.fingerprint).collect();
        let mut unknown: Vec<_> = unfinished.into_iter().collect();
        self.checkpoints.extend(unknown.extract_if(.., |name| own.contains(name)));
        if !unknown.is_empty() {
            let of_others: BTreeSet<_> = others.iter().flat_map(|entry| of(&entry.file_sha256)).collect();
            self.checkpoints.extend(unknown.into_iter().filter(|name| !of_others.contains(name)));
        }
        for Quarantine { fingerprint, path, error } in store.quarantines()? {
            let is_named = names.is_in_path(&path) || names.is_in(&serde_json::to_string(&error)?);
            if own.contains(&fingerprint.to_string()) || (is_named && !is_at(others, &path)) {
                self.quarantines.push(fingerprint);
            }
        }
        let stored: BTreeSet<_> = store.artifact_names()?.into_iter().collect();
        self.artifacts = own.intersection(&stored).cloned().collect();
        Ok(())
    }

    /// Texts of runs that name the recording.
    fn find_texts(&mut self, store: &dyn Store, names: &Names, others: &[RecordingEntry]) -> Result<(), StoreError> {
        for run in store.runs(usize::MAX)? {
            let id = run.id;
            if let Some(command) = names.masked(&run.command).filter(|masked| *masked != run.command) {
                self.runs.push(Run { command, ..run });
            }
            for (index, incident) in store.incidents(id)?.into_iter().enumerate() {
                let is_about = incident.recording.as_deref().is_some_and(|path| names.is_in_path(path));
                let masked = Incident { recording: None, message: FORGOTTEN.to_owned(), ..incident.clone() };
                if (is_about || names.is_in(&incident.message)) && masked != incident {
                    self.incidents.push((id, index + 1, masked));
                }
            }
            for Failure { path, error } in store.failures(id)? {
                let is_of_another = is_at(others, &path) && !names.has(&path);
                if names.is_in(&serde_json::to_string(&error)?) || (names.is_in_path(&path) && !is_of_another) {
                    self.failures.push((id, path));
                }
            }
        }
        Ok(())
    }

    /// Number of texts that name the recording.
    #[must_use]
    pub const fn texts(&self) -> usize {
        self.runs.len() + self.incidents.len() + self.failures.len()
    }

    /// Whether the store has nothing of the recording but its hash, and files to delete.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        let Self { is_stored, artifacts, checkpoints, quarantines, reviews, .. } = self;
        !*is_stored
            && artifacts.is_empty()
            && checkpoints.is_empty()
            && quarantines.is_empty()
            && reviews.is_empty()
            && self.texts() == 0
    }

    /// The files that are recorded as files of the recording from now on.
    pub(super) fn new_outputs(&self) -> impl Iterator<Item = OutputFile> {
        let recording = Some(self.forgotten.sha256.clone());
        let about_runs = self.outputs.iter().filter(|file| file.recording.is_none());
        about_runs.map(move |file| OutputFile { recording: recording.clone(), ..file.clone() })
    }

    /// The entries of the custody log. The texts follow the entry of the recording, which states their number: entries
    /// like these are valid nowhere else.
    pub(super) fn entries(&self, digests: &Digests<'_>) -> Result<Vec<Entry>, StoreError> {
        let recording = self.forgotten.sha256.clone();
        let record = digests.forgotten(&self.forgotten)?;
        let mut entries = vec![Entry::Forgotten { recording, record, texts: Some(self.texts()) }];
        for run in &self.runs {
            entries.push(Entry::RunForgotten { run: run.id.0, record: digests.run_began(run)? });
        }
        for (RunId(run), number, incident) in &self.incidents {
            let record = digests.incident(incident)?;
            entries.push(Entry::IncidentForgotten { run: *run, number: *number, record });
        }
        for (RunId(run), path) in &self.failures {
            entries.push(Entry::FailureForgotten { run: *run, place: digests.0.path(path) });
        }
        let checkpoints = self.checkpoints.iter().filter_map(|name| name.parse().ok());
        entries.extend(checkpoints.map(|fingerprint| Entry::CheckpointsForgotten { fingerprint }));
        entries.extend(self.quarantines.iter().map(|one| Entry::QuarantineLifted { fingerprint: *one }));
        for output in self.new_outputs() {
            entries.push(digests.output_entry(&output)?);
        }
        Ok(entries)
    }
}

/// Whether one of the recordings is at a path.
fn is_at(recordings: &[RecordingEntry], path: &Path) -> bool {
    recordings.iter().any(|entry| entry.places().any(|place| place == path))
}

/// Whether an artifact with this stored key is one of the recording with this hash.
pub(super) fn is_of_recording(key: &[u8], sha256: &str) -> bool {
    serde_json::from_slice(key).is_ok_and(|key: Value| key["file_sha256"] == sha256)
}
