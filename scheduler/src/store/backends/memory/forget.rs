//! Deletes the content of a recording and leaves its hash.

use super::tables::Tables;
use crate::store::custody::Digests;
use crate::store::{Deletion, StoreError};

impl Tables {
    pub(super) fn forget(&mut self, deletion: &Deletion) -> Result<(), StoreError> {
        let salt = self.log.custody.salt.clone();
        let entries = deletion.entries(&Digests(&salt))?;
        let Deletion { forgotten, paths, artifacts, checkpoints, quarantines, .. } = deletion;
        let sha256 = &forgotten.sha256;
        self.artifacts.retain(|name, _| !artifacts.contains(name));
        self.checkpoints.retain(|(name, _), _| !checkpoints.contains(name));
        self.quarantine.retain(|name, _| !quarantines.iter().any(|one| one.to_string() == *name));
        self.delete_texts(deletion);
        self.recordings.remove(sha256);
        self.places.retain(|(_, of), _| of != sha256);
        self.inputs.retain(|path, (_, facts)| facts.sha256 != *sha256 && !paths.contains(path));
        self.reviews.retain(|_, entry| entry.recording != *sha256);
        self.outputs.extend(deletion.new_outputs().map(|output| (output.path.clone(), output)));
        self.forgotten.push(forgotten.clone());
        self.log.append(entries)
    }

    fn delete_texts(&mut self, deletion: &Deletion) {
        for run in &deletion.runs {
            self.runs.insert(run.id.0, run.clone());
        }
        for (run, number, incident) in &deletion.incidents {
            let mut of_run = self.incidents.iter_mut().filter(|(of, _)| *of == run.0);
            if let Some((_, raw)) = of_run.nth(number - 1) {
                raw.incident = incident.clone();
            }
        }
        for (run, path) in &deletion.failures {
            self.failures.remove(&(run.0, path.clone()));
        }
    }
}
