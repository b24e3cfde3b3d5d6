//! The store that a command works on.

use std::path::Path;

use anyhow::Context;
use scheduler::store::{self, Access, Store, StoreUrl};

use crate::args::FolderArgs;
use crate::exit::Failure;

/// The URL of a result folder's store: `--store` if it is given, else that of `DIR/earwitness.db`.
pub(crate) fn url(store: Option<&str>, folder: &Path) -> Result<StoreUrl, Failure> {
    match store {
        None => Ok(StoreUrl::file(folder.join("earwitness.db"))),
        Some(url) => url.parse().context("--store").map_err(Failure::usage),
    }
}

/// Opens a folder's store, which must exist unless it is opened with [`Access::Create`].
pub(crate) fn open(args: &FolderArgs, access: Access) -> Result<Box<dyn Store>, Failure> {
    store::open(&url(args.store.as_deref(), &args.folder)?, access).map_err(Failure::store)
}
