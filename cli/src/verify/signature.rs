//! Compares a case with its signed or time-stamped manifest.

use std::path::Path;

use stage_core::{full_message, sha256_hex, shown};

use super::{Case, Check, Report, Request, Strength};
use crate::error::Error;
use crate::manifest::{Manifest, ManifestFiles, compare, hash, read_file};
use crate::signing::PublicKey;
use crate::signing::timestamp::{Certificates, Reply};

pub(super) fn check(case: &Case<'_>, request: &Request<'_>, report: &mut Report) -> Result<(), Error> {
    if request.public_key.is_none() && request.authorities.is_none() {
        return Ok(());
    }
    let files = ManifestFiles::in_folder(case.record.folder());
    let name = shown(&files.manifest);
    let found = read_file(&files.manifest).map_err(|error| format!("cannot be read: {error}"));
    let bytes = found.and_then(|bytes| bytes.ok_or_else(|| "there is no manifest of the case".to_owned()));
    let mut is_authentic = true;
    if let Some(key) = request.public_key {
        report.compared_with.push(Strength::PublicKey);
        let checked = bytes.as_deref().map_err(|why| format!("{name}: {why}"));
        if let Err(reason) = checked.and_then(|bytes| check_signature(&files, bytes, key)) {
            report.fault(Check::Signature, reason);
            is_authentic = false;
        }
    }
    if let Some(authorities) = request.authorities {
        report.compared_with.push(Strength::TimeStamp);
        let checked = bytes.as_deref().map_err(|why| format!("{name}: {why}"));
        let file = request.time_stamp.unwrap_or(&files.time_stamp);
        match checked.and_then(|bytes| check_time_stamp(file, bytes, authorities)) {
            Ok(stamped) => report.note(Check::TimeStamp, format!("{name}: {stamped}")),
            Err(reason) => {
                report.fault(Check::TimeStamp, reason);
                is_authentic = false;
            }
        }
    }
    match bytes {
        Ok(bytes) if is_authentic => compare_case(case, &bytes, &name, report),
        _ => Ok(()),
    }
}

/// Checks a time stamp of the manifest. Returns when and by whom it was stamped.
fn check_time_stamp(file: &Path, manifest: &[u8], authorities: &Certificates) -> Result<String, String> {
    let reply = Reply::load(file).map_err(|error| full_message(&error))?;
    let name = shown(file);
    if !reply.covers(&hash(manifest)) {
        return Err(format!("{name}: it stamps another manifest: the case was changed or made anew since"));
    }
    let verified = reply.verify(authorities).map_err(|error| format!("{name}: {}", full_message(&error)))?;
    Ok(format!("it existed on {} (time stamp of {})", verified.time, verified.signer))
}

/// Checks the signature of the manifest's bytes.
fn check_signature(files: &ManifestFiles, manifest: &[u8], key: &PublicKey) -> Result<(), String> {
    let name = shown(&files.signature);
    let signature = read_file(&files.signature).map_err(|error| format!("{name}: cannot be read: {error}"))?;
    let signature = signature.ok_or_else(|| format!("{name}: there is no signature of the manifest"))?;
    let signature: [u8; 64] = signature.try_into().map_err(|_| format!("{name}: a signature has 64 bytes"))?;
    let of_another = |_| {
        format!(
            "{name}: not a signature of the manifest with the key {}: it was changed, or signed with another key",
            key.fingerprint()
        )
    };
    key.verify(manifest, &signature).map_err(of_another)
}

/// Compares the case with a manifest whose bytes are authentic.
fn compare_case(case: &Case<'_>, bytes: &[u8], name: &str, report: &mut Report) -> Result<(), Error> {
    let manifest = match Manifest::parse(bytes) {
        Ok(manifest) => manifest,
        Err(reason) => {
            report.fault(Check::Signature, format!("{name}: not a manifest of this version: {reason}"));
            return Ok(());
        }
    };
    let now = Manifest::of(case.store, &case.custody, 0, None).map_err(Error::store)?;
    for difference in compare(&manifest, &now, &case.custody, &case.lines) {
        report.fault(Check::Signature, format!("since the manifest of {}: {difference}", manifest.created_at));
    }
    let (sha256, at) = (sha256_hex(bytes), &manifest.created_at);
    report.note(Check::Signature, format!("{name}: made {at}, SHA-256 {sha256}"));
    Ok(())
}
