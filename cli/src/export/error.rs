//! Why results cannot be read or written.

use std::path::PathBuf;

use scheduler::store::{Alteration, StoreError};
use stage_core::{ArtifactName, ErrorClass, ErrorCode, Origin, PipelineError};

use super::RenderError;
use crate::outputs::Taken;

/// Why results could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stage has not run yet, or it failed; run the recording again.
    #[error("the artifact {0} is not stored")]
    Missing(ArtifactName),
    /// A stored artifact does not have its hash; `earwitness verify` lists all of them.
    #[error("the artifact {name} was altered: {alteration}")]
    Altered {
        /// The artifact.
        name: ArtifactName,
        /// The difference.
        alteration: Alteration,
    },
    /// Another version of the program wrote the artifact; run the recording again, or use that version.
    #[error("the artifact {name} has the format of another version")]
    Unreadable {
        /// The artifact.
        name: ArtifactName,
        /// The first difference.
        #[source]
        reason: serde_json::Error,
    },
    /// The document cannot be written in a format.
    #[error("the results cannot be written as {format}")]
    Render {
        /// The format's name.
        format: &'static str,
        /// The reason.
        #[source]
        reason: RenderError,
    },
    /// The store was altered: it names a file outside the folder.
    #[error("the store names the results `{0}`, which is not a file name")]
    Name(String),
    /// A file of the same name exists that is not replaced: move it, or use `--overwrite`.
    #[error("{path}: not replaced: {why}")]
    Taken {
        /// The file.
        path: PathBuf,
        /// Why it is not replaced.
        why: Taken,
    },
    /// No listening copy was written, because the store failed or the user has stopped the command.
    #[error("no listening copy was written")]
    Copy(#[source] crate::Error),
    /// A file cannot be written.
    #[error("{path}: cannot be written")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The error from the file system.
        #[source]
        reason: std::io::Error,
    },
}

impl From<ExportError> for PipelineError {
    fn from(error: ExportError) -> Self {
        use ErrorClass::{BadInput, Bug};
        let (class, code) = match &error {
            ExportError::Store(error) => return error.into(),
            ExportError::Missing(_) => (BadInput, ErrorCode::MissingArtifact),
            ExportError::Altered { .. } | ExportError::Name(_) => (BadInput, ErrorCode::AlteredArtifact),
            ExportError::Unreadable { .. } => (BadInput, ErrorCode::UnreadableArtifact),
            ExportError::Render { .. } => (Bug, ErrorCode::UnwritableArtifact),
            ExportError::Taken { .. } => (BadInput, ErrorCode::OutputTaken),
            ExportError::Copy(_) | ExportError::Unwritable { .. } => (BadInput, ErrorCode::ResultsNotWritten),
        };
        Self::of(Origin::Export, class, code, &error)
    }
}
