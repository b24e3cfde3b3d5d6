//! `forget`: deletes the content of recordings from a case, and leaves their hashes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use scheduler::store::{self, Forgotten, OutputFile, RecordingEntry, Store};
use stage_core::shown;

use super::resolve::resolve;
use crate::args::ForgetArgs;
use crate::clock::now_ms;
use crate::error::Error;
use crate::exit::Exit;
use crate::manifest;
use crate::open_store;
use crate::outputs::Record;

pub(crate) fn forget(args: &ForgetArgs) -> Result<Exit, Error> {
    let (mut store, mut record) = open_store::with_record(&args.folder, false)?;
    let recordings = store.recordings().map_err(Error::store)?;
    let named = |name| resolve(name, "RECORDING", &recordings, None);
    let hashes: BTreeSet<String> = args.recordings.iter().map(|name| named(name)).collect::<Result<_, _>>()?;
    let chosen: Vec<_> = recordings.iter().filter(|entry| hashes.contains(&entry.file_sha256)).collect();
    for entry in &chosen {
        println!("{}: the results and every record of it are deleted; the file itself stays", shown(&entry.path));
    }
    if !args.yes {
        println!("nothing was deleted: add --yes to delete the content of {} recordings", hashes.len());
        return Ok(Exit::Usage);
    }
    let kept = delete_files(&mut *store, &mut record, &hashes, &chosen)?;
    for sha256 in &hashes {
        let forgotten =
            Forgotten { sha256: sha256.clone(), at_ms: now_ms(), by: store::user(), reason: args.reason.clone() };
        store.forget(&forgotten).map_err(Error::store)?;
        println!("forgotten: {sha256}");
    }
    store.compact().map_err(Error::store)?;
    for path in &kept {
        println!("kept, because it was changed since it was written: {}", shown(path));
    }
    println!("A case that was signed must be signed again. Remove what case.toml states about these recordings.");
    Ok(if kept.is_empty() { Exit::Done } else { Exit::SomeFilesFailed })
}

/// Deletes the written files of recordings, and files about runs that name them. Returns those that were changed by
/// somebody, which stay.
fn delete_files(
    store: &mut dyn Store,
    record: &mut Record,
    hashes: &BTreeSet<String>,
    recordings: &[&RecordingEntry],
) -> Result<Vec<PathBuf>, Error> {
    let names: Vec<String> = recordings.iter().flat_map(|entry| names(entry)).collect();
    let is_concerned = |file: &&OutputFile| match &file.recording {
        Some(sha256) => hashes.contains(sha256),
        None => {
            manifest::format::ALL.contains(&file.format.as_str())
                || record.locate(&file.path).is_some_and(|path| mentions(&path, &names))
        }
    };
    let concerned: Vec<_> = record.files().filter(is_concerned).map(|file| file.path.clone()).collect();
    Ok(record.remove(store, &concerned)?.kept)
}

/// What names a recording in files about runs: its file names, and the name of its results.
fn names(entry: &RecordingEntry) -> Vec<String> {
    let files = entry.places().filter_map(Path::file_name).map(|name| shown(Path::new(name)));
    files.chain([entry.name.clone()]).collect()
}

/// Whether a file contains one of the names. A file that cannot be read is taken to contain them.
fn mentions(path: &Path, names: &[String]) -> bool {
    let Ok(bytes) = std::fs::read(path) else { return path.exists() };
    let text = String::from_utf8_lossy(&bytes);
    names.iter().any(|name| text.contains(name))
}
