//! The real executable, over real recordings. One file for each promise.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

#[path = "earwitness/bad_input.rs"]
mod bad_input;
#[path = "earwitness/contract.rs"]
mod contract;
#[path = "earwitness/evidence.rs"]
mod evidence;
#[path = "earwitness/faults.rs"]
mod faults;
#[path = "earwitness/invariance.rs"]
mod invariance;
#[path = "earwitness/reuse.rs"]
mod reuse;
#[path = "earwitness/support.rs"]
mod support;
#[path = "earwitness/verify.rs"]
mod verify;
