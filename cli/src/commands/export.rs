//! `export`: writes results from the store into files.

use scheduler::store::Access;
use stage_core::PipelineError;

use crate::args::ExportArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::export::{ExportError, write_results};
use crate::open_store;

pub(crate) fn export(args: &ExportArgs) -> Result<Exit, Error> {
    let mut store = open_store::open(&args.folder, Access::Write)?;
    let (mut written, mut refused) = (0, 0);
    for entry in store.recordings().map_err(Error::store)? {
        match write_results(&*store, &args.folder.folder, &entry, &args.format) {
            Ok((_, exports)) => {
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
