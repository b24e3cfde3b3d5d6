//! A store in a temporary folder, and runs on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use scheduler::coordinator::{
    Event, Interrupt, ItemEnd, Outcome, Recompute, RunError, RunOptions, TimeLimits, WorkerCommand, run,
};
use scheduler::protocol::TaskTime;
use scheduler::store::{Access, Lookup, RecordingEntry, Store, StoreUrl, StoredArtifact, open};
use serde_json::json;
use stage_core::{DeviceId, Identity, Recipe, RecipeStep, StageKey, StageName, StageSpec, sha256_hex};
use tempfile::TempDir;
use testkit::{is_alive, wait_until};

use crate::pipeline::{Entry, FIVE, MEASURE, Settings};

/// The configuration of a run. A test changes what it needs.
pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) settings: Settings,
    pub(crate) options: RunOptions,
}

impl Fixture {
    /// A run with `workers` workers on the CPU.
    pub(crate) fn new(workers: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { folder: folder.path().to_owned(), cpu_ms: 5, device_ms: 5, ..Settings::default() };
        Self { options: options(workers), settings, folder }
    }

    /// Runs and checks that no worker survives.
    pub(crate) fn try_run(
        &mut self,
        items: &[RecordingEntry],
        interrupt: &Interrupt,
        observe: &mut dyn FnMut(&Event),
    ) -> (Result<Outcome, RunError>, Vec<Event>) {
        self.options.settings = serde_json::to_value(&self.settings).unwrap();
        let mut store = self.store();
        let mut events = Vec::new();
        let result = run(items, &mut *store, &self.options, interrupt, &mut |event, _| {
            observe(&event);
            events.push(event);
        });
        let is_on_cluster = self.options.cluster.is_some();
        if is_on_cluster {
            // Those of a driver that was killed end with it, a moment later. Then they are zombies until init, which adopts
            // them, has waited for them.
            wait_until("the workers end", || !pids(&events).into_iter().any(is_alive));
        }
        for pid in pids(&events).into_iter().filter(|_| !is_on_cluster) {
            assert!(!Path::new(&format!("/proc/{pid}")).exists(), "worker {pid} survived");
        }
        (result, events)
    }

    /// Runs without interruption.
    pub(crate) fn run(&mut self, items: &[RecordingEntry]) -> (Outcome, Vec<Event>) {
        let (result, events) = self.try_run(items, &Interrupt::default(), &mut |_| ());
        (result.unwrap(), events)
    }

    pub(crate) fn store(&self) -> Box<dyn Store> {
        store(self.folder.path())
    }

    /// The log of the workers.
    pub(crate) fn log(&self) -> Vec<Entry> {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The path of a file in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Opens the store of a folder for writing.
pub(crate) fn store(folder: &Path) -> Box<dyn Store> {
    open(&StoreUrl::file(folder.join("store.db")), Access::Create).unwrap()
}

pub(crate) fn options(workers: u32) -> RunOptions {
    RunOptions {
        devices: (0..workers).map(DeviceId::Cpu).collect(),
        workers_per_device: 1,
        priority: 0,
        priorities: Vec::new(),
        places: Vec::new(),
        joins: false,
        retry_quarantined: false,
        batch_items: 10,
        device_batch: 4,
        threads: 4,
        worker: WorkerCommand { program: std::env::current_exe().unwrap(), args: vec!["--worker".into()] },
        settings: json!({}),
        recompute: Recompute::Nothing,
        command: "test".to_owned(),
        tool_version: "0.0.1-test".to_owned(),
        timing: TimeLimits { backoff_ms: 10, heartbeat_ms: 2000, ..TimeLimits::default() },
        task_time: TaskTime::default(),
        worker_memory: u64::MAX,
        faults: Vec::new(),
        gpus: None,
        cluster: None,
    }
}

/// Recordings by name, with all five keys. Recordings with equal names are equal.
pub(crate) fn planned(names: &[&str]) -> Vec<RecordingEntry> {
    planned_to(names, MEASURE)
}

pub(crate) fn planned_to(names: &[&str], last: StageName) -> Vec<RecordingEntry> {
    planned_with(&FIVE, names, last)
}

pub(crate) fn planned_with(specs: &[StageSpec], names: &[&str], last: StageName) -> Vec<RecordingEntry> {
    let step = |spec| RecipeStep::new(spec, Identity::without_model(json!({"third": 1.0 / 3.0})));
    let recipe = Arc::new(Recipe::new(specs.iter().map(step).collect()).unwrap().upto(last));
    let item = |name: &&str| {
        let (path, sha256) = (format!("/nowhere/{name}.wav"), sha256_hex(name.as_bytes()));
        RecordingEntry::new(path, sha256, name.len() as f64, Arc::clone(&recipe))
    };
    names.iter().map(item).collect()
}

/// All artifacts of a recording. Panics if one is missing.
pub(crate) fn artifacts(store: &dyn Store, item: &RecordingEntry) -> Vec<StoredArtifact> {
    let artifact = |key: &StageKey| match store.artifact(&key.fingerprint()).unwrap() {
        Lookup::Sound(stored) => *stored,
        other => panic!("{} of {}: {other:?}", key.artifact(), item.name),
    };
    item.keys().iter().map(artifact).collect()
}

pub(crate) fn pids(events: &[Event]) -> Vec<u32> {
    let pid = |event: &Event| if let Event::WorkerUp { pid, .. } = event { Some(*pid) } else { None };
    events.iter().filter_map(pid).collect()
}

/// The number of recordings that are done, and the error codes of the failed ones.
pub(crate) fn ends(outcome: &Outcome) -> (usize, Vec<&str>) {
    let done = outcome.items.iter().filter(|end| **end == ItemEnd::Done).count();
    let mut codes = Vec::new();
    for end in &outcome.items {
        if let ItemEnd::Failed(error) = end {
            codes.push(error.code.as_str());
        }
    }
    (done, codes)
}
