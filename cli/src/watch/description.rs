//! Text formats shared by trace, metrics, report and progress: names of enum values, and failed files.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use serde_json::Value;
use stage_core::{PipelineError, path_text, printable, shown};

/// The name that serde gives to a plain enum value, such as `worker-lost` or `infer`.
pub(super) fn label(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        other => unreachable!("{other:?} is not a plain name"),
    }
}

/// A failed file and its error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FileFailure {
    #[serde(serialize_with = "as_text")]
    pub(crate) path: PathBuf,
    #[serde(flatten)]
    pub(crate) error: PipelineError,
}

fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path_text(path))
}

impl FileFailure {
    pub(crate) fn new(path: &Path, error: &PipelineError) -> Self {
        Self { path: path.to_owned(), error: error.clone() }
    }

    /// The path for pages.
    pub(super) fn shown_path(&self) -> String {
        shown(&self.path)
    }

    /// Message and causes for pages.
    pub(super) fn shown_reason(&self) -> String {
        printable(&self.error.reason()).into_owned()
    }

    /// The name of the error's class.
    pub(super) fn class(&self) -> String {
        label(&self.error.class)
    }
}
