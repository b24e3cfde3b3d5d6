//! Input files and their recordings.

use std::path::PathBuf;
use std::sync::Arc;

use stage_core::{ArtifactName, Fingerprint, Recipe, StageKey};

/// The state of a file. If any field differs, the file has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputStat {
    /// Its path.
    pub path: PathBuf,
    /// Length in bytes.
    pub size: u64,
    /// Modification time in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Inode.
    pub inode: u64,
}

/// Facts computed from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct InputFacts {
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Its length in seconds, as probed.
    pub audio_s: f64,
}

/// A recording and the recipe of its artifacts.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingEntry {
    /// Its path.
    pub path: PathBuf,
    /// SHA-256 of its bytes.
    pub file_sha256: String,
    /// Its length in seconds, as probed.
    pub audio_s: f64,
    /// The base name of its exported files.
    pub name: String,
    /// The stages of its run. The recordings of a run share one recipe.
    pub recipe: Arc<Recipe>,
}

impl RecordingEntry {
    /// The keys of its artifacts, in the order of its recipe. Computed on each call.
    #[must_use]
    pub fn keys(&self) -> Vec<StageKey> {
        self.recipe.keys(&self.file_sha256)
    }

    /// The fingerprint of one of its artifacts, or `None` if its recipe does not store it. Computed on each call.
    #[must_use]
    pub fn fingerprint(&self, artifact: ArtifactName) -> Option<Fingerprint> {
        self.keys().iter().find(|key| key.artifact() == artifact).map(StageKey::fingerprint)
    }

    /// The fingerprints of its artifacts, in the order of its recipe. Computed on each call.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.recipe.fingerprints(&self.file_sha256)
    }

    /// The recipe to store: the recipe stored for the same file if it includes this entry's, else this entry's.
    pub(in crate::store) fn recipe_beside(&self, stored: Option<Arc<Recipe>>) -> Arc<Recipe> {
        stored.filter(|stored| stored.includes(&self.recipe)).unwrap_or_else(|| Arc::clone(&self.recipe))
    }
}
