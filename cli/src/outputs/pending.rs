//! Files of forgotten recordings. `forget` records what is to be deleted in the transaction that deletes the content. The
//! files are deleted after it; if it is stopped in between, the next command that writes to the case deletes them.

use std::collections::HashSet;
use std::path::PathBuf;

use scheduler::store::{Store, StoreError};
use stage_core::{full_message, shown};

use super::{Record, RemoveError};

/// What became of the files of forgotten recordings.
#[derive(Debug, Default)]
pub(crate) struct Deleted {
    /// Files that were deleted.
    pub(crate) removed: Vec<PathBuf>,
    /// Files that somebody changed. They stay; their records, which name the recording, are deleted.
    pub(crate) kept: Vec<PathBuf>,
    /// Files that cannot be deleted, with the reason. Their records stay, so that it is tried again.
    pub(crate) failed: Vec<(PathBuf, String)>,
}

/// The paths under which files of forgotten recordings are recorded. A recording that the store has is not forgotten.
pub(crate) fn pending(store: &dyn Store, record: &Record) -> Result<Vec<PathBuf>, StoreError> {
    let mut forgotten: HashSet<String> = store.forgotten()?.into_iter().map(|one| one.sha256).collect();
    if forgotten.is_empty() {
        return Ok(Vec::new());
    }
    for entry in store.recordings()? {
        forgotten.remove(&entry.file_sha256);
    }
    let files = forgotten.iter().flat_map(|sha256| record.of_recording(sha256));
    Ok(files.map(|file| file.path.clone()).collect())
}

/// Deletes the files of forgotten recordings, and their records.
pub(crate) fn delete_pending(store: &mut dyn Store, record: &mut Record) -> Result<Deleted, StoreError> {
    let mut deleted = Deleted::default();
    for recorded in pending(store, record)? {
        match record.remove(store, std::slice::from_ref(&recorded)) {
            Ok(removal) => {
                if !removal.kept.is_empty() || record.locate(&recorded).is_none() {
                    record.forget(store, &[recorded])?;
                }
                deleted.removed.extend(removal.removed);
                deleted.kept.extend(removal.kept);
            }
            Err(RemoveError::File { path, reason }) => deleted.failed.push((path, full_message(&reason))),
            Err(RemoveError::Store(error)) => return Err(error),
        }
    }
    Ok(deleted)
}

impl Deleted {
    /// Lines about the files that are still there.
    pub(crate) fn remaining(&self) -> Vec<String> {
        let kept = self.kept.iter().map(|path| {
            format!(
                "kept, because it was changed since it was written: {}; the case has no record of it any more, so delete \
                 it yourself",
                shown(path)
            )
        });
        let failed = self.failed.iter().map(|(path, reason)| {
            format!("not deleted: {}: {reason}; the next command that writes to the case tries again", shown(path))
        });
        kept.chain(failed).collect()
    }
}
