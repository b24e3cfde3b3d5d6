//! Writes in one immediate transaction per change, which is retried while another program locks the database.

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::Result;
use crate::store::StoreError;

/// How long a write waits in total while another program locks the database.
const PATIENCE: Duration = Duration::from_secs(10);
/// First pause between two attempts. Each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// Longest pause between two attempts.
const LAST_PAUSE: Duration = Duration::from_millis(200);

/// Runs `work` in one transaction, which is durable when this returns. If the database is busy, the transaction is
/// rolled back and run again after a pause.
pub(super) fn write<T>(db: &mut Connection, mut work: impl FnMut(&Transaction<'_>) -> Result<T>) -> Result<T> {
    patiently(PATIENCE, || {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    })
}

/// Runs `work`, a statement that is not allowed in a transaction, and retries it while the database is busy.
pub(super) fn outside<T>(db: &Connection, mut work: impl FnMut(&Connection) -> Result<T>) -> Result<T> {
    patiently(PATIENCE, || work(db))
}

fn patiently<T>(patience: Duration, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let began = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        match attempt() {
            Err(error) if error.is_busy() => {
                let waited = began.elapsed();
                if waited >= patience {
                    return Err(StoreError::Busy { waited_s: waited.as_secs_f64() }.into());
                }
                thread::sleep(pause);
                pause = (pause * 2).min(LAST_PAUSE);
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::backends::sqlite::error::SqliteError;

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

    fn insert(db: &Transaction<'_>) -> Result<usize> {
        Ok(db.execute("INSERT INTO number VALUES (1)", [])?)
    }

    fn count(db: &Connection) -> i64 {
        db.query_row("SELECT count(*) FROM number", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn transaction_waits_for_a_program_that_holds_the_database() {
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
        assert!(began.elapsed() >= held / 2, "the other program did not hold it");
        holder.join().unwrap();
        assert_eq!(count(&db), 1);
    }

    #[test]
    fn transaction_on_an_old_snapshot_is_retried() {
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
    fn transaction_gives_up_and_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (db, other) = two_connections(&folder);
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = patiently(Duration::from_millis(20), || Ok(db.execute("INSERT INTO number VALUES (1)", [])?));
        let waited = |error| matches!(error, SqliteError::Store(StoreError::Busy { waited_s }) if waited_s >= 0.02);
        assert!(error.is_err_and(waited));
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(count(&db), 0);
    }
}
