//! Writes and signs the manifest.

use std::path::{Path, PathBuf};

use scheduler::store::{Entry, OutputFile, Store};
use stage_core::{sha256_hex, write_files};

use super::{Manifest, ManifestFiles, format};
use crate::clock::now_ms;
use crate::error::{Error, ErrorContext};
use crate::outputs::Record;
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
    let custody = store.custody().map_err(Error::store)?;
    let manifest = Manifest::of(store, &custody, now_ms(), public_key.clone()).map_err(Error::store)?;
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
        let found = record.replaceable(path)?;
        ready.push((*path, *bytes, found.existing()));
        entries.push(OutputFile {
            sha256: Some(sha256_hex(bytes)),
            replaces: found.sha256(),
            ..OutputFile::without_recording(record.key(path), format)
        });
    }
    record.put(store, entries).map_err(Error::store)?;
    let failed =
        |(path, error): (PathBuf, _)| Error::unexpected(format!("{}: cannot be written: {error}", path.display()));
    write_files(ready).map_err(failed)
}

/// Removes files that this store wrote. If one of them must not be removed, none is.
fn remove(store: &mut dyn Store, record: &mut Record, paths: &[&Path]) -> Result<(), Error> {
    let mut recorded = Vec::new();
    for path in paths {
        record.replaceable(path)?;
        recorded.extend(record.entry(path).map(|entry| entry.path.clone()));
    }
    record.remove(store, &recorded)?;
    Ok(())
}
