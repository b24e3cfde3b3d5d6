//! Input files and their recordings.

use std::path::{Path, PathBuf};
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

/// A recording and the recipe of its artifacts. The hash of its bytes is its identity: a file that is renamed, moved or
/// copied is the same recording, and a file whose bytes change becomes another one.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingEntry {
    /// Where it was seen last.
    pub path: PathBuf,
    /// The same place relative to the case folder, if both are likely to be moved together.
    pub relative: Option<PathBuf>,
    /// Other places where a run finds the same bytes now.
    pub copies: Vec<PathBuf>,
    /// Other places where the same bytes were seen, as the store knows them.
    pub also_at: Vec<PathBuf>,
    /// SHA-256 of its bytes.
    pub file_sha256: String,
    /// Length in bytes. `None` if the store is of a version that did not record it.
    pub bytes: Option<u64>,
    /// Its length in seconds, as probed.
    pub audio_s: f64,
    /// The base name of its exported files.
    pub name: String,
    /// The stages of its run. The recordings of a run share one recipe.
    pub recipe: Arc<Recipe>,
}

impl RecordingEntry {
    /// A recording at one place.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, file_sha256: impl Into<String>, audio_s: f64, recipe: Arc<Recipe>) -> Self {
        let path = path.into();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let file_sha256 = file_sha256.into();
        Self {
            path,
            relative: None,
            copies: Vec::new(),
            also_at: Vec::new(),
            file_sha256,
            bytes: None,
            audio_s,
            name,
            recipe,
        }
    }

    /// The places where a run finds it now.
    pub fn found_at(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&*self.path).chain(self.copies.iter().map(PathBuf::as_path))
    }

    /// All places where it was seen, first the last one.
    pub fn places(&self) -> impl Iterator<Item = &Path> {
        self.found_at().chain(self.also_at.iter().map(PathBuf::as_path))
    }

    /// Where it is in a case whose folder is `folder` now, if both are likely to be moved together.
    #[must_use]
    pub fn in_folder(&self, folder: &Path) -> Option<PathBuf> {
        self.relative.as_deref().map(|path| folder.join(path))
    }

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
