//! Writing: one immediate transaction for all that belongs together, tried again while another program is in the way.

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use crate::store::StoreError;

/// How long a write waits in all for a program that holds the database.
const PATIENCE: Duration = Duration::from_secs(10);
/// First pause between two attempts; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// Longest pause.
const LAST_PAUSE: Duration = Duration::from_millis(200);

/// Does `work` in one transaction, which is durable when this returns. Where the database is busy, nothing of it
/// happened, and all of it is done again after a pause.
pub(super) fn write<T>(
    db: &mut Connection,
    mut work: impl FnMut(&Transaction<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    patiently(PATIENCE, || {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    })
}

/// Does `work` (a statement that must stand outside of transactions) until the database is not busy.
pub(super) fn outside<T>(
    db: &Connection,
    mut work: impl FnMut(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    patiently(PATIENCE, || work(db))
}

fn patiently<T>(patience: Duration, mut attempt: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let began = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        match attempt() {
            Err(StoreError::Database(error)) if is_busy(&error) => {
                let waited = began.elapsed();
                if waited >= patience {
                    return Err(StoreError::Busy { waited_s: waited.as_secs_f64() });
                }
                thread::sleep(pause);
                pause = (pause * 2).min(LAST_PAUSE);
            }
            done => return done,
        }
    }
}

/// `SQLITE_BUSY` with all its extended codes, `SQLITE_BUSY_SNAPSHOT` among them.
fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_connections(folder: &tempfile::TempDir) -> (Connection, Connection) {
        let open = || {
            let db = Connection::open(folder.path().join("a.db")).unwrap();
            db.busy_timeout(Duration::ZERO).unwrap();
            db.pragma_update(None, "journal_mode", "WAL").unwrap();
            db
        };
        let db = open();
        db.execute_batch("CREATE TABLE number (n INTEGER) STRICT").unwrap();
        (db, open())
    }

    fn insert(db: &Transaction<'_>) -> Result<usize, StoreError> {
        Ok(db.execute("INSERT INTO number VALUES (1)", [])?)
    }

    fn count(db: &Connection) -> i64 {
        db.query_row("SELECT count(*) FROM number", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_write_waits_for_a_program_that_holds_the_database() {
        let folder = tempfile::tempdir().unwrap();
        let (mut db, other) = two_connections(&folder);
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let held = Duration::from_millis(300);
        let holder = thread::spawn(move || {
            thread::sleep(held);
            other.execute_batch("COMMIT").unwrap();
        });
        let began = Instant::now();
        write(&mut db, insert).unwrap();
        assert!(began.elapsed() >= held / 2, "the other program was not in the way");
        holder.join().unwrap();
        assert_eq!(count(&db), 1);
    }

    #[test]
    fn a_snapshot_that_grew_old_is_taken_again() {
        let folder = tempfile::tempdir().unwrap();
        let (db, mut other) = two_connections(&folder);
        let mut attempts = 0;
        patiently(PATIENCE, || {
            attempts += 1;
            let snapshot = db.unchecked_transaction()?;
            count(&snapshot);
            if attempts == 1 {
                write(&mut other, insert)?;
            }
            insert(&snapshot)?;
            Ok(snapshot.commit()?)
        })
        .unwrap();
        assert_eq!((attempts, count(&db)), (2, 2));
    }

    #[test]
    fn patience_ends_with_an_error_that_says_so_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (db, other) = two_connections(&folder);
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = patiently(Duration::from_millis(20), || Ok(db.execute("INSERT INTO number VALUES (1)", [])?));
        assert!(matches!(error, Err(StoreError::Busy { waited_s }) if waited_s >= 0.02), "{error:?}");
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(count(&db), 0);
    }
}
