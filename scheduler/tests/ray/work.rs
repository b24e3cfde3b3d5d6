//! The recordings of the tests, and the simulated stages that process them.

use std::path::Path;
use std::process::exit;
use std::sync::Arc;

use scheduler::store::{Access, Lookup, RecordingEntry, Store, StoreUrl, open};
use scheduler::worker::sim::{SPECS, SimSettings, stages};
use scheduler::worker::{SlotSettings, WorkerSettings, serve};
use stage_core::{DeviceId, Recipe, RecipeStep, Tool, sha256_hex};

/// Version of the program.
pub(crate) const VERSION: &str = "ray-test";
/// Number of recordings. Each has three windows.
pub(crate) const RECORDINGS: usize = 16;
const AUDIO_S: f64 = 90.0;

/// Service times of a GPU that transcribes at 100 times real time.
pub(crate) fn settings() -> SimSettings {
    SimSettings { load_s: 0.1, ..SimSettings::default() }
}

pub(crate) fn worker_main() {
    let build = |given: &WorkerSettings, slot: &SlotSettings| {
        let settings = serde_json::from_value(given.settings.clone()).unwrap();
        Ok(stages(settings, &slot.device, &SPECS).unwrap())
    };
    exit(i32::from(serve(Tool::of_version(VERSION), build).is_err()));
}

/// This number of recordings, with their recipe.
pub(crate) fn recordings(count: usize) -> Vec<RecordingEntry> {
    let runners = stages(settings(), &DeviceId::Sim(0), &SPECS).unwrap();
    let steps = runners.iter().map(|runner| RecipeStep::new(&runner.spec(), runner.identity()));
    let recipe = Arc::new(Recipe::new(steps.collect()).unwrap());
    let entry = |number| {
        let name = format!("recording-{number:03}");
        RecordingEntry::new(format!("/shared/{name}.wav"), sha256_hex(name.as_bytes()), AUDIO_S, Arc::clone(&recipe))
    };
    (0..count).map(entry).collect()
}

/// Opens the store of a folder.
pub(crate) fn store(folder: &Path, access: Access) -> Box<dyn Store> {
    open(&StoreUrl::file(folder.join("store.db")), access).unwrap()
}

/// Fingerprint, content and number of computations of all artifacts. Panics if one is missing.
pub(crate) fn artifacts(folder: &Path) -> Vec<(String, String, u32)> {
    let store = store(folder, Access::Read);
    let mut found = Vec::new();
    for recording in recordings(RECORDINGS) {
        for key in recording.keys() {
            let fingerprint = key.fingerprint();
            match store.artifact(&fingerprint).unwrap() {
                Lookup::Sound(stored) => {
                    found.push((fingerprint.to_string(), stored.artifact.body, stored.computations as u32))
                }
                other => panic!("{} of {}: {other:?}", key.artifact(), recording.name),
            }
        }
    }
    found
}
