//! `export`: writes results from the store into files.

use scheduler::coordinator::Interrupt;
use scheduler::store::Access;
use stage_core::{PipelineError, printable, shown};

use crate::args::ExportArgs;
use crate::config::Loaded;
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::export::{ExportError, Formats, read_named_document, write_document};
use crate::file_name::NameParser;
use crate::open_store;
use crate::signals::{self, SignalWatch};

pub(crate) fn export(args: &ExportArgs) -> Result<Exit, Error> {
    let formats = Formats::built_in().select(args.format.iter().map(String::as_str)).map_err(Error::usage)?;
    let config = Loaded::find(args.config.as_deref()).map_err(Error::usage)?.config;
    let patterns = [args.name_pattern.clone(), config.run.name_patterns].concat();
    let names = NameParser::new(&patterns).map_err(Error::usage)?;
    let mut store = open_store::open(&args.folder, Access::Write)?;
    let signals = SignalWatch::start(Interrupt::default()).context("the signal handlers cannot be installed")?;
    let (mut written, mut refused) = (0, 0);
    for entry in store.recordings().map_err(Error::store)? {
        if signals.is_interrupted() {
            println!("interrupted after {written} files");
            return Ok(signals::exit());
        }
        let document = read_named_document(&*store, &entry, &names);
        match document.and_then(|document| write_document(&document, &args.folder.folder, &entry, &formats)) {
            Ok(exports) => {
                written += exports.len();
                store.put_exports(&exports).map_err(Error::store)?;
            }
            Err(ExportError::Missing(stage)) => {
                println!("{}: nothing to export: {stage} has no artifact", shown(&entry.path));
            }
            Err(error) => {
                refused += 1;
                println!("{}: {}", shown(&entry.path), printable(&PipelineError::from(error).to_string()));
            }
        }
    }
    println!("{written} files written to {}", shown(&args.folder.folder));
    Ok(if refused == 0 { Exit::Done } else { Exit::SomeFilesFailed })
}
