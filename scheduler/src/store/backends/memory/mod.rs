//! The store in memory, for tests: by name, shared by all handles of this process, gone with it. A handle that is dropped
//! leaves what a killed process leaves; opening the name again is a new start over the same store.

mod artifacts;
mod databases;
mod history;
mod recordings;
mod store;
mod tables;
#[cfg(test)]
mod tests;

pub(super) use store::open;
