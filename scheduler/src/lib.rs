//! Runs stages in processes: a coordinator, one worker process per device, and the store of the results.
//!
//! ```text
//! coordinator::run ── batches, acknowledgements ──> worker::serve ── CPU lane (rayon) ──┐ bounded
//!    │ (only writer)  <── artifacts, heartbeats ──     (process)     device lane <──────┘ channel
//!    └─> store::Store
//! ```
//!
//! This crate knows (recording, stage, phase) and opaque artifacts. A stage is a [`stage_core::Runner`].
//!
//! | module | purpose |
//! |---|---|
//! | [`coordinator`] | [`run`](coordinator::run) brings recordings up to date: plans, distributes, commits, replaces workers that fail |
//! | [`worker`] | [`serve`](worker::serve) is the worker process; [`sim`](worker::sim) has stages that only take time |
//! | [`store`] | the port [`Store`](store::Store) and its backends |
//! | [`devices`] | which devices there are, and when a GPU may get work |
//! | [`protocol`] | the messages between coordinator and worker |
//!
//! # Example
//!
//! A program that is coordinator and worker, with simulated stages and a store in memory:
//!
//! ```standalone_crate
//! use std::sync::Arc;
//!
//! use scheduler::coordinator::{Event, Interrupt, ItemEnd, Recompute, RunOptions, TimeLimits, WorkerCommand, run};
//! use scheduler::protocol::TaskTime;
//! use scheduler::store::{self, Access, RecordingEntry};
//! use scheduler::worker::{self, sim};
//! use serde_json::json;
//! use stage_core::{DeviceId, Identity, Recipe, RecipeStep, Tool, sha256_hex};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     if std::env::args().any(|arg| arg == "--worker") {
//!         return work();
//!     }
//!     let step = |spec| RecipeStep::new(spec, Identity::without_model(json!({})));
//!     let recipe = Arc::new(Recipe::new(sim::SPECS.iter().map(step).collect())?);
//!     let recording = RecordingEntry::new("call.wav", sha256_hex(b"the bytes of the file"), 60.0, recipe);
//!     let options = RunOptions {
//!         devices: vec![DeviceId::Sim(0)],
//!         workers_per_device: 1,
//!         priority: 0,
//!         priorities: Vec::new(),
//!         places: Vec::new(),
//!         joins: false,
//!         retry_quarantined: false,
//!         batch_items: 10,
//!         device_batch: 8,
//!         threads: 2,
//!         worker: WorkerCommand { program: std::env::current_exe()?, args: vec!["--worker".into()] },
//!         settings: json!({}),
//!         recompute: Recompute::Nothing,
//!         command: "example".to_owned(),
//!         tool_version: "1.0".to_owned(),
//!         timing: TimeLimits::default(),
//!         task_time: TaskTime::default(),
//!         worker_memory: 1 << 30,
//!         faults: Vec::new(),
//!         gpus: None,
//!         cluster: None,
//!     };
//!     let mut store = store::open(&"memory:example".parse()?, Access::Create)?;
//!     let mut events = Vec::new();
//!     let observe = &mut |event, _: &mut dyn store::Store| events.push(event);
//!     let outcome = run(&[recording], &mut *store, &options, &Interrupt::default(), observe)?;
//!
//!     assert_eq!((outcome.items, outcome.stages_computed), (vec![ItemEnd::Done], sim::SPECS.len()));
//!     assert!(events.iter().any(|event| matches!(event, Event::ItemDone { .. })));
//!     Ok(())
//! }
//!
//! fn work() -> Result<(), Box<dyn std::error::Error>> {
//!     let settings = sim::SimSettings { time_scale: 1_000.0, ..sim::SimSettings::default() };
//!     let build = |_: &_, slot: &worker::SlotSettings| {
//!         Ok(sim::stages(settings, &slot.device, &sim::SPECS).expect("the specs fit together"))
//!     };
//!     Ok(worker::serve(Tool::of_version("1.0"), build)?)
//! }
//! ```

mod clock;
pub mod coordinator;
mod dag;
pub mod devices;
mod lanes;
pub mod protocol;
pub mod store;
pub mod worker;
