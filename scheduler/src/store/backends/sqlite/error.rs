//! Errors inside this backend, and their conversion to errors of the store.

use std::time::Duration;

use rusqlite::ErrorCode;

use crate::store::StoreError;

/// How long a reading statement waits for a checkpoint or a recovery of the database.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The result of an operation on the database.
pub(super) type Result<T, E = SqliteError> = std::result::Result<T, E>;

/// An error of the database, or an error of the store.
#[derive(Debug)]
pub(super) enum SqliteError {
    Database(rusqlite::Error),
    Store(StoreError),
}

impl SqliteError {
    /// Whether another connection locks the database: `SQLITE_BUSY` with all its extended codes, such as
    /// `SQLITE_BUSY_SNAPSHOT`.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Database(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy))
    }
}

impl SqliteError {
    /// Whether the files of the database cannot be opened or locked by this user.
    pub(super) fn is_out_of_reach(&self) -> bool {
        let codes = [ErrorCode::CannotOpen, ErrorCode::ReadOnly, ErrorCode::PermissionDenied];
        matches!(self, Self::Database(error) if error.sqlite_error_code().is_some_and(|code| codes.contains(&code)))
    }
}

impl From<rusqlite::Error> for SqliteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for SqliteError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<serde_json::Error> for SqliteError {
    fn from(error: serde_json::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<SqliteError> for StoreError {
    fn from(error: SqliteError) -> Self {
        let error = match error {
            SqliteError::Store(error) => return error,
            SqliteError::Database(error) => error,
        };
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full(error.into()),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.into()),
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            // Writers wait in `transaction` and report how long.
            Some(ErrorCode::DatabaseBusy) => Self::Busy { waited_s: READ_TIMEOUT.as_secs_f64() },
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::Unavailable { what: "the store".to_owned(), cause: error.into() }
            }
            _ => Self::Failed(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    #[test]
    fn sqlite_error_is_reported_as_what_a_caller_can_act_on() {
        let meaning =
            |code| StoreError::from(SqliteError::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)));
        assert!(matches!(meaning(ffi::SQLITE_FULL), StoreError::Full(_)));
        assert!(matches!(meaning(ffi::SQLITE_CORRUPT), StoreError::Damaged(_)));
        assert!(matches!(meaning(ffi::SQLITE_READONLY), StoreError::ReadOnly));
        assert!(matches!(meaning(ffi::SQLITE_BUSY), StoreError::Busy { .. }));
        assert!(matches!(meaning(ffi::SQLITE_CANTOPEN), StoreError::Unavailable { .. }));
        assert!(matches!(meaning(ffi::SQLITE_MISUSE), StoreError::Failed(_)));
    }
}
