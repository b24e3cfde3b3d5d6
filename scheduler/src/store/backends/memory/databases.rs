//! The databases of this process, by name.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::tables::Tables;
use crate::store::{Access, LockHolder, StoreError, Writer};

static DATABASES: Mutex<BTreeMap<OsString, Arc<Database>>> = Mutex::new(BTreeMap::new());

/// The data that all handles of a name share.
#[derive(Debug, Default)]
pub(super) struct Database {
    tables: Mutex<Tables>,
    writer: Mutex<Option<LockHolder>>,
}

impl Database {
    /// The database with this name. It is created if it does not exist and `access` permits that.
    pub(super) fn find(name: &OsStr, access: Access) -> Result<Arc<Self>, StoreError> {
        let mut databases = lock(&DATABASES);
        if access == Access::Create {
            return Ok(Arc::clone(databases.entry(name.to_owned()).or_default()));
        }
        let missing = || StoreError::Missing { store: name.display().to_string() };
        databases.get(name).map(Arc::clone).ok_or_else(missing)
    }

    pub(super) fn tables(&self) -> MutexGuard<'_, Tables> {
        lock(&self.tables)
    }

    pub(super) fn writer(&self) -> Writer {
        lock(&self.writer).clone().map_or(Writer::None, Writer::Process)
    }
}

/// The right to write to a database, until it is dropped.
#[derive(Debug)]
pub(super) struct WriterLock(Arc<Database>);

impl WriterLock {
    pub(super) fn acquire(name: &OsStr, database: &Arc<Database>) -> Result<Self, StoreError> {
        let mut writer = lock(&database.writer);
        if let Some(holder) = writer.clone() {
            return Err(StoreError::Locked { store: name.display().to_string(), holder: Some(holder) });
        }
        *writer = Some(LockHolder::this_process());
        Ok(Self(Arc::clone(database)))
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        *lock(&self.0.writer) = None;
    }
}

/// Locks a mutex and ignores poisoning: every change is made at once, so a test that panicked leaves no half-written
/// tables.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
