//! The store in memory, for tests. All handles of this process share a database by name, and it ends with the process.
//! Dropping a handle leaves the same data as killing a process, and opening the name again is like a new start on the
//! same store.

mod artifacts;
mod databases;
mod forget;
mod history;
mod log;
mod recordings;
mod store;
mod tables;
#[cfg(test)]
mod tests;

pub(super) use store::open;
