//! Checks the artifacts of every recording, and the store itself.

use std::collections::{HashMap, HashSet};

use scheduler::store::{Lookup, MadeFrom, RecordingEntry, StoreFault};
use stage_core::{Fingerprint, shown};

use super::{Case, Check, Report, progress};
use crate::error::Error;

/// The sound artifacts of each recording, by the hash of its bytes.
pub(super) type Current<'a> = HashMap<&'a str, Vec<MadeFrom>>;

pub(super) fn check<'a>(case: &'a Case<'_>, report: &mut Report) -> Result<Current<'a>, Error> {
    let (mut current, mut reported) = (Current::new(), HashSet::new());
    let bar = progress::bar("artifacts", case.recordings.len());
    for entry in &case.recordings {
        let made = check_recording(case, entry, &mut reported, report)?;
        current.insert(&entry.file_sha256, made);
        bar.inc(1);
    }
    bar.finish_and_clear();
    for fault in case.store.check().map_err(Error::store)?.faults {
        // A recording's artifacts are reported with the recording.
        let is_reported = matches!(&fault, StoreFault::Artifact { fingerprint, .. } if reported.contains(fingerprint));
        if !is_reported {
            report.fault(Check::Store, format!("store: {fault}"));
        }
    }
    Ok(current)
}

/// Checks the artifacts of a recording against their hashes, and that none is missing in between. Artifacts that the
/// custody log states and the store does not have are found by the audit.
fn check_recording(
    case: &Case<'_>,
    entry: &RecordingEntry,
    reported: &mut HashSet<Fingerprint>,
    report: &mut Report,
) -> Result<Vec<MadeFrom>, Error> {
    let name = shown(&entry.path);
    let (mut missing, mut made) = (None, Vec::new());
    for key in entry.keys() {
        let (artifact, fingerprint) = (key.artifact(), key.fingerprint());
        reported.insert(fingerprint);
        let mut fault = |message: String| report.fault(Check::Artifact, format!("{name}: the artifact {message}"));
        match case.store.artifact(&fingerprint).map_err(Error::store)? {
            Lookup::Sound(stored) => {
                if let Some(before) = missing.take() {
                    fault(format!("{before} is missing, {artifact} exists"));
                }
                made.push(MadeFrom { artifact, fingerprint, sha256: stored.body_sha256 });
                report.counts.artifacts += 1;
            }
            Lookup::Altered(how) => fault(format!("{artifact}: {how}")),
            Lookup::Missing => missing = missing.or(Some(artifact)),
        }
    }
    if let Some(artifact) = missing {
        let message = format!("{name}: incomplete: the first missing artifact is {artifact}");
        report.note(Check::Artifact, message);
    }
    Ok(made)
}
