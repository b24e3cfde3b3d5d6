//! Opens the store that a command uses.

use std::ffi::OsStr;
use std::path::Path;

use scheduler::store::{self, Access, Store, StoreError, StoreUrl};

use crate::args::FolderArgs;
use crate::error::{Error, ErrorContext};
use crate::outputs::{Record, delete_pending, pending};

/// The URL of the store in a result folder.
pub(crate) fn in_folder(folder: &Path) -> StoreUrl {
    StoreUrl::file(folder.join("earwitness.db"))
}

/// The URL of a result folder's store: that of `--store` if given, otherwise that of the store in the folder.
pub(crate) fn url(store: Option<&OsStr>, folder: &Path) -> Result<StoreUrl, Error> {
    match store {
        None => Ok(in_folder(folder)),
        Some(url) => StoreUrl::try_from(url).context("--store").map_err(Error::usage),
    }
}

/// Opens the store of a folder. It must exist, unless `access` is [`Access::Create`].
pub(crate) fn open(args: &FolderArgs, access: Access) -> Result<Box<dyn Store>, Error> {
    store::open(&url(args.store.as_deref(), &args.folder)?, access).map_err(Error::store)
}

/// Opens the store of a folder for writing, with the record of the written files.
pub(crate) fn with_record(args: &FolderArgs, overwrite: bool) -> Result<(Box<dyn Store>, Record), Error> {
    let url = url(args.store.as_deref(), &args.folder)?;
    let mut store = store::open(&url, Access::Write).map_err(Error::store)?;
    let record = record(&mut *store, &url, &args.folder, overwrite)?;
    Ok((store, record))
}

/// The record of the written files, for a command that writes. Files of forgotten recordings are deleted first, if
/// `forget` was stopped before it had deleted them.
pub(crate) fn record(store: &mut dyn Store, url: &StoreUrl, folder: &Path, overwrite: bool) -> Result<Record, Error> {
    let record = Record::read(store, url, folder, overwrite).map_err(Error::store)?;
    if pending(store, &record).map_err(Error::store)?.is_empty() {
        return Ok(record);
    }
    let mut unchanged = Record::read(store, url, folder, false).map_err(Error::store)?;
    let deleted = delete_pending(store, &mut unchanged).map_err(Error::store)?;
    deleted.remaining().iter().for_each(|line| tracing::warn!("{line}"));
    record.read_again(store).map_err(Error::store)
}

/// Checks that no run is in progress on a store that several processes can write to. Other stores have one writer.
pub(crate) fn check_alone(store: &mut dyn Store, url: &StoreUrl) -> Result<(), Error> {
    if store.queue().is_none() {
        return Ok(());
    }
    match store.writer().map_err(Error::store)?.holders().first() {
        None => Ok(()),
        Some(holder) => Err(Error::store(StoreError::Locked { store: url.to_string(), holder: Some(holder.clone()) })),
    }
}
