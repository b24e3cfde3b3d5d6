//! `case`: shows and changes the `case.toml` of a case.

mod changes;
mod overview;
mod set;
mod show;

use std::path::Path;

use scheduler::store::{self, Access, RecordingEntry, Store, StoreError};
use stage_core::shown;

use crate::args::{CaseCommand, FolderArgs};
use crate::error::Error;
use crate::exit::Exit;
use crate::open_store;

pub(crate) fn case(command: &CaseCommand) -> Result<Exit, Error> {
    match command {
        CaseCommand::Show(args) => show::show(args),
        CaseCommand::Set(args) => set::set(args),
    }
}

/// The store of a case, and its recordings.
struct Stored {
    store: Box<dyn Store>,
    recordings: Vec<RecordingEntry>,
}

impl Stored {
    /// Opens the store. A case whose recordings were not run yet has none; a store that is named must exist.
    fn open(args: &FolderArgs) -> Result<Option<Self>, Error> {
        require_folder(&args.folder)?;
        let url = open_store::url(args.store.as_deref(), &args.folder)?;
        let store = match store::open(&url, Access::Read) {
            Err(StoreError::Missing { .. }) if args.store.is_none() => return Ok(None),
            opened => opened.map_err(Error::store)?,
        };
        let recordings = store.recordings().map_err(Error::store)?;
        Ok(Some(Self { store, recordings }))
    }
}

fn require_folder(folder: &Path) -> Result<(), Error> {
    if folder.is_dir() { Ok(()) } else { Err(Error::usage(format!("{}: not a folder", shown(folder)))) }
}
