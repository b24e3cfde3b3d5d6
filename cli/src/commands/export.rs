//! `export`: writes results from the store into files.

use scheduler::store::Access;
use stage_core::PipelineError;

use crate::args::ExportArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::export::{ExportError, Formats, read_document, write_document};
use crate::open_store;

pub(crate) fn export(args: &ExportArgs) -> Result<Exit, Error> {
    let formats = Formats::built_in().select(args.format.iter().map(String::as_str)).map_err(Error::usage)?;
    let mut store = open_store::open(&args.folder, Access::Write)?;
    let (mut written, mut refused) = (0, 0);
    for entry in store.recordings().map_err(Error::store)? {
        let document = read_document(&*store, &entry);
        match document.and_then(|document| write_document(&document, &args.folder.folder, &entry, &formats)) {
            Ok(exports) => {
                written += exports.len();
                store.put_exports(&exports).map_err(Error::store)?;
            }
            Err(ExportError::Missing(stage)) => {
                println!("{}: nothing to export: {stage} has no artifact", entry.path.display());
            }
            Err(error) => {
                refused += 1;
                println!("{}: {}", entry.path.display(), PipelineError::from(error));
            }
        }
    }
    println!("{written} files written to {}", args.folder.folder.display());
    Ok(if refused == 0 { Exit::Done } else { Exit::SomeFilesFailed })
}
