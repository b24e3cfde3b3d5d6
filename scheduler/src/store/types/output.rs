//! The files that Earwitness wrote for its users.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stage_core::{ArtifactName, Fingerprint};

/// A file that Earwitness wrote: the results of a recording in one format, or a file about a run.
///
/// The entry is stored before the file appears under its name, with the hash of the file that it replaces. So after a
/// kill at any moment, the hash of the file on disk is one of the two.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputFile {
    /// Its path, relative to the output folder. Absolute if it is not in that folder.
    pub path: PathBuf,
    /// SHA-256 of its bytes. `None` for a file that is written during a run, until the run ends.
    pub sha256: Option<String>,
    /// SHA-256 of the file that it replaces, if there is one.
    pub replaces: Option<String>,
    /// SHA-256 of the recording whose results it contains. `None` for a file about a run.
    pub recording: Option<String>,
    /// The format, such as `srt` or `report`.
    pub format: String,
    /// Version of the renderer of that format. 0 for files of versions that did not record it.
    pub renderer: u32,
    /// Settings of the renderer.
    pub settings: Value,
    /// The artifacts that it was made from. Empty for a file about a run, and for files of versions that did not record
    /// them.
    pub made_from: Vec<MadeFrom>,
    /// SHA-256 of everything that the renderer was given, as JSON. `None` for a file about a run, and for files of
    /// versions that did not record it.
    pub document: Option<String>,
    /// What is needed to make the same document again, besides the artifacts.
    pub context: Value,
}

/// An artifact from which a file was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeFrom {
    /// Its name.
    pub artifact: ArtifactName,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// SHA-256 of the stored artifact.
    pub sha256: String,
}

impl OutputFile {
    /// A file about a run or about the case, before it is written.
    #[must_use]
    pub fn without_recording(path: PathBuf, format: &str) -> Self {
        Self {
            path,
            sha256: None,
            replaces: None,
            recording: None,
            format: format.to_owned(),
            renderer: 1,
            settings: json!({}),
            made_from: Vec::new(),
            document: None,
            context: json!({}),
        }
    }

    /// Whether a file with this hash is the recorded one, or the one that it replaces.
    #[must_use]
    pub fn is_ours(&self, sha256: &str) -> bool {
        [&self.sha256, &self.replaces].into_iter().flatten().any(|known| known == sha256)
    }
}
