//! The fixed load (183 calls of mixed lengths, as in an office) and the plans for the coordinator.

use std::f64::consts::TAU;
use std::path::Path;
use std::sync::Arc;

use scheduler::coordinator::{Recompute, RunOptions, TimeLimits, WorkerCommand};
use scheduler::protocol::TaskTime;
use scheduler::store::{
    Access, Commit, Lease, NewArtifact, NewBatch, NewRecord, NewRun, RecordingEntry, Store, StoreUrl, open,
};
use scheduler::worker::sim::{SPECS, SimSettings};
use serde_json::json;
use stage_core::{DeviceId, Identity, Recipe, RecipeStep, StageKey, Tool, sha256_hex};

/// Number of calls in the load.
pub(crate) const CALLS: usize = 183;
const MEDIAN_S: f64 = 158.0;
const MEAN_S: f64 = 510.0;
const SHORTEST_S: f64 = 4.0;
const LONGEST_S: f64 = 4163.0;
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// Lengths of the calls in seconds: log-normal, with the median and mean of a real folder.
pub(crate) fn lengths_s() -> Vec<f64> {
    let mut state = SEED;
    let mut normals: Vec<f64> = (0..CALLS).map(|_| normal(&mut state)).collect();
    let mut sorted = normals.clone();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted[CALLS / 2];
    normals.iter_mut().for_each(|normal| *normal -= middle);
    let lengths = |sigma: f64| -> Vec<f64> {
        let (least, most) = (sorted[0] - middle, sorted[CALLS - 1] - middle);
        let length = |normal: &f64| match *normal {
            n if n == least => SHORTEST_S,
            n if n == most => LONGEST_S,
            n => (MEDIAN_S * (sigma * n).exp()).clamp(SHORTEST_S, LONGEST_S),
        };
        normals.iter().map(length).collect()
    };
    let mean = |sigma| lengths(sigma).iter().sum::<f64>() / CALLS as f64;
    let (mut low, mut high) = (0.1, 5.0);
    for _ in 0..60 {
        let sigma = (low + high) / 2.0;
        if mean(sigma) < MEAN_S { low = sigma } else { high = sigma }
    }
    lengths(low)
}

/// A normally distributed number (Box-Muller transform of a xorshift generator).
fn normal(state: &mut u64) -> f64 {
    let mut uniform = || {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        ((*state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    };
    let (radius, angle) = ((-2.0 * uniform().ln()).sqrt(), TAU * uniform());
    radius * angle.cos()
}

/// Creates a store in a folder.
pub(crate) fn store(folder: &Path) -> Box<dyn Store> {
    open(&StoreUrl::file(folder.join("bench.db")), Access::Create).unwrap()
}

/// Recordings of these lengths. All five stages are outstanding.
pub(crate) fn planned(lengths_s: impl IntoIterator<Item = f64>) -> Vec<RecordingEntry> {
    let step = |spec| RecipeStep::new(spec, Identity::without_model(json!({"simulated": true})));
    let recipe = Arc::new(Recipe::new(SPECS.iter().map(step).collect()).unwrap());
    let item = |(index, audio_s)| {
        let name = format!("recording-{index}");
        let file_sha256 = sha256_hex(name.as_bytes());
        RecordingEntry { name: name.clone(), ..RecordingEntry::new(name, file_sha256, audio_s, Arc::clone(&recipe)) }
    };
    lengths_s.into_iter().enumerate().map(item).collect()
}

/// A run that a bench begins by itself.
pub(crate) fn new_run() -> NewRun {
    NewRun { command: "bench".to_owned(), tool_version: "bench".to_owned(), ..NewRun::default() }
}

/// A batch of this number of recordings.
pub(crate) fn new_batch(recordings: usize) -> NewBatch {
    NewBatch { worker: "sim:0".to_owned(), priority: 0, recordings, audio_s: 600.0 }
}

/// The body of an artifact of this number of bytes.
pub(crate) fn body(bytes: usize) -> String {
    json!({"text": "x".repeat(bytes)}).to_string()
}

/// The commit of an artifact that is stored for the first time.
pub(crate) fn commit(lease: Lease, key: StageKey, body: String) -> Commit {
    let artifact = NewArtifact {
        key,
        body,
        started_at_ms: 0,
        duration_s: 0.1,
        tool: Tool::of_version("bench"),
        device: "sim:0".to_owned(),
    };
    Commit { lease, what: NewRecord::Artifact { artifact, replace: false } }
}

/// The options of a run on this number of simulated devices. This program also acts as the worker.
pub(crate) fn options(devices: u32, sim: &SimSettings) -> RunOptions {
    RunOptions {
        devices: (0..devices).map(DeviceId::Sim).collect(),
        workers_per_device: 1,
        priority: 0,
        priorities: Vec::new(),
        places: Vec::new(),
        joins: false,
        retry_quarantined: false,
        batch_items: 10,
        device_batch: 8,
        threads: 2 * devices as usize,
        worker: WorkerCommand { program: std::env::current_exe().unwrap(), args: vec!["--worker".into()] },
        settings: serde_json::to_value(sim).unwrap(),
        recompute: Recompute::Nothing,
        command: "bench".to_owned(),
        tool_version: "bench".to_owned(),
        timing: TimeLimits::default(),
        task_time: TaskTime::default(),
        worker_memory: u64::MAX,
        faults: Vec::new(),
        gpus: None,
        cluster: None,
    }
}
