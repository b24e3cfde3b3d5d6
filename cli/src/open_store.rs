//! Opens the store that a command uses.

use std::path::Path;

use scheduler::store::{self, Access, Store, StoreUrl};

use crate::args::FolderArgs;
use crate::error::{Error, ErrorContext};

/// The URL of a result folder's store: that of `--store` if given, otherwise that of `DIR/earwitness.db`.
pub(crate) fn url(store: Option<&str>, folder: &Path) -> Result<StoreUrl, Error> {
    match store {
        None => Ok(StoreUrl::file(folder.join("earwitness.db"))),
        Some(url) => url.parse().context("--store").map_err(Error::usage),
    }
}

/// Opens the store of a folder. It must exist, unless `access` is [`Access::Create`].
pub(crate) fn open(args: &FolderArgs, access: Access) -> Result<Box<dyn Store>, Error> {
    store::open(&url(args.store.as_deref(), &args.folder)?, access).map_err(Error::store)
}
