//! A connection that survives the server: operations are repeated after a reconnection, up to a stated time.
//!
//! A write is one transaction. If the connection breaks while it is committed, its reply is lost, and the server is asked
//! for the outcome by the number of the transaction. Only if it was not committed, it runs again.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use postgres::types::ToSql;
use postgres::{Client, Row, SimpleQueryMessage, Statement};

use super::error::{PgError, Remedy, Result};
use super::location::Location;
use crate::store::{Salt, StoreError};

/// First pause between two attempts. Each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// Longest pause between two attempts.
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// Settings of a connection. Whoever stops inside a transaction, or waits for one, must not block the others forever.
const SETTINGS: &str = "SET client_min_messages = warning; SET synchronous_commit = on;
    SET idle_in_transaction_session_timeout = '30s'; SET lock_timeout = '30s'";
const READ_ONLY: &str = "SET default_transaction_read_only = on";

/// A connection to the server, made when it is needed.
pub(super) struct Session {
    location: Location,
    is_read_only: bool,
    connected: Option<Connected>,
}

struct Connected {
    client: Client,
    /// Statements that the server has prepared, by their text.
    statements: HashMap<&'static str, Statement>,
    /// The secret of the case's log, which never changes.
    salt: Option<Salt>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let is_connected = self.connected.is_some();
        f.debug_struct("Session").field("location", &self.location).field("is_connected", &is_connected).finish()
    }
}

/// What happened to a transaction whose reply was lost.
enum Fate {
    Committed,
    Aborted,
}

impl Session {
    pub(super) const fn new(location: Location, is_read_only: bool) -> Self {
        Self { location, is_read_only, connected: None }
    }

    pub(super) const fn location(&self) -> &Location {
        &self.location
    }

    /// Connects once, so that a server that is not there is noticed at once.
    pub(super) fn connect(&mut self) -> Result<(), StoreError> {
        let connected = self.db().map(drop);
        connected.map_err(|error| error.at(&self.location, 0.0))
    }

    /// Runs statements that only read, each on its own snapshot.
    pub(super) fn read<T>(&mut self, mut work: impl FnMut(&mut Db<'_>) -> Result<T>) -> Result<T, StoreError> {
        self.patiently(|session| work(&mut session.db()?))
    }

    /// Runs `work` on one snapshot.
    pub(super) fn snapshot<T>(&mut self, mut work: impl FnMut(&mut Db<'_>) -> Result<T>) -> Result<T, StoreError> {
        self.patiently(|session| {
            let mut db = session.db()?;
            db.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
            let value = db.or_rollback(|db| work(db))?;
            db.run("COMMIT")?;
            Ok(value)
        })
    }

    /// Runs `work` in one transaction, which is durable when this returns. `work` may run several times.
    pub(super) fn write<T>(&mut self, mut work: impl FnMut(&mut Db<'_>) -> Result<T>) -> Result<T, StoreError> {
        let mut undecided: Option<(String, T)> = None;
        self.patiently(|session| {
            let mut db = session.db()?;
            if let Some((number, value)) = undecided.take() {
                match db.fate(&number) {
                    Ok(Fate::Committed) => return Ok(value),
                    Ok(Fate::Aborted) => {}
                    Err(error) => {
                        undecided = Some((number, value));
                        return Err(error);
                    }
                }
            }
            let number = db.begin()?;
            let value = db.or_rollback(|db| work(db))?;
            match db.run("COMMIT") {
                Ok(()) => Ok(value),
                Err(error) => {
                    if error.remedy() == Remedy::Reconnect {
                        undecided = Some((number, value));
                    }
                    Err(error)
                }
            }
        })
    }

    /// Runs a statement once, if the server is connected, for what may as well not happen.
    pub(super) fn try_once(&mut self, sql: &'static str, params: &[&(dyn ToSql + Sync)]) {
        if self.connected.is_some() {
            let _ = self.db().and_then(|mut db| db.execute(sql, params));
        }
    }

    /// Runs a statement outside a transaction.
    pub(super) fn outside(&mut self, sql: &str) -> Result<(), StoreError> {
        self.patiently(|session| session.db()?.run(sql))
    }

    fn patiently<T>(&mut self, mut attempt: impl FnMut(&mut Self) -> Result<T>) -> Result<T, StoreError> {
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match attempt(self) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if error.remedy() == Remedy::Reconnect {
                self.connected = None;
            }
            let waited = began.elapsed();
            if error.remedy() == Remedy::None || waited >= self.location.patience {
                return Err(error.at(&self.location, waited.as_secs_f64()));
            }
            if pause == LAST_PAUSE {
                tracing::warn!(server = %self.location.server(), ?error, "the store does not answer: trying again");
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    fn db(&mut self) -> Result<Db<'_>> {
        if self.connected.is_none() {
            let connector = self.location.tls.connector().map_err(PgError::Unusable)?;
            let mut client = self.location.config.connect(connector)?;
            let case = &self.location.case;
            client.batch_execute(&format!("{SETTINGS}; SET search_path = \"{case}\""))?;
            if self.is_read_only {
                client.batch_execute(READ_ONLY)?;
            }
            self.connected = Some(Connected { client, statements: HashMap::new(), salt: None });
        }
        match &mut self.connected {
            Some(Connected { client, statements, salt }) => Ok(Db { client, statements, salt }),
            None => Err(PgError::Undecided),
        }
    }
}

/// The connection during an operation.
pub(super) struct Db<'a> {
    client: &'a mut Client,
    statements: &'a mut HashMap<&'static str, Statement>,
    pub(super) salt: &'a mut Option<Salt>,
}

impl Db<'_> {
    pub(super) fn query(&mut self, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        let statement = self.prepared(sql)?;
        Ok(self.client.query(&statement, params)?)
    }

    /// The first row, if there is one.
    pub(super) fn first(&mut self, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>> {
        let statement = self.prepared(sql)?;
        Ok(self.client.query_opt(&statement, params)?)
    }

    /// The only row.
    pub(super) fn one(&mut self, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<Row> {
        let statement = self.prepared(sql)?;
        Ok(self.client.query_one(&statement, params)?)
    }

    /// Returns the number of rows that were changed.
    pub(super) fn execute(&mut self, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<u64> {
        let statement = self.prepared(sql)?;
        Ok(self.client.execute(&statement, params)?)
    }

    /// The first column of all rows, as texts. Nothing is prepared.
    pub(super) fn texts(&mut self, sql: &str) -> Result<Vec<String>> {
        let rows = self.client.query(sql, &[])?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Runs statements without parameters and results.
    pub(super) fn run(&mut self, sql: &str) -> Result<()> {
        Ok(self.client.batch_execute(sql)?)
    }

    /// Passes all rows to `each`, in parts, so that large tables need little memory. Only inside a transaction.
    pub(super) fn stream(&mut self, sql: &'static str, mut each: impl FnMut(&Row) -> Result<()>) -> Result<()> {
        const ROWS: u32 = 100;
        self.run(&format!("DECLARE rows NO SCROLL CURSOR FOR {sql}"))?;
        loop {
            let rows = self.client.query(&format!("FETCH {ROWS} FROM rows"), &[])?;
            rows.iter().try_for_each(&mut each)?;
            if rows.len() < ROWS as usize {
                return self.run("CLOSE rows");
            }
        }
    }

    fn prepared(&mut self, sql: &'static str) -> Result<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql)?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    fn or_rollback<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        work(self).inspect_err(|_| {
            // It may be that of a case whose creation is rolled back.
            *self.salt = None;
            let _ = self.client.batch_execute("ROLLBACK");
        })
    }

    /// Begins a transaction and returns its number.
    fn begin(&mut self) -> Result<String> {
        let replies = self.client.simple_query("BEGIN; SELECT pg_current_xact_id()::text")?;
        let number = replies.iter().find_map(|reply| match reply {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        number.ok_or(PgError::Undecided)
    }

    /// What happened to a transaction of a connection that broke.
    fn fate(&mut self, number: &str) -> Result<Fate> {
        let status: Option<String> = self.one("SELECT pg_xact_status($1::text::xid8)", &[&number])?.try_get(0)?;
        match status.as_deref() {
            Some("committed") => Ok(Fate::Committed),
            Some("in progress") => Err(PgError::Undecided),
            _ => Ok(Fate::Aborted),
        }
    }
}
