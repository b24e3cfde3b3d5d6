//! `export`: writes results from the store into files.

use scheduler::store::Access;

use crate::args::ExportArgs;
use crate::exit::{Exit, Failure};
use crate::export::{ExportError, Formats, read_document, write_document};
use crate::open_store;

pub(crate) fn export(args: &ExportArgs) -> Result<Exit, Failure> {
    let formats = selected(&args.format)?;
    let mut store = open_store::open(&args.folder, Access::Write)?;
    let (mut written, mut refused) = (0, 0);
    for entry in store.recordings().map_err(Failure::store)? {
        let document = read_document(&*store, &entry);
        match document.and_then(|document| write_document(&document, &args.folder.folder, &entry, &formats)) {
            Ok(exports) => {
                written += exports.len();
                store.put_exports(&exports).map_err(Failure::store)?;
            }
            Err(ExportError::Missing(stage)) => {
                println!("{}: nothing to export: {stage} has no artifact", entry.path.display());
            }
            Err(error) => {
                refused += 1;
                println!("{}: {error}", entry.path.display());
            }
        }
    }
    println!("{written} files written to {}", args.folder.folder.display());
    Ok(if refused == 0 { Exit::Done } else { Exit::SomeFilesFailed })
}

/// The formats that `--format` names.
pub(super) fn selected(names: &[String]) -> Result<Formats, Failure> {
    Formats::built_in().select(names.iter().map(String::as_str)).map_err(Failure::usage)
}
