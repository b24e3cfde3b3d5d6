//! Text formats shared by trace, metrics, report and progress: names of enum values, and failed files.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;
use stage_core::StageError;

/// The name that serde gives to a plain enum value, such as `worker-lost` or `infer`.
pub(super) fn label(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        other => unreachable!("{other:?} is not a plain name"),
    }
}

/// A failed file, with stage and reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FileFailure {
    pub(crate) path: PathBuf,
    /// A stage's name, or `export`.
    pub(crate) stage: String,
    /// The class of a [`StageError`], or `export`.
    pub(crate) class: String,
    /// Stable code, for scripts.
    pub(crate) code: String,
    /// The reason as text.
    pub(crate) message: String,
}

impl FileFailure {
    /// A failure in a stage.
    pub(crate) fn of_stage(path: &Path, error: &StageError) -> Self {
        Self {
            path: path.to_owned(),
            stage: error.stage.to_string(),
            class: label(&error.class),
            code: error.code.clone(),
            message: error.message.clone(),
        }
    }

    /// A failure to write the results after all stages are complete.
    pub(crate) fn of_export(path: &Path, reason: &str) -> Self {
        Self {
            path: path.to_owned(),
            stage: "export".to_owned(),
            class: "export".to_owned(),
            code: "results-not-written".to_owned(),
            message: reason.to_owned(),
        }
    }
}
