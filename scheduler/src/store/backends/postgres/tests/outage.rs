//! A server that goes away, and servers that refuse the connection.

use std::thread;
use std::time::{Duration, Instant};

use stage_core::full_message;

use super::proxy::{Break, Proxy};
use super::*;
use crate::store::conformance::samples::{checkpoint, checkpoint_of, grant, other_fingerprint, sound};
use crate::store::{Entry, read_chain};

/// A server of this test alone, with a case.
fn own() -> Option<PostgresHarness> {
    let server: &'static Postgres = Box::leak(Box::new(Postgres::start()?));
    Some(PostgresHarness { server, url: server.new_case() })
}

#[test]
fn writes_and_reads_continue_when_the_server_comes_back() {
    let Some(harness) = own() else { return };
    let mut store = writer(&harness, "");
    let run = begun(&mut store);
    let lease = grant(&mut store, run);
    store.commit(&[checkpoint(lease, 0, "before")]).unwrap();
    harness.server.stop();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(700));
            harness.server.restart();
        });
        let began = Instant::now();
        assert_eq!(store.commit(&[checkpoint(lease, 1, "during")]).unwrap(), [Committed::Written]);
        assert!(began.elapsed() >= Duration::from_millis(600), "the server was there");
    });
    harness.server.stop();
    thread::scope(|scope| {
        scope.spawn(|| harness.server.restart());
        assert_eq!(store.runs(9).unwrap().len(), 1);
    });
    let another = grant(&mut store, run);
    assert_eq!(store.commit(&[commit(another, "{}", false)]).unwrap(), [Committed::Written]);
    assert_eq!(store.recomputations().unwrap(), 0);
}

#[test]
fn outage_longer_than_the_patience_is_an_error_that_names_the_server_and_no_password() {
    let Some(harness) = own() else { return };
    let mut location = harness.with("patience_s=1");
    location.config.password("hush");
    let mut store = PostgresStore::open(location, Access::Create).unwrap();
    let lease = granted(&mut store);
    harness.server.stop();
    let began = Instant::now();
    let error = store.commit(&[checkpoint(lease, 0, "lost")]).unwrap_err();
    assert!(began.elapsed() >= Duration::from_secs(1) && matches!(error, StoreError::Unavailable { .. }), "{error}");
    let message = full_message(&error);
    let folder = harness.server.folder().display().to_string();
    assert!(message.contains(&folder) && message.contains("database postgres, user test"), "{message}");
    assert!(!message.contains("hush") && !format!("{store:?}").contains("hush"), "{message}");
    let began = Instant::now();
    let error = open(&harness.url(), Access::Write).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5), "a server that is not there at the start is not awaited");
}

#[test]
fn commit_whose_connection_breaks_is_written_exactly_once() {
    let Some(harness) = PostgresHarness::fresh() else { return };
    let proxy = Proxy::before(harness.server.folder());
    let folder = |path: &std::path::Path| path.display().to_string();
    let url = harness.url.replace(&folder(harness.server.folder()), &folder(proxy.folder()));
    let mut store = writer(&PostgresHarness { server: harness.server, url }, "");
    let lease = granted(&mut store);
    for (index, how) in [Break::Before, Break::After].into_iter().enumerate() {
        let index = u32::try_from(index).unwrap();
        proxy.break_next(how);
        let window = checkpoint_of(other_fingerprint(), lease, index, "{}");
        assert_eq!(store.commit(&[window]).unwrap(), [Committed::Written], "{how:?}");
        assert!(proxy.has_broken());
        proxy.break_next(how);
        let replaced = store.commit(&[commit(lease, &format!("[{index}]"), true)]).unwrap();
        assert_eq!((replaced, proxy.has_broken()), (vec![Committed::Written], true), "{how:?}");
    }
    assert_eq!((sound(&store).computations, store.recomputations().unwrap()), (2, 0));
    let custody = store.custody().unwrap();
    let (lines, fault) = read_chain(custody.lines.iter().map(String::as_str));
    assert_eq!(fault, None);
    assert_eq!(lines.iter().filter(|line| matches!(line.entry, Entry::Artifact { .. })).count(), 2);
}

#[test]
fn connection_that_is_refused_says_why_and_what_to_do() {
    let Some(harness) = PostgresHarness::fresh() else { return };
    let server = harness.server;
    let create =
        "DO $$ BEGIN CREATE ROLE locked LOGIN PASSWORD 'right'; EXCEPTION WHEN duplicate_object THEN NULL; END $$";
    server.sql(create);
    let message = |from: &str, to: &str| {
        let url: StoreUrl = harness.url.replace(from, to).parse().unwrap();
        let error = open(&url, Access::Create).unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        full_message(&error)
    };
    let without = message("//test@", "//locked@");
    assert!(without.contains("password missing") && without.contains("PGPASSWORD"), "{without}");
    let text = harness.url.replace("//test@", "//locked@");
    for (password, expected) in [("wrong", "password authentication failed"), ("right", "permission denied")] {
        let mut location = Location::resolve(text["postgres:".len()..].as_ref(), &Environment::default()).unwrap();
        location.config.password(password);
        let error = full_message(&PostgresStore::open(location, Access::Create).unwrap_err());
        assert!(error.contains(expected) && error.contains("user locked"), "{error}");
        assert!(!error.contains(&format!("{password} ")), "{error}");
    }
    let database = message("/postgres?", "/nowhere?");
    assert!(database.contains("\"nowhere\" does not exist"), "{database}");
}
