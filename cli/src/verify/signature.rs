//! Compares a case with its signed or time-stamped manifest.

use scheduler::store::{Line, Store, read_chain};
use stage_core::{sha256_hex, shown};

use super::{Case, Check, Report, Request, Strength};
use crate::error::Error;
use crate::manifest::{Manifest, ManifestFiles, compare, read_file};
use crate::signing::PublicKey;

pub(super) fn check(case: &Case<'_>, request: &Request<'_>, report: &mut Report) -> Result<(), Error> {
    let files = ManifestFiles::in_folder(case.record.folder());
    let (Some(key), name) = (request.public_key, shown(&files.manifest)) else { return Ok(()) };
    report.compared_with.push(Strength::PublicKey);
    let mut fault = |message: String| report.fault(Check::Signature, message);
    let bytes = match read_file(&files.manifest) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            fault(format!("{name}: there is no manifest, so nothing is signed"));
            return Ok(());
        }
        Err(error) => {
            fault(format!("{name}: cannot be read: {error}"));
            return Ok(());
        }
    };
    if let Err(reason) = check_signature(&files, &bytes, key) {
        fault(reason);
        return Ok(());
    }
    compare_case(case.store, &bytes, &name, report)
}

/// Checks the signature of the manifest's bytes.
fn check_signature(files: &ManifestFiles, manifest: &[u8], key: &PublicKey) -> Result<(), String> {
    let name = shown(&files.signature);
    let signature = read_file(&files.signature).map_err(|error| format!("{name}: cannot be read: {error}"))?;
    let signature = signature.ok_or_else(|| format!("{name}: there is no signature of the manifest"))?;
    let signature: [u8; 64] = signature.try_into().map_err(|_| format!("{name}: a signature has 64 bytes"))?;
    let of_another = |_| {
        format!("{name}: not a signature of the manifest with the key {}: it was changed, or signed with another key", key.fingerprint())
    };
    key.verify(manifest, &signature).map_err(of_another)
}

/// Compares the case with a manifest whose bytes are authentic.
fn compare_case(store: &dyn Store, bytes: &[u8], name: &str, report: &mut Report) -> Result<(), Error> {
    let manifest = match Manifest::parse(bytes) {
        Ok(manifest) => manifest,
        Err(reason) => {
            report.fault(Check::Signature, format!("{name}: not a manifest of this version: {reason}"));
            return Ok(());
        }
    };
    let custody = store.custody().map_err(Error::store)?;
    let lines: Vec<Line> = read_chain(custody.lines.iter().map(|line| &*line.text)).0;
    for difference in compare(&manifest, store, &lines).map_err(Error::store)? {
        report.fault(Check::Signature, format!("since the manifest of {}: {difference}", manifest.created_at));
    }
    let (sha256, at) = (sha256_hex(bytes), &manifest.created_at);
    report.note(Check::Signature, format!("{name}: made {at}, SHA-256 {sha256}"));
    Ok(())
}
