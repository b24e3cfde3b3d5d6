//! Opens the store that a command uses.

use std::ffi::OsStr;
use std::path::Path;

use scheduler::store::{self, Access, Store, StoreError, StoreUrl};

use crate::args::FolderArgs;
use crate::error::{Error, ErrorContext};

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
