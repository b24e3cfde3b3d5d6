//! Classification of failures. Code decides by class, never by the text of a message.

use serde::{Deserialize, Serialize};

use crate::StageName;

/// How the scheduler handles a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The recording itself cannot be used. Reported, never retried.
    BadInput,
    /// A temporary failure (a full disk, an interrupted read). Retried three times.
    Transient,
    /// The device failed. The work is retried on another device.
    Device,
    /// The device has too little memory for this batch of inputs. Smaller batches are tried. A single input that does
    /// not fit counts as a failure of the device.
    Memory,
    /// A bug in Earwitness. Reported, not retried.
    Bug,
}

/// A failure of one stage on one recording. Workers send it to the coordinator, which reports it.
///
/// `code` is stable and intended for scripts (`unsupported-codec`); `message` is for the user and states the reason
/// and, where possible, the remedy. The code that reports the error adds the file's path, which the stage may not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{stage}: {message} [{code}]")]
pub struct StageError {
    /// The stage that failed.
    pub stage: StageName,
    /// The class, which determines how it is handled.
    pub class: ErrorClass,
    /// A stable name in kebab-case.
    pub code: String,
    /// The reason, for the user.
    pub message: String,
}

impl StageError {
    /// Creates a failure of the given class. `code` is kebab-case and stable.
    #[must_use]
    pub fn new(stage: StageName, class: ErrorClass, code: &str, message: impl Into<String>) -> Self {
        Self { stage, class, code: code.to_owned(), message: message.into() }
    }
}
