//! Recordings with their recipes, and cached inputs.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stage_core::{Recipe, sha256_hex};

use super::tables::{RawRecipe, RawRecording, Tables, next_number};
use crate::store::custody::Digests;
use crate::store::raw::is_gone;
use crate::store::sighting::{Before, Sighting};
use crate::store::{Compaction, Incident, RecordingEntry, RunId, StoreError, StoreFault};

impl Tables {
    pub(super) fn put_recordings(
        &mut self,
        run: RunId,
        entries: &[RecordingEntry],
    ) -> Result<Vec<Incident>, StoreError> {
        let mut recipes = BTreeMap::new();
        let mut ready = Vec::new();
        for entry in entries {
            let stored = self.recordings.get(&entry.file_sha256);
            let stored = stored.map(|stored| self.recipe(stored.recipe, &mut recipes)).transpose()?;
            ready.push((entry, serde_json::to_string(&*entry.recipe_beside(stored))?));
        }
        let salt = self.log.custody.salt.clone();
        let (mut log, mut incidents) = (Vec::new(), Vec::new());
        for (entry, body) in ready {
            let known = self.places(&entry.file_sha256);
            let seen = Sighting { entry, known: &known, before: self.before(entry) };
            incidents.extend(seen.incidents());
            log.extend(seen.log_entries(&salt));
            self.put_recording(run, entry, body);
        }
        log.extend(Digests(&salt).incident_entries(run, &incidents)?);
        self.put_incidents(run, &incidents);
        self.log.append(log)?;
        Ok(incidents)
    }

    fn put_recording(&mut self, run: RunId, entry: &RecordingEntry, recipe: String) {
        let RecordingEntry { path, relative, file_sha256, bytes, audio_s, name, .. } = entry.clone();
        let bytes = bytes.or_else(|| self.recordings.get(&file_sha256).and_then(|stored| stored.bytes));
        let recipe = self.recipe_number(recipe);
        for place in entry.found_at() {
            let seen = self.places.values().max().map_or(1, |last| last + 1);
            self.places.insert((place.to_owned(), file_sha256.clone()), seen);
        }
        let stored = RawRecording { path, relative, bytes, audio_s, name, recipe, run: run.0 };
        self.recordings.insert(file_sha256, stored);
    }

    /// The known places of a recording: the last one first, then by path.
    pub(super) fn places(&self, sha256: &str) -> Vec<PathBuf> {
        let last = self.recordings.get(sha256).map(|stored| stored.path.clone());
        let all = self.places.keys().filter(|(_, of)| of == sha256).map(|(path, _)| path.clone());
        let further = all.filter(|path| Some(path) != last.as_ref());
        last.iter().cloned().chain(further).collect()
    }

    /// The other bytes that were seen last at the places of a recording.
    fn before(&self, entry: &RecordingEntry) -> Vec<Before> {
        let last = |path: &Path| {
            let seen = self.places.iter().filter(|((place, _), _)| place == path);
            let (_, sha256) = seen.max_by_key(|(_, seen)| **seen)?.0;
            let is_other = *sha256 != entry.file_sha256;
            is_other.then(|| Before { path: path.to_owned(), sha256: sha256.clone() })
        };
        entry.found_at().filter_map(last).collect()
    }

    /// The number of a recipe, which is stored if it is new.
    fn recipe_number(&mut self, body: String) -> i64 {
        let body_sha256 = sha256_hex(body.as_bytes());
        if let Some((number, _)) = self.recipes.iter().find(|(_, stored)| stored.body_sha256 == body_sha256) {
            return *number;
        }
        let number = next_number(&self.recipes);
        self.recipes.insert(number, RawRecipe { body, body_sha256 });
        number
    }

    /// The recipe with this number. Recipes that were read are kept in `known`.
    fn recipe(&self, number: i64, known: &mut BTreeMap<i64, Arc<Recipe>>) -> Result<Arc<Recipe>, StoreError> {
        if let Some(recipe) = known.get(&number) {
            return Ok(Arc::clone(recipe));
        }
        let body = self.recipes.get(&number).map(|stored| stored.body.clone()).unwrap_or_default();
        let recipe = serde_json::from_str(&body).map_err(|_| StoreError::Unreadable { what: "recipe", value: body })?;
        Ok(Arc::clone(known.entry(number).or_insert(Arc::new(recipe))))
    }

    pub(super) fn recordings(&self) -> Result<Vec<RecordingEntry>, StoreError> {
        let mut recipes = BTreeMap::new();
        let entry = |(file_sha256, stored): (&String, &RawRecording)| {
            Ok(RecordingEntry {
                path: stored.path.clone(),
                relative: stored.relative.clone(),
                copies: Vec::new(),
                also_at: self.places(file_sha256).split_off(1),
                file_sha256: file_sha256.clone(),
                bytes: stored.bytes,
                audio_s: stored.audio_s,
                name: stored.name.clone(),
                recipe: self.recipe(stored.recipe, &mut recipes)?,
            })
        };
        let mut entries: Vec<_> = self.recordings.iter().map(entry).collect::<Result<_, StoreError>>()?;
        entries.sort_by(|a, b| (&a.path, &a.file_sha256).cmp(&(&b.path, &b.file_sha256)));
        Ok(entries)
    }

    /// Each recipe once, ordered by the latest run that used it.
    pub(super) fn recipes(&self) -> Result<Vec<Arc<Recipe>>, StoreError> {
        let used_by = |number: i64| self.recordings.values().filter(move |stored| stored.recipe == number);
        let mut numbers: Vec<_> = self.recipes.keys().copied().collect();
        numbers.sort_by_key(|number| Reverse((used_by(*number).map(|stored| stored.run).max(), *number)));
        let mut known = BTreeMap::new();
        numbers.into_iter().map(|number| self.recipe(number, &mut known)).collect()
    }

    /// The faults of recipes and of references to runs.
    pub(super) fn recipe_faults(&self) -> Vec<StoreFault> {
        let altered = |(_, stored): &(&i64, &RawRecipe)| sha256_hex(stored.body.as_bytes()) != stored.body_sha256;
        let mut faults: Vec<_> =
            self.recipes.iter().filter(altered).map(|(id, _)| StoreFault::Recipe { id: *id }).collect();
        let batches = self.batches.iter().map(|(number, batch)| (format!("batch {number}"), batch.run));
        let recordings = self.recordings.values().map(|stored| (stored.path.display().to_string(), stored.run));
        for (record, run) in batches.chain(recordings) {
            if !self.runs.contains_key(&run) {
                faults.push(StoreFault::Reference { record, missing: "run".to_owned() });
            }
        }
        faults
    }

    pub(super) fn compact(&mut self) -> Compaction {
        let bytes_before = self.bytes();
        let before = (self.checkpoints.len(), self.inputs.len(), self.recipes.len());
        let artifacts = &self.artifacts;
        self.checkpoints.retain(|(fingerprint, _), _| !artifacts.contains_key(fingerprint));
        self.inputs.retain(|path, _| !is_gone(path));
        let recordings = &self.recordings;
        self.recipes.retain(|number, _| recordings.values().any(|stored| stored.recipe == *number));
        Compaction {
            bytes_before,
            bytes_after: self.bytes(),
            checkpoints: before.0 - self.checkpoints.len(),
            inputs: before.1 - self.inputs.len(),
            recipes: before.2 - self.recipes.len(),
        }
    }

    /// The total size of all bodies in bytes.
    fn bytes(&self) -> u64 {
        let artifacts: usize = self.artifacts.values().map(|raw| raw.body.len()).sum();
        let checkpoints: usize = self.checkpoints.values().map(|raw| raw.body.len()).sum();
        (artifacts + checkpoints) as u64
    }
}
