//! What else in a store names a recording that is forgotten: command lines of runs, incidents and failures.

use std::path::{Path, PathBuf};

use serde_json::Value;
use stage_core::{PipelineError, shown};

use super::custody::Digests;
use super::{Entry, Incident, Run, StoreError};

/// In place of a text that named a forgotten recording.
const FORGOTTEN: &str = "(forgotten)";

/// The names of a recording that is forgotten.
pub(super) struct Names {
    paths: Vec<PathBuf>,
    texts: Vec<String>,
}

impl Names {
    pub(super) fn new(paths: Vec<PathBuf>) -> Self {
        let name = |path: &PathBuf| path.file_name().map(|name| shown(Path::new(name)));
        let texts = paths.iter().flat_map(|path| [Some(shown(path)), name(path)]).flatten().collect();
        Self { paths, texts }
    }

    /// Whether a path is one of the recording.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.paths.iter().any(|own| own == path)
    }

    fn is_in(&self, text: &str) -> bool {
        self.texts.iter().any(|own| text.contains(own))
    }

    /// The run without a command line that names the recording, and its entry; `None` if it does not.
    pub(super) fn without_command(&self, run: &Run, digests: &Digests<'_>) -> Result<Option<(Run, Entry)>, StoreError> {
        if !self.is_in(&run.command) {
            return Ok(None);
        }
        let run = Run { command: FORGOTTEN.to_owned(), ..run.clone() };
        let entry = Entry::RunForgotten { run: run.id.0, record: digests.run_began(&run)? };
        Ok(Some((run, entry)))
    }

    /// The incident with this number in its run (from 1) without what names the recording, and its entry; `None` if
    /// nothing does.
    pub(super) fn without_text(
        &self,
        run: i64,
        number: usize,
        incident: &Incident,
        digests: &Digests<'_>,
    ) -> Result<Option<(Incident, Entry)>, StoreError> {
        let is_about = incident.recording.as_deref().is_some_and(|path| self.has(path));
        if !is_about && !self.is_in(&incident.message) {
            return Ok(None);
        }
        let incident = Incident { recording: None, message: FORGOTTEN.to_owned(), ..incident.clone() };
        let entry = Entry::IncidentForgotten { run, number, record: digests.incident(&incident)? };
        Ok(Some((incident, entry)))
    }

    /// Whether the failure of a file is about the recording.
    pub(super) fn is_about(&self, path: &Path, error: &PipelineError) -> bool {
        self.has(path) || self.is_in(&error.to_string())
    }
}

/// Whether an artifact with this stored key is one of the recording with this hash.
pub(super) fn is_of_recording(key: &[u8], sha256: &str) -> bool {
    serde_json::from_slice(key).is_ok_and(|key: Value| key["file_sha256"] == sha256)
}
