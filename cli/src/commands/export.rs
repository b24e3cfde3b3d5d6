//! `export`: writes results from the store into files.

use scheduler::store::Access;

use crate::args::ExportArgs;
use crate::exit::{Exit, Failure};
use crate::export::{ExportError, write_results};
use crate::open_store;

pub(crate) fn export(args: &ExportArgs) -> Result<Exit, Failure> {
    let mut store = open_store::open(&args.folder, Access::Write)?;
    let (mut written, mut refused) = (0, 0);
    for entry in store.recordings().map_err(Failure::store)? {
        match write_results(&*store, &args.folder.folder, &entry, &args.format) {
            Ok((_, exports)) => {
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
