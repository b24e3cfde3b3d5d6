//! The store in an SQLite file in WAL mode. Every commit is synced to the disk before it is acknowledged.

mod artifacts;
mod checkpoints;
mod commits;
mod connection;
mod custody;
mod error;
mod forget;
mod incidents;
mod lock;
mod maintenance;
mod migration;
mod outputs;
mod paths;
mod reader;
mod recipes;
mod recordings;
mod reviews;
mod runs;
mod schema;
mod store;
mod tables;
#[cfg(test)]
mod tests;
mod transaction;

pub(super) use store::open;
