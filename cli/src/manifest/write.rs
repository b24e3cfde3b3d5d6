//! Writes and signs the manifest.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use scheduler::store::{Entry, OutputFile, Store};
use serde_json::json;
use stage_core::{sha256_hex, write_files};

use super::{Manifest, ManifestFiles, format};
use crate::clock::now_ms;
use crate::error::{Error, ErrorContext};
use crate::outputs::{Found, Record, TakenFiles};
use crate::signing::PrivateKey;

/// What was written.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) path: PathBuf,
    /// Fingerprint of the public key, if it is signed.
    pub(crate) public_key: Option<String>,
}

/// Writes the manifest of a case, with its signature if there is a key. An earlier signature or time stamp in the folder
/// belongs to an earlier manifest and is removed.
///
/// # Errors
/// The store cannot be read or written, a file exists that the store did not write, or a file cannot be written.
pub(crate) fn write(store: &mut dyn Store, record: &mut Record, key: Option<&PrivateKey>) -> Result<Written, Error> {
    let files = ManifestFiles::in_folder(record.folder());
    remove(store, record, &[&files.signature, &files.request, &files.time_stamp])?;
    let public_key = key.map(|key| key.public().fingerprint());
    let manifest = Manifest::of(store, now_ms(), public_key.clone()).map_err(Error::store)?;
    let bytes = serde_json::to_vec_pretty(&manifest).context("the manifest cannot be written as JSON")?;
    let signature = key.map(|key| key.sign(&bytes));
    let entry = Entry::Manifest { sha256: sha256_hex(&bytes), public_key: public_key.clone() };
    store.log(&[entry]).map_err(Error::store)?;
    let mut written = vec![(&*files.manifest, format::MANIFEST, &bytes[..])];
    written.extend(signature.as_ref().map(|signature| (&*files.signature, format::SIGNATURE, &signature[..])));
    put(store, record, &written)?;
    Ok(Written { path: files.manifest, public_key })
}

/// Records files about the case and writes them.
pub(super) fn put(
    store: &mut dyn Store,
    record: &mut Record,
    files: &[(&Path, &'static str, &[u8])],
) -> Result<(), Error> {
    let (mut entries, mut ready) = (Vec::new(), Vec::new());
    for (path, format, bytes) in files {
        let found = find(record, path)?;
        ready.push((*path, *bytes, found.existing()));
        entries.push(OutputFile {
            path: record.key(path),
            sha256: Some(sha256_hex(bytes)),
            replaces: found.sha256(),
            recording: None,
            format: (*format).to_owned(),
            renderer: 1,
            settings: json!({}),
            made_from: Vec::new(),
            document: None,
            context: json!({}),
        });
    }
    record.put(store, entries).map_err(Error::store)?;
    let failed =
        |(path, error): (PathBuf, _)| Error::unexpected(format!("{}: cannot be written: {error}", path.display()));
    write_files(ready).map_err(failed)
}

/// Removes files that this store wrote.
fn remove(store: &mut dyn Store, record: &mut Record, paths: &[&Path]) -> Result<(), Error> {
    let mut forgotten = Vec::new();
    for path in paths {
        if let (Found::Ours(_), Some(entry)) = (find(record, path)?, record.entry(path)) {
            forgotten.push(entry.path.clone());
            match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).context(format!("{}: cannot be removed", path.display()));
                }
                _ => {}
            }
        }
    }
    record.forget(store, &forgotten).map_err(Error::store)
}

/// What is at a path, unless it must not be replaced.
fn find(record: &Record, path: &Path) -> Result<Found, Error> {
    let found = record.find(path).map_err(Error::usage);
    match found.context(format!("{}: cannot be read", path.display()))? {
        Found::Taken(why) => Err(Error::usage(TakenFiles(vec![(path.to_owned(), why)]))),
        found => Ok(found),
    }
}
