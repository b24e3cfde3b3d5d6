//! What decode warns about, read from the store: parts of recordings that are missing, damaged or unusual.

use std::path::{Path, PathBuf};

use scheduler::store::{Lookup, RecordingEntry, Store, StoreError};
use stage_core::{Artifact, DecodeWarning, Recording, shown};

/// The warnings of one recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defects {
    /// The recording.
    pub path: PathBuf,
    /// Its warnings, at least one.
    pub warnings: Vec<DecodeWarning>,
}

/// What decode found out about a recording. Its length is that of the sound, not what the header states.
pub(crate) fn decoded(store: &dyn Store, entry: &RecordingEntry) -> Result<Option<Recording>, StoreError> {
    let Some(fingerprint) = entry.fingerprint(Recording::NAME) else { return Ok(None) };
    let Lookup::Sound(stored) = store.artifact(&fingerprint)? else { return Ok(None) };
    // An artifact of another version is reported where it is needed.
    Ok(serde_json::from_str(&stored.artifact.body).ok())
}

impl Defects {
    /// The warnings of a recording. `None` if it has none.
    pub(crate) fn of(entry: &RecordingEntry, recording: Recording) -> Option<Self> {
        let Recording { warnings, .. } = recording;
        (!warnings.is_empty()).then(|| Self { path: entry.path.clone(), warnings })
    }

    /// Whether sound that the file holds, or that its header promises, is not in the recording.
    #[must_use]
    pub fn loses_sound(&self) -> bool {
        self.warnings.iter().any(|warning| warning.kind.loses_sound())
    }

    /// One line per warning: `call.mp3: damaged: 3 of 90 packets could not be decoded and are silence`.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let name = self.path.file_name().map_or(self.path.as_path(), Path::new);
        self.warnings.iter().map(move |warning| format!("{}: {}: {warning}", shown(name), warning.kind))
    }
}

/// The sentence that counts the recordings with warnings; `None` if there are none.
pub(crate) fn summary(defects: &[Defects]) -> Option<String> {
    let losing = defects.iter().filter(|defects| defects.loses_sound()).count();
    let files = |n: usize| if n == 1 { "1 recording has".to_owned() } else { format!("{n} recordings have") };
    match (defects.len(), losing) {
        (0, _) => None,
        (all, 0) => Some(format!("{} warnings; no sound was lost", files(all))),
        (all, losing) => Some(format!("{} warnings, {losing} of them without a part of their sound", files(all))),
    }
}
