//! `forget`: deletes the content of recordings from a case, and leaves their hashes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use scheduler::store::{self, Access, Forgotten, RecordingEntry, Store};
use stage_core::shown;

use super::resolve::resolve;
use crate::args::ForgetArgs;
use crate::clock::now_ms;
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::manifest;
use crate::open_store;
use crate::outputs::{Found, Record};

pub(crate) fn forget(args: &ForgetArgs) -> Result<Exit, Error> {
    let url = open_store::url(args.folder.store.as_deref(), &args.folder.folder)?;
    let mut store = store::open(&url, Access::Write).map_err(Error::store)?;
    let mut record = Record::read(&*store, &url, &args.folder.folder, false).map_err(Error::store)?;
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
    // Before any file is deleted.
    open_store::check_alone(&mut *store, &url)?;
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
    let (mut kept, mut forgotten) = (Vec::new(), Vec::new());
    for file in record.files() {
        let Some(path) = record.locate(&file.path) else { continue };
        let is_concerned = match &file.recording {
            Some(sha256) => hashes.contains(sha256),
            None => manifest::format::ALL.contains(&file.format.as_str()) || mentions(&path, &names),
        };
        if !is_concerned {
            continue;
        }
        match record.find(&path).context(format!("{}: cannot be read", path.display()))? {
            Found::Taken(_) => kept.push(path),
            Found::Ours(_) => {
                fs::remove_file(&path).context(format!("{}: cannot be removed", path.display()))?;
                forgotten.push(file.path.clone());
            }
            Found::Absent => forgotten.push(file.path.clone()),
        }
    }
    record.forget(store, &forgotten).map_err(Error::store)?;
    Ok(kept)
}

/// What names a recording in files about runs: its file names, and the name of its results.
fn names(entry: &RecordingEntry) -> impl Iterator<Item = String> {
    let files = entry.places().filter_map(Path::file_name).map(|name| shown(Path::new(name)));
    files.chain([entry.name.clone()]).collect::<Vec<_>>().into_iter()
}

/// Whether a file contains one of the names. A file that cannot be read is taken to contain them.
fn mentions(path: &Path, names: &[String]) -> bool {
    let Ok(bytes) = fs::read(path) else { return path.exists() };
    let text = String::from_utf8_lossy(&bytes);
    names.iter().any(|name| text.contains(name))
}
