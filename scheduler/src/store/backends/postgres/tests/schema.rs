//! Creating a case, and what is refused.

use std::thread;

use super::super::tables::SCHEMA_VERSION;
use super::*;

fn refused(harness: &PostgresHarness, access: Access) -> StoreError {
    open(&harness.url(), access).unwrap_err()
}

#[test]
fn schema_that_is_newer_or_foreign_is_refused_and_not_changed() {
    let Some(harness) = PostgresHarness::fresh() else { return };
    drop(harness.open());
    let mut client = harness.client();
    client.execute("UPDATE meta SET value = $1 WHERE key = 'schema_version'", &[&(SCHEMA_VERSION + 1)]).unwrap();
    for access in [Access::Read, Access::Write, Access::Create] {
        let error = refused(&harness, access);
        assert!(matches!(error, StoreError::NewerSchema { found, known, .. } if found == known + 1), "{error}");
    }
    for change in [
        "UPDATE meta SET value = 0",
        "DELETE FROM meta WHERE key = 'schema_version'",
        "DROP TABLE meta",
        "CREATE TABLE meta (other INT)",
    ] {
        client.batch_execute(change).unwrap();
        for access in [Access::Read, Access::Write, Access::Create] {
            assert!(matches!(refused(&harness, access), StoreError::Foreign { .. }), "{change}");
        }
    }
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'run'";
    assert_eq!(client.query_one(tables, &[]).unwrap().get::<_, i64>(0), 1, "nothing was removed");
}

#[test]
fn schema_is_created_once_by_processes_that_start_together() {
    let Some(harness) = PostgresHarness::fresh() else { return };
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let url = harness.url();
            thread::spawn(move || open(&url, Access::Create).map(|store| store.custody().unwrap().case))
        })
        .collect();
    let cases: Vec<_> = starts.into_iter().map(|start| start.join().unwrap().unwrap()).collect();
    assert!(cases.windows(2).all(|pair| pair[0] == pair[1]), "{cases:?}");
    assert_eq!(harness.open_to_read().custody().unwrap().lines.len(), 1);
}

#[test]
fn schema_that_an_administrator_created_is_used_by_a_user_without_rights_to_the_database() {
    let Some(harness) = PostgresHarness::fresh() else { return };
    let case = harness.with("").case;
    let url: StoreUrl = harness.url.replace("//test@", &format!("//user_{case}@")).parse().unwrap();
    harness.server.sql(&format!("CREATE ROLE user_{case} LOGIN"));
    let error = open(&url, Access::Create).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}: it cannot create a schema");
    harness.server.sql(&format!("CREATE SCHEMA {case} AUTHORIZATION user_{case}"));
    granted(&mut *open(&url, Access::Create).unwrap());
    assert_eq!(open(&url, Access::Read).unwrap().runs(9).unwrap().len(), 1);
}

#[test]
fn database_without_utf8_is_refused() {
    let Some(harness) = PostgresHarness::fresh() else { return };
    harness.server.sql("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
    let url: StoreUrl = harness.url.replace("/postgres?", "/latin?").parse().unwrap();
    let error = stage_core::full_message(&open(&url, Access::Create).unwrap_err());
    assert!(error.contains("the encoding of the database is LATIN1"), "{error}");
}

#[test]
fn objects_of_other_programs_are_faults_of_the_schema() {
    let Some(harness) = PostgresHarness::fresh() else { return };
    drop(harness.open());
    let faults =
        || -> Vec<String> { harness.open_to_read().check().unwrap().faults.iter().map(ToString::to_string).collect() };
    assert_eq!(faults(), Vec::<String>::new());
    let mut client = harness.client();
    for (change, part) in [
        ("CREATE RULE quiet AS ON INSERT TO review DO INSTEAD NOTHING", "unknown rule quiet"),
        (
            "CREATE FUNCTION hide() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "unknown function hide",
        ),
        ("CREATE TRIGGER t BEFORE INSERT ON review FOR EACH ROW EXECUTE FUNCTION hide()", "unknown trigger t"),
        ("ALTER TABLE review ENABLE ROW LEVEL SECURITY", "unknown row security of review"),
        (
            "ALTER TABLE forgotten RENAME TO other; CREATE VIEW forgotten AS SELECT * FROM other",
            "unknown view forgotten",
        ),
        (
            "CREATE OR REPLACE FUNCTION now_ms() RETURNS BIGINT LANGUAGE sql VOLATILE AS 'SELECT 0::BIGINT'",
            "missing function now_ms",
        ),
    ] {
        client.batch_execute(change).unwrap();
        assert!(faults().iter().any(|fault| fault.starts_with(part)), "{part}: {:?}", faults());
    }
}
