//! Checks all records against their hashes, and compacts the tables.

use std::collections::BTreeSet;

use stage_core::sha256_hex;

use super::error::Result;
use super::session::{Db, Session};
use super::tables::{MIGRATIONS, NOW_MS, REFERENCES};
use super::{artifacts, checkpoints, commits};
use crate::store::raw::{is_gone, path_from};
use crate::store::{Compaction, StoreCheck, StoreError, StoreFault};

/// Checks all records against their hashes, in the snapshot of the caller.
pub(super) fn check(db: &mut Db<'_>) -> Result<StoreCheck> {
    let mut faults = Vec::new();
    objects(db, &mut faults)?;
    references(db, &mut faults)?;
    recipes(db, &mut faults)?;
    let artifacts = artifacts::check(db, &mut faults)?;
    let checkpoints = checkpoints::check(db, &mut faults)?;
    Ok(StoreCheck { artifacts, checkpoints, abandoned_leases: commits::abandoned(db)?, faults })
}

/// Compares the objects of the schema with those of a new store. A trigger, rule or view could change what is written or read.
fn objects(db: &mut Db<'_>, faults: &mut Vec<StoreFault>) -> Result<()> {
    let found: BTreeSet<String> = db.texts(OBJECTS)?.into_iter().collect();
    let expected: BTreeSet<String> = expected_objects().collect();
    let fault = |problem, object: &String| StoreFault::Schema { problem, object: object.clone() };
    faults.extend(found.difference(&expected).map(|object| fault("unknown", object)));
    faults.extend(expected.difference(&found).map(|object| fault("missing", object)));
    Ok(())
}

/// Kinds and names of the objects of a schema. The server makes triggers of its own for references.
const OBJECTS: &str = "
    WITH own AS (SELECT oid FROM pg_namespace WHERE nspname = current_schema()),
    relation AS (SELECT pg_class.* FROM pg_class JOIN own ON own.oid = relnamespace)
    SELECT CASE relkind WHEN 'r' THEN 'table ' WHEN 'v' THEN 'view ' ELSE 'relation ' END || relname FROM relation
        WHERE relkind IN ('r', 'v', 'm', 'f', 'p')
    UNION ALL SELECT 'row security of ' || relname FROM relation WHERE relrowsecurity
    UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger JOIN relation ON relation.oid = tgrelid WHERE NOT tgisinternal
    UNION ALL SELECT 'disabled trigger of ' || relname FROM pg_trigger JOIN relation ON relation.oid = tgrelid
        WHERE tgisinternal AND tgenabled <> 'O'
    UNION ALL SELECT 'rule ' || rulename FROM pg_rewrite JOIN relation ON relation.oid = ev_class
        WHERE rulename <> '_RETURN'
    UNION ALL SELECT 'function ' || proname || ': ' || prosrc FROM pg_proc JOIN own ON own.oid = pronamespace";

fn expected_objects() -> impl Iterator<Item = String> {
    let tables = MIGRATIONS.iter().flat_map(|text| text.split("CREATE TABLE ").skip(1));
    let tables = tables.map(|rest| format!("table {}", rest.split(' ').next().unwrap_or_default()));
    tables.chain([format!("function now_ms: {NOW_MS}")])
}

/// The server enforces the references, except against its administrator.
fn references(db: &mut Db<'_>, faults: &mut Vec<StoreFault>) -> Result<()> {
    for (table, id, column, missing) in REFERENCES {
        let sql = format!(
            "SELECT {id}::TEXT FROM {table} WHERE NOT EXISTS
             (SELECT 1 FROM {missing} AS other WHERE other.id = {table}.{column}) ORDER BY 1"
        );
        for id in db.texts(&sql)? {
            faults.push(StoreFault::Reference { record: format!("{table} {id}"), missing: (*missing).to_owned() });
        }
    }
    Ok(())
}

fn recipes(db: &mut Db<'_>, faults: &mut Vec<StoreFault>) -> Result<()> {
    db.stream("SELECT id, body, body_sha256 FROM recipe ORDER BY id", |row| {
        let (id, body, body_sha256): (i64, Vec<u8>, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if sha256_hex(&body) != body_sha256 {
            faults.push(StoreFault::Recipe { id });
        }
        Ok(())
    })
}

/// Deletes records that are no longer needed and returns their space to the system of the server.
pub(super) fn compact(session: &mut Session) -> Result<Compaction, StoreError> {
    let bytes_before = session.read(size)?;
    let (checkpoints, inputs, recipes) = session.write(|db| {
        let complete = "DELETE FROM part WHERE fingerprint IN (SELECT fingerprint FROM artifact)";
        let unused = "DELETE FROM recipe WHERE id NOT IN (SELECT recipe FROM recording)";
        Ok((db.execute(complete, &[])?, forget_gone_inputs(db)?, db.execute(unused, &[])?))
    })?;
    for table in session.read(|db| db.texts(TABLES))? {
        session.outside(&format!("VACUUM (FULL, ANALYZE) {table}"))?;
    }
    let bytes_after = session.read(size)?;
    let count = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
    Ok(Compaction { bytes_before, bytes_after, checkpoints: count(checkpoints), inputs, recipes: count(recipes) })
}

const TABLES: &str = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1";

/// Forgets inputs that no longer exist on this host. Those of other hosts are only hashed again there.
fn forget_gone_inputs(db: &mut Db<'_>) -> Result<usize> {
    let mut forgotten = 0;
    for row in db.query("SELECT path FROM input", &[])? {
        let path: Vec<u8> = row.try_get(0)?;
        if is_gone(&path_from(path.clone())) {
            forgotten += usize::from(db.execute("DELETE FROM input WHERE path = $1", &[&path])? > 0);
        }
    }
    Ok(forgotten)
}

/// Size of all tables and their indices in bytes.
fn size(db: &mut Db<'_>) -> Result<u64> {
    let sql = "SELECT coalesce(sum(pg_total_relation_size(pg_class.oid)), 0)::BIGINT FROM pg_class
         JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = current_schema() AND relkind = 'r'";
    Ok(db.one(sql, &[])?.try_get::<_, i64>(0)?.cast_unsigned())
}
