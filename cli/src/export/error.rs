//! Why results cannot be written.

use std::path::PathBuf;

use scheduler::store::{Alteration, StoreError};
use stage_core::{ArtifactName, ErrorClass, ErrorCode, Origin, PipelineError};

/// Why results could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the artifact {0} is not stored")]
    Missing(ArtifactName),
    #[error("the artifact {name} was altered: {alteration}")]
    Altered { name: ArtifactName, alteration: Alteration },
    #[error("the artifact {name} has the format of another version")]
    Unreadable {
        name: ArtifactName,
        #[source]
        reason: serde_json::Error,
    },
    #[error("the results cannot be written as JSON")]
    Json(#[source] serde_json::Error),
    #[error("the results cannot be written as CSV")]
    Csv(#[from] csv::Error),
    #[error("{path}: cannot be written")]
    Unwritable {
        path: PathBuf,
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
            ExportError::Altered { .. } => (BadInput, ErrorCode::AlteredArtifact),
            ExportError::Unreadable { .. } => (BadInput, ErrorCode::UnreadableArtifact),
            ExportError::Json(_) | ExportError::Csv(_) => (Bug, ErrorCode::UnwritableArtifact),
            ExportError::Unwritable { .. } => (BadInput, ErrorCode::ResultsNotWritten),
        };
        Self::of(Origin::Export, class, code, &error)
    }
}
