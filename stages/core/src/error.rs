//! The one classification of failures. Nothing in Earwitness is matched by a message's text.

use serde::{Deserialize, Serialize};

use crate::StageName;

/// What the scheduler does about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The recording itself cannot be used: reported, never retried.
    BadInput,
    /// May pass by itself (a full disk, an interrupted read): retried three times.
    Transient,
    /// The device failed: the work goes to another device.
    Device,
    /// The device has too little memory for so many units at once: fewer are tried. One unit that does not fit alone
    /// is a failure of the device.
    Memory,
    /// A fault of Earwitness: reported, not retried.
    Bug,
}

/// A failure of one stage on one recording, as it travels from a worker to the report.
///
/// `code` is stable and meant for scripts (`unsupported-codec`); `message` is meant for people and names the reason
/// and, where there is one, the remedy. The file's path is added by whoever reports: the stage may not know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{stage}: {message} [{code}]")]
pub struct StageError {
    /// The stage that failed.
    pub stage: StageName,
    /// What to do about it.
    pub class: ErrorClass,
    /// A stable name in kebab-case.
    pub code: String,
    /// The reason, for people.
    pub message: String,
}

impl StageError {
    /// A failure of the given class. `code` is kebab-case and stable.
    #[must_use]
    pub fn new(stage: StageName, class: ErrorClass, code: &str, message: impl Into<String>) -> Self {
        Self { stage, class, code: code.to_owned(), message: message.into() }
    }
}
