//! Which store a command works on.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use scheduler::store::{SqliteStore, StoreError};

use crate::args::FolderArgs;
use crate::exit::Failure;

/// Where the store of a result folder is: what --store says, else `DIR/earwitness.db`.
pub(crate) fn path(store: Option<&str>, folder: &Path) -> Result<PathBuf, Failure> {
    match store {
        None => Ok(folder.join("earwitness.db")),
        Some(text) => match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(PathBuf::from(path)),
            _ => Err(Failure::usage(anyhow!("--store {text}: sqlite:PATH is expected"))),
        },
    }
}

/// Where a folder's store is, if there is one: a command that needs one makes none.
pub(crate) fn existing(args: &FolderArgs) -> Result<PathBuf, Failure> {
    let path = path(args.store.as_deref(), &args.folder)?;
    if path.is_file() { Ok(path) } else { Err(Failure::store(StoreError::Missing { path })) }
}

/// Opens a folder's store for reading.
pub(crate) fn to_read(args: &FolderArgs) -> Result<SqliteStore, Failure> {
    let path = path(args.store.as_deref(), &args.folder)?;
    SqliteStore::open_read_only(&path).map_err(Failure::store)
}
