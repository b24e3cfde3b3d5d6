//! The conformance suite on PostgreSQL, and tests that concern only a server.

mod outage;
mod proxy;
mod queue;
mod schema;
mod sharing;
mod tls;

use postgres::Client;
use postgres::NoTls;
use postgres::types::ToSql;
use testkit::Postgres;

use super::location::{Environment, Location};
use super::session::Session;
use super::store::PostgresStore;
use crate::store::conformance::samples::{begun, commit, granted};
use crate::store::conformance::{Harness, Tampering, conformance_suite};
use crate::store::{Access, Committed, LeaseEnd, Store, StoreError, StoreUrl, open};

struct PostgresHarness {
    server: &'static Postgres,
    url: String,
}

impl Harness for PostgresHarness {
    fn fresh() -> Option<Self> {
        let server = Postgres::shared()?;
        Some(Self { server, url: server.new_case() })
    }

    fn url(&self) -> StoreUrl {
        self.url.parse().unwrap()
    }

    fn tamper(&self, how: &Tampering) {
        let mut client = self.client();
        let mut change = |sql: &str, params: &[&(dyn ToSql + Sync)]| client.execute(sql, params).unwrap();
        let changed = match how {
            Tampering::ArtifactBody(body) => change("UPDATE artifact SET body = $1", &[body]),
            Tampering::ArtifactHash(hash) => change("UPDATE artifact SET body_sha256 = $1", &[hash]),
            Tampering::ArtifactKey { from, to } => change(
                "UPDATE artifact SET key = convert_to(replace(convert_from(key, 'UTF8'), $1, $2), 'UTF8')",
                &[from, to],
            ),
            Tampering::ArtifactName(name) => change("UPDATE artifact SET fingerprint = $1", &[name]),
            Tampering::CheckpointBody { index, body } => {
                change("UPDATE part SET body = $1 WHERE part = $2", &[body, &i64::from(*index)])
            }
            Tampering::CheckpointOfArtifact => {
                change("INSERT INTO part SELECT fingerprint, 7, '', '', 0, 0.0, '', 1 FROM artifact", &[])
            }
            Tampering::RecipeBody(body) => change("UPDATE recipe SET body = $1", &[&body.as_bytes()]),
            Tampering::IncidentKind(kind) => change("UPDATE incident SET kind = $1", &[kind]),
            Tampering::RunCommand(command) => change("UPDATE run SET command = $1", &[&command.as_bytes()]),
            Tampering::NoRuns => {
                // Without the triggers that enforce references.
                change("SET session_replication_role = replica", &[]);
                change("DELETE FROM run", &[])
            }
        };
        assert!(changed > 0, "nothing was altered");
    }
}

impl PostgresHarness {
    fn open(&self) -> Box<dyn Store> {
        (self as &dyn Harness).open()
    }

    fn open_to_read(&self) -> Box<dyn Store> {
        (self as &dyn Harness).open_to_read()
    }

    /// The location with other parameters.
    fn with(&self, parameters: &str) -> Location {
        let text = format!("{}&{parameters}", self.url);
        let location = text.strip_prefix("postgres:").unwrap();
        Location::resolve(location.as_ref(), &Environment::default()).unwrap()
    }

    /// A connection beside the stores.
    fn client(&self) -> Client {
        let location = self.with("");
        let mut client = location.config.connect(NoTls).unwrap();
        client.batch_execute(&format!("SET search_path = {}", location.case)).unwrap();
        client
    }
}

conformance_suite!(PostgresHarness);

/// A store with other parameters, opened for writing.
fn writer(harness: &PostgresHarness, parameters: &str) -> PostgresStore {
    PostgresStore::open(harness.with(parameters), Access::Create).unwrap()
}

#[test]
fn batch_has_its_worker_and_its_times() {
    let Some(harness) = PostgresHarness::fresh() else { return };
    let mut store = writer(&harness, "");
    let lease = granted(&mut store);
    store.release(lease, LeaseEnd::Finished).unwrap();
    let sql = "SELECT worker, priority, recordings, audio_s, ended_at_ms - granted_at_ms, state FROM batch";
    let row = harness.client().query_one(sql, &[]).unwrap();
    let (worker, priority, recordings): (String, i32, i64) = (row.get(0), row.get(1), row.get(2));
    let (audio_s, took_ms, state): (f64, i64, String) = (row.get(3), row.get(4), row.get(5));
    assert_eq!((worker.as_str(), priority, recordings, audio_s, state.as_str()), ("cpu:0", 3, 2, 61.5, "finished"));
    assert!((0..60_000).contains(&took_ms));
}
