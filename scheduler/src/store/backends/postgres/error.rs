//! Errors inside this backend, and their conversion to errors of the store.

use postgres::error::SqlState;

use super::location::Location;
use crate::store::StoreError;
use crate::store::error::Cause;

/// The result of an operation on the database.
pub(super) type Result<T, E = PgError> = std::result::Result<T, E>;

/// An error of the connection or the database, or an error of the store.
#[derive(Debug)]
pub(super) enum PgError {
    Database(postgres::Error),
    /// The connection cannot be configured.
    Unusable(Cause),
    /// It is not known yet whether the last transaction was committed.
    Undecided,
    Store(StoreError),
}

/// What to do after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The server went away or does not answer: connect again.
    Reconnect,
    /// Another connection was in the way: run the transaction again.
    Repeat,
    /// It fails again.
    None,
}

impl PgError {
    pub(super) fn remedy(&self) -> Remedy {
        let error = match self {
            Self::Database(error) => error,
            Self::Undecided => return Remedy::Repeat,
            Self::Unusable(_) | Self::Store(_) => return Remedy::None,
        };
        match error.code() {
            // A reply of the server, or none: the connection is broken, cannot be made or timed out.
            None => {
                if is_of_connection(error) {
                    Remedy::Reconnect
                } else {
                    Remedy::None
                }
            }
            Some(code) if is_repeatable(code) => Remedy::Repeat,
            Some(code) if is_of_server(code) => Remedy::Reconnect,
            Some(_) => Remedy::None,
        }
    }

    /// The error of the store, for this location, after waiting in vain.
    pub(super) fn at(self, location: &Location, waited_s: f64) -> StoreError {
        let remedy = self.remedy();
        let unavailable = |cause: Cause| StoreError::Unavailable { what: location.server(), cause };
        let error = match self {
            Self::Store(error) => return error,
            Self::Unusable(cause) => return unavailable(cause),
            Self::Undecided => return unavailable("it does not say whether the last transaction was committed".into()),
            Self::Database(error) => error,
        };
        match remedy {
            Remedy::Repeat => return StoreError::Busy { waited_s },
            Remedy::Reconnect => return unavailable(error.into()),
            Remedy::None => {}
        }
        match error.code() {
            Some(code) if *code == SqlState::DISK_FULL => StoreError::Full(error.into()),
            Some(code) if [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED].contains(code) => {
                StoreError::Damaged(error.into())
            }
            Some(code) if *code == SqlState::READ_ONLY_SQL_TRANSACTION => StoreError::ReadOnly,
            Some(code)
                if [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION].contains(code) =>
            {
                unavailable(format!("{}: {WHERE_PASSWORDS_ARE}", message(&error)).into())
            }
            Some(code) if is_refusal(code) => unavailable(error.into()),
            None if is_of_authentication(&error) => {
                unavailable(format!("{}: {WHERE_PASSWORDS_ARE}", message(&error)).into())
            }
            None if error.to_string().contains("TLS") => unavailable(error.into()),
            _ => StoreError::Failed(error.into()),
        }
    }
}

const WHERE_PASSWORDS_ARE: &str = "set PGPASSWORD, or add the password to the password file or a service file";

fn message(error: &postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// Whether an error without a code is one of the connection. TLS that cannot be agreed on is not repaired by waiting.
fn is_of_connection(error: &postgres::Error) -> bool {
    let text = error.to_string();
    let kinds = ["communicating with the server", "connecting to server", "connection closed", "timeout waiting"];
    error.is_closed() || kinds.iter().any(|kind| text.contains(kind))
}

fn is_of_authentication(error: &postgres::Error) -> bool {
    let text = error.to_string();
    ["authentication error", "invalid configuration"].iter().any(|kind| text.contains(kind))
}

/// Conflicts between transactions.
fn is_repeatable(code: &SqlState) -> bool {
    [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::LOCK_NOT_AVAILABLE].contains(code)
}

/// The server stops, starts, or closed the connection.
fn is_of_server(code: &SqlState) -> bool {
    let own = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ];
    own.contains(code) || code.code().starts_with("08")
}

/// The server refuses the connection or the operation, and its administrator can change that.
fn is_refusal(code: &SqlState) -> bool {
    [SqlState::INVALID_CATALOG_NAME, SqlState::INSUFFICIENT_PRIVILEGE].contains(code)
}

impl From<postgres::Error> for PgError {
    fn from(error: postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for PgError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<serde_json::Error> for PgError {
    fn from(error: serde_json::Error) -> Self {
        Self::Store(error.into())
    }
}
