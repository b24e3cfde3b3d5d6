//! Input files, the recordings that they are, and the files exported for them.

use std::path::PathBuf;
use std::sync::Arc;

use stage_core::{ArtifactName, Fingerprint, Recipe, StageKey};

/// What tells whether a file has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputStat {
    /// Where it lies.
    pub path: PathBuf,
    /// Length in bytes.
    pub size: u64,
    /// Modification time in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Inode.
    pub inode: u64,
}

/// What was found out about a file.
#[derive(Debug, Clone, PartialEq)]
pub struct InputFacts {
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Its length in seconds, as probed.
    pub audio_s: f64,
}

/// A recording and how its artifacts are made.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingEntry {
    /// Where it lies.
    pub path: PathBuf,
    /// SHA-256 of its bytes.
    pub file_sha256: String,
    /// Its length in seconds, as probed.
    pub audio_s: f64,
    /// The name that its exports bear.
    pub name: String,
    /// The stages of its run; one for all recordings of a run.
    pub recipe: Arc<Recipe>,
}

impl RecordingEntry {
    /// The keys of its artifacts, in the order of its recipe. Computed each time: keep them where they are needed often.
    #[must_use]
    pub fn keys(&self) -> Vec<StageKey> {
        self.recipe.keys(&self.file_sha256)
    }

    /// The fingerprint of one of its artifacts; none if its recipe does not store it.
    #[must_use]
    pub fn fingerprint(&self, artifact: ArtifactName) -> Option<Fingerprint> {
        self.keys().iter().find(|key| key.artifact() == artifact).map(StageKey::fingerprint)
    }

    /// The fingerprints of its artifacts, in the order of its recipe. Computed each time, as the keys are.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.recipe.fingerprints(&self.file_sha256)
    }
}

/// An exported file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Where it lies, relative to the output folder.
    pub path: PathBuf,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// The recording that it tells of.
    pub recording: PathBuf,
}
