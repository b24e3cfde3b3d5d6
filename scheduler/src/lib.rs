//! Runs stages in processes: a coordinator, one worker process per device, and the store of the results.
//!
//! ```text
//! coordinator::run ── batches, acknowledgements ──> worker::serve ── CPU lane (rayon) ──┐ bounded
//!    │ (only writer)  <── artifacts, heartbeats ──     (process)     device lane <──────┘ channel
//!    └─> store::Store
//! ```
//!
//! This crate knows (recording, stage, phase) and opaque artifacts. A stage is a [`stage_core::Runner`].

mod clock;
pub mod coordinator;
mod dag;
pub mod devices;
mod lanes;
pub mod protocol;
pub mod store;
pub mod worker;
