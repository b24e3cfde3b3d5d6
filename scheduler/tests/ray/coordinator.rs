//! A coordinator: the process, and the handle with which a test follows it.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use scheduler::coordinator::{
    ClusterOptions, Event, Interrupt, ItemEnd, Recompute, RunOptions, TimeLimits, WorkerCommand, run,
};
use scheduler::protocol::TaskTime;
use scheduler::store::Access;
use serde_json::{Value, json};
use stage_core::DeviceId;
use testkit::{Lines, PATIENCE, ray_python};

use crate::work;

/// Arguments: the folder of the store, the number of workers, and the address of a cluster or `local`. Prints an event
/// per line.
pub(crate) fn main(args: &[String]) {
    let [folder, slots, address] = args else { panic!("{args:?}") };
    let (folder, slots) = (PathBuf::from(folder), slots.parse().unwrap());
    let mut store = work::store(&folder, Access::Create);
    let options = options(slots, (address != "local").then_some(address));
    let recordings = work::recordings(work::RECORDINGS);
    let outcome = run(&recordings, &mut *store, &options, &Interrupt::default(), &mut |event, _| {
        if let Some(line) = described(&event) {
            println!("{line}");
        }
    });
    let outcome = outcome.unwrap();
    let done = outcome.items.iter().filter(|end| **end == ItemEnd::Done).count();
    println!("{}", json!({"event": "end", "done": done, "computed": outcome.stages_computed}));
}

fn described(event: &Event) -> Option<Value> {
    Some(match event {
        Event::WorkerUp { worker, pid } => json!({"event": "up", "worker": worker.to_string(), "pid": pid}),
        Event::StageCommitted { .. } | Event::CheckpointCommitted { .. } => json!({"event": "commit"}),
        Event::Incident(incident) => json!({"event": incident.kind.name(), "message": incident.message}),
        _ => return None,
    })
}

/// The options of a run on workers of this executable.
pub(crate) fn options(slots: usize, address: Option<&String>) -> RunOptions {
    let devices = if address.is_some() { 1 } else { slots as u32 };
    RunOptions {
        devices: (0..devices).map(DeviceId::Sim).collect(),
        workers_per_device: 1,
        priority: 0,
        priorities: Vec::new(),
        places: Vec::new(),
        retry_quarantined: false,
        batch_items: 2,
        device_batch: 2,
        threads: 2,
        worker: WorkerCommand { program: std::env::current_exe().unwrap(), args: vec!["worker".into()] },
        settings: serde_json::to_value(work::settings()).unwrap(),
        recompute: Recompute::Nothing,
        command: "ray test".to_owned(),
        tool_version: work::VERSION.to_owned(),
        timing: TimeLimits { heartbeat_ms: 5_000, ..TimeLimits::default() },
        task_time: TaskTime::default(),
        worker_memory: u64::MAX,
        faults: Vec::new(),
        joins: false,
        gpus: None,
        cluster: address.map(|address| cluster(slots, address)),
    }
}

fn cluster(slots: usize, address: &str) -> ClusterOptions {
    // The package is not installed: the sources are used.
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("ray/src");
    let start = format!(
        "import sys; sys.path.insert(0, {sources:?}); from earwitness_ray.__main__ import main; sys.exit(main())"
    );
    ClusterOptions {
        driver: WorkerCommand { program: ray_python(), args: vec!["-c".into(), start.into()] },
        remedy: "run tests/ray/setup".to_owned(),
        address: address.to_owned(),
        workers: NonZeroUsize::new(slots),
        gpus: 0.0,
        cpus: 0.0,
        resources: [("slot".to_owned(), 1.0)].into(),
        threads: 1,
        environment: [].into(),
        idle: Duration::from_secs(30),
    }
}

/// A running coordinator.
pub(crate) struct Coordinator {
    pub(crate) process: Child,
    events: Lines,
}

impl Coordinator {
    pub(crate) fn start(folder: &Path, slots: usize, address: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("--coordinator").arg(folder).arg(slots.to_string()).arg(address).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let events = Lines::of(process.stdout.take().unwrap());
        Self { process, events }
    }

    /// The next event. `None` when the coordinator has closed its output.
    pub(crate) fn next(&self) -> Option<Value> {
        let line = self.events.next_within(PATIENCE)?;
        Some(serde_json::from_str(&line).unwrap())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}
