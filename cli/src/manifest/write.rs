//! Writes and signs the manifest.

use std::path::{Path, PathBuf};

use scheduler::store::{Entry, OutputFile, Store, StoreUrl};
use stage_core::{printable, sha256_hex, write_files};

use super::{Manifest, ManifestFiles, format};
use crate::clock::now_ms;
use crate::error::{Error, ErrorContext, ErrorKind};
use crate::outputs::Record;
use crate::signing::PrivateKey;
use crate::verify::{Request, verify};

/// What was written.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) path: PathBuf,
    /// Fingerprint of the public key, if it is signed.
    pub(crate) public_key: Option<String>,
    /// The signature and the time stamp of an earlier manifest, which were removed.
    pub(crate) removed: Vec<PathBuf>,
}

/// Writes the manifest of a case, with its signature if there is a key. An earlier signature or time stamp in the folder
/// belongs to an earlier manifest and is removed.
///
/// # Errors
/// It is to be signed, and a check of the case fails. Or the store cannot be read or written, a file exists that the
/// store did not write, or a file cannot be written.
pub(crate) fn write(
    store: &mut dyn Store,
    url: &StoreUrl,
    record: &mut Record,
    key: Option<&PrivateKey>,
) -> Result<Written, Error> {
    let files = ManifestFiles::in_folder(record.folder());
    if key.is_some() {
        check(store, url, record.folder())?;
    }
    let removed = remove(store, record, &[&files.signature, &files.request, &files.time_stamp])?;
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
    Ok(Written { path: files.manifest, public_key, removed })
}

/// A case is signed only if it is consistent. Recordings may be elsewhere.
fn check(store: &dyn Store, url: &StoreUrl, folder: &Path) -> Result<(), Error> {
    let report = verify(store, &Request::alone(url, folder))?;
    let faults: Vec<_> = report.faults().collect();
    match faults.first() {
        None => Ok(()),
        Some(first) => Err(Error::new(
            ErrorKind::NotVerified,
            format!(
                "not signed, because {} of its checks failed (`earwitness verify` names them): {}",
                faults.len(),
                printable(first)
            ),
        )),
    }
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
fn remove(store: &mut dyn Store, record: &mut Record, paths: &[&Path]) -> Result<Vec<PathBuf>, Error> {
    let mut recorded = Vec::new();
    for path in paths {
        record.replaceable(path)?;
        recorded.extend(record.entry(path).map(|entry| entry.path.clone()));
    }
    Ok(record.remove(store, &recorded)?.removed)
}
