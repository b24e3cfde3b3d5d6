//! Commits and leases per second through each backend, beside the same rows in the raw database.

use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use postgres::{Client, NoTls};
use rusqlite::{Connection, params};
use scheduler::store::{Access, Commit, Lease, NewBatch, NewWork, RunId, SharedPlan, Store, StoreUrl, open};
use scheduler::worker::sim::SPECS;
use serde_json::json;
use stage_core::{Identity, Recipe, RecipeStep, sha256_hex};
use testkit::Postgres;

use crate::{load, row};

/// Artifacts per commit, and their size in bytes, about a transcript of a few minutes.
const ARTIFACTS: usize = 10;
const BODY_BYTES: usize = 8 << 10;
/// Commits, or leases, of each client.
const COMMITS: usize = 150;
const LEASES: usize = 400;
const CLIENTS: usize = 4;

pub(crate) fn table() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let file = StoreUrl::file(folder.path().join("rates.db"));
    row("SQLite: commits of 10 artifacts of 8 KiB, raw", raw_sqlite(folder.path()), "/s");
    row("SQLite: the same through the store", commits(&[&file]), "/s");
    row("SQLite: leases of batches through the store", leases(&[&file]), "/s");
    let Some(server) = Postgres::durable() else { return };
    let url = |case: String| -> StoreUrl { case.parse().unwrap() };
    for clients in [1, CLIENTS] {
        let of = |what: &str| format!("PostgreSQL, {clients} clients: {what}");
        row(&of("commits of 10 artifacts of 8 KiB, raw"), raw_postgres(&server, clients), "/s");
        let one = url(server.new_case());
        row(&of("the same through the store, one case"), commits(&vec![&one; clients]), "/s");
        if clients > 1 {
            let cases: Vec<_> = (0..clients).map(|_| url(server.new_case())).collect();
            row(&of("the same, a case each"), commits(&cases.iter().collect::<Vec<_>>()), "/s");
        }
        row(&of("leases with SKIP LOCKED, raw"), raw_leases(&server, clients), "/s");
        row(&of("leases of batches through the store"), leases(&vec![&one; clients]), "/s");
        row(&of("claims of single recordings through the store"), claims(&one, clients), "/s");
    }
}

/// Operations per second of clients that begin at the same time. Each prepares what it needs, and gets its number.
fn per_second<T>(
    clients: usize,
    each: usize,
    prepare: impl Fn(usize) -> T + Sync,
    operation: impl Fn(&mut T, usize) + Sync,
) -> f64 {
    let (ready, go) = (Barrier::new(clients + 1), Barrier::new(clients + 1));
    thread::scope(|scope| {
        let (prepare, operation, ready, go) = (&prepare, &operation, &ready, &go);
        let client = |number| {
            move || {
                let mut state = prepare(number);
                ready.wait();
                go.wait();
                (0..each).for_each(|index| operation(&mut state, index));
            }
        };
        let threads: Vec<_> = (0..clients).map(|number| scope.spawn(client(number))).collect();
        ready.wait();
        let began = Instant::now();
        go.wait();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        (clients * each) as f64 / began.elapsed().as_secs_f64()
    })
}

fn body() -> String {
    load::body(BODY_BYTES)
}

fn registered(url: &StoreUrl) -> (Box<dyn Store>, RunId) {
    let mut store = open(url, Access::Create).unwrap();
    let run = store.begin_run(&load::new_run()).unwrap();
    (store, run)
}

fn batch() -> NewBatch {
    load::new_batch(ARTIFACTS)
}

/// Commits of artifacts, one client per store.
fn commits(stores: &[&StoreUrl]) -> f64 {
    let prepare = |client: usize| {
        let (mut store, run) = registered(stores[client]);
        let lease = store.grant(run, &batch()).unwrap();
        let groups: Vec<_> = (0..COMMITS).map(|index| group(lease, client, index)).collect();
        (store, groups)
    };
    per_second(stores.len(), COMMITS, prepare, |(store, groups), index| drop(store.commit(&groups[index]).unwrap()))
}

fn group(lease: Lease, client: usize, index: usize) -> Vec<Commit> {
    let identity = Identity::without_model(json!({"client": client, "index": index}));
    let recipe = Recipe::new(vec![RecipeStep::new(&SPECS[0], identity)]).unwrap();
    let artifact = |number: usize| {
        let sha256 = sha256_hex(number.to_string().as_bytes());
        load::commit(lease, recipe.keys(&sha256).remove(0), body())
    };
    (0..ARTIFACTS).map(artifact).collect()
}

/// Leases of batches, one client per store.
fn leases(stores: &[&StoreUrl]) -> f64 {
    let prepare = |client: usize| registered(stores[client]);
    per_second(stores.len(), LEASES, prepare, |(store, run), _| {
        store.grant(*run, &batch()).unwrap();
    })
}

/// Claims from the queue that runs share.
fn claims(url: &StoreUrl, clients: usize) -> f64 {
    let (mut store, run) = registered(url);
    let plan = SharedPlan {
        tool_version: "bench".to_owned(),
        recipe: load::planned([1.0])[0].recipe.as_ref().clone(),
        settings: json!({}),
    };
    let work = |number: usize| NewWork {
        recording: sha256_hex(format!("{clients} {number}").as_bytes()),
        priority: 0,
        audio_s: 60.0,
    };
    let work: Vec<_> = (0..clients * LEASES).map(work).collect();
    store.queue().unwrap().offer(run, &plan, &work).unwrap();
    let prepare = |_| registered(url);
    per_second(clients, LEASES, prepare, |(store, run), _| {
        // A recording that another client is claiming at the moment is skipped, so there is always one.
        assert_eq!(store.queue().unwrap().claim(*run, 1, &[]).unwrap().len(), 1);
    })
}

fn raw_sqlite(folder: &Path) -> f64 {
    let prepare = |_| {
        let db = Connection::open(folder.join("raw.db")).unwrap();
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE raw (id INTEGER PRIMARY KEY, body TEXT)",
        )
        .unwrap();
        (db, body())
    };
    per_second(1, COMMITS, prepare, |(db, body), _| {
        let transaction = db.transaction().unwrap();
        for _ in 0..ARTIFACTS {
            let mut insert = transaction.prepare_cached("INSERT INTO raw (body) VALUES (?1)").unwrap();
            insert.execute(params![&*body]).unwrap();
        }
        transaction.commit().unwrap();
    })
}

fn connected(server: &Postgres) -> Client {
    let host = server.folder().display();
    Client::connect(&format!("host={host} user=test dbname=postgres"), NoTls).unwrap()
}

fn raw_postgres(server: &Postgres, clients: usize) -> f64 {
    server.sql("CREATE TABLE IF NOT EXISTS raw (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body BYTEA)");
    let prepare = |_| {
        let mut client = connected(server);
        let insert = client.prepare("INSERT INTO raw (body) SELECT unnest($1::BYTEA[])").unwrap();
        (client, insert, vec![body().into_bytes(); ARTIFACTS])
    };
    per_second(clients, COMMITS, prepare, |(client, insert, bodies), _| {
        client.execute(&*insert, &[bodies]).unwrap();
    })
}

fn raw_leases(server: &Postgres, clients: usize) -> f64 {
    server.sql("CREATE TABLE IF NOT EXISTS raw_work (id BIGINT PRIMARY KEY, state INTEGER, expires TIMESTAMPTZ)");
    let count = clients * LEASES;
    server.sql(&format!("TRUNCATE raw_work; INSERT INTO raw_work SELECT id, 0 FROM generate_series(1, {count}) AS id"));
    let prepare = |_| {
        let mut client = connected(server);
        let lease = client.prepare(
            "WITH free AS (SELECT id FROM raw_work WHERE state = 0 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
             UPDATE raw_work SET state = 1, expires = now() + interval '60 s' FROM free WHERE raw_work.id = free.id
             RETURNING raw_work.id",
        );
        let lease = lease.unwrap();
        (client, lease)
    };
    per_second(clients, LEASES, prepare, |(client, lease), _| {
        client.query_one(&*lease, &[]).unwrap();
    })
}
