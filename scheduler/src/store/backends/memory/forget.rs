//! Deletes the content of a recording and leaves its hash.

use std::collections::BTreeSet;

use super::tables::Tables;
use crate::store::custody::Digests;
use crate::store::forget::{Names, is_of_recording};
use crate::store::{Entry, Forgotten, StoreError};

impl Tables {
    pub(super) fn forget(&mut self, forgotten: &Forgotten) -> Result<(), StoreError> {
        let salt = self.log.custody.salt.clone();
        let digests = Digests(&salt);
        let sha256 = &forgotten.sha256;
        let names = Names::new(self.places(sha256));
        let record = digests.forgotten(forgotten)?;
        let mut entries = vec![Entry::Forgotten { recording: sha256.clone(), record }];
        self.delete_artifacts(sha256, &mut entries)?;
        self.delete_texts(&names, &digests, &mut entries)?;
        self.recordings.remove(sha256);
        self.places.retain(|(_, of), _| of != sha256);
        self.inputs.retain(|_, (_, facts)| facts.sha256 != *sha256);
        self.outputs.retain(|_, output| output.recording.as_ref() != Some(sha256));
        self.reviews.retain(|_, entry| entry.recording != *sha256);
        self.forgotten.insert(sha256.clone(), forgotten.clone());
        self.log.append(entries)
    }

    fn delete_artifacts(&mut self, sha256: &str, entries: &mut Vec<Entry>) -> Result<(), StoreError> {
        let mut fingerprints: BTreeSet<String> = BTreeSet::new();
        for recipe in self.recipes()? {
            fingerprints.extend(recipe.fingerprints(sha256).iter().map(ToString::to_string));
        }
        let of_other_recipes = self.artifacts.iter().filter(|(_, raw)| is_of_recording(&raw.key, sha256));
        fingerprints.extend(of_other_recipes.map(|(fingerprint, _)| fingerprint.clone()));
        self.artifacts.retain(|fingerprint, _| !fingerprints.contains(fingerprint));
        self.checkpoints.retain(|(fingerprint, _), _| !fingerprints.contains(fingerprint));
        for fingerprint in fingerprints.iter().filter(|one| self.quarantine.remove(*one).is_some()) {
            entries.extend(fingerprint.parse().ok().map(|fingerprint| Entry::QuarantineLifted { fingerprint }));
        }
        Ok(())
    }

    fn delete_texts(
        &mut self,
        names: &Names,
        digests: &Digests<'_>,
        entries: &mut Vec<Entry>,
    ) -> Result<(), StoreError> {
        for (id, run) in &mut self.runs {
            if let Some((changed, entry)) = names.without_command(run, digests)? {
                *run = changed;
                entries.push(entry);
            }
            let of_run = self.incidents.iter_mut().filter(|(of, _)| of == id);
            for (index, (_, raw)) in of_run.enumerate() {
                if let Some((changed, entry)) = names.without_text(*id, index + 1, &raw.incident, digests)? {
                    raw.incident = changed;
                    entries.push(entry);
                }
            }
        }
        let about = self.failures.iter().filter(|((_, path), error)| names.is_about(path, error));
        for key in about.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            self.failures.remove(&key);
            entries.push(Entry::FailureForgotten { run: key.0, place: digests.0.path(&key.1) });
        }
        Ok(())
    }
}
