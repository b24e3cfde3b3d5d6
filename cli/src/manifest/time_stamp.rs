//! Time stamps of the manifest by an authority (RFC 3161). The program contacts nobody: it writes the request, and reads
//! the reply that the user got.

use std::path::{Path, PathBuf};

use scheduler::store::{Entry, Store};
use stage_core::{Sha256Stream, sha256_hex, to_hex};

use super::write::put;
use super::{ManifestFiles, format, read_file};
use crate::error::{Error, ErrorContext};
use crate::outputs::Record;
use crate::signing::timestamp::{self, Reply};

/// A time stamp that was attached to a case.
pub(crate) struct Attached {
    pub(crate) path: PathBuf,
    pub(crate) reply: Reply,
}

/// Writes the request for a time stamp of the manifest. Returns its path.
///
/// # Errors
/// There is no manifest, or the request cannot be written.
pub(crate) fn request(store: &mut dyn Store, record: &mut Record) -> Result<PathBuf, Error> {
    let files = ManifestFiles::in_folder(record.folder());
    let sha256 = hash(&manifest(&files)?);
    let nonce = timestamp::nonce().map_err(Error::unexpected)?;
    let request = timestamp::request(&sha256, nonce).map_err(Error::unexpected)?;
    put(store, record, &[(&files.request, format::REQUEST, &request)])?;
    Ok(files.request)
}

/// Checks that a reply of an authority stamps the manifest, and copies it beside the manifest.
///
/// # Errors
/// There is no manifest, the file is not a granted reply about it, or the copy cannot be written.
pub(crate) fn attach(store: &mut dyn Store, record: &mut Record, file: &Path) -> Result<Attached, Error> {
    let files = ManifestFiles::in_folder(record.folder());
    let manifest = manifest(&files)?;
    let reply = Reply::load(file).map_err(Error::usage)?;
    let sha256 = hash(&manifest);
    let expected = to_hex(&sha256);
    if !reply.covers(&sha256) {
        let (name, stamped) = (file.display(), &reply.statement().imprint);
        let message = format!(
            "{name}: it stamps {stamped}, and the manifest has the SHA-256 {expected}: it is of another manifest"
        );
        return Err(Error::usage(message));
    }
    put(store, record, &[(&files.time_stamp, format::TIME_STAMP, reply.encoded())])?;
    let entry = Entry::TimeStamp { manifest: expected, sha256: sha256_hex(reply.encoded()) };
    store.log(&[entry]).map_err(Error::store)?;
    Ok(Attached { path: files.time_stamp, reply })
}

/// SHA-256 of bytes.
pub(crate) fn hash(bytes: &[u8]) -> [u8; 32] {
    let mut stream = Sha256Stream::default();
    stream.update(bytes);
    stream.finish()
}

fn manifest(files: &ManifestFiles) -> Result<Vec<u8>, Error> {
    let name = files.manifest.display();
    let found = read_file(&files.manifest).map_err(Error::usage).context(format!("{name}: cannot be read"))?;
    found.ok_or_else(|| Error::usage(format!("{name}: there is no manifest: `earwitness manifest DIR` writes it")))
}
