//! The store in a PostgreSQL database, for several coordinators on one or many hosts.
//!
//! A case is a schema of the database. Unlike a file, it has no exclusive writer: every run registers with an expiry time
//! on the clock of the database and renews it (`heartbeat`). If it stops doing so, another run declares it lost and takes
//! its work over (`runs`). From then on nothing can be committed under its leases. Expiry alone ends nothing, so that an
//! outage of the server that is longer than a registration costs no work.
//!
//! The custody log is one chain per case. A transaction that adds entries locks the end of the chain until it has ended,
//! so that the order of the lines is the order of the commits, and `audit` replays them as those of a file. Each line
//! names the run that wrote it. Window checkpoints, leases and renewals, which are more frequent, do not take that lock.
//!
//! A write is one transaction, which is repeated if the server goes away (`session`). If the connection breaks during
//! `COMMIT`, the server is asked whether the transaction was committed, so that nothing is written twice.

mod artifacts;
mod checkpoints;
mod commits;
mod custody;
mod error;
mod forget;
mod heartbeat;
mod incidents;
mod location;
mod maintenance;
mod outputs;
mod queue;
mod recipes;
mod recordings;
mod reviews;
mod runs;
mod schema;
mod session;
mod store;
mod tables;
#[cfg(test)]
mod tests;
mod tls;

pub(super) use location::check;
pub(super) use store::open;
