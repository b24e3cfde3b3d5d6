//! Errors of the pipeline: where they happened, how they are handled, what happened, and why. Code decides by class or
//! code, never by the text of a message.

mod chain;
mod code;
mod origin;

use std::error::Error;
use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

pub use chain::{causes_of, full_message};
pub use code::{CodeInfo, ErrorCode, UnknownCode};
pub use origin::Origin;

/// How the scheduler handles an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The recording, or another thing that the user provides (a model, a setting, an output folder), cannot be used.
    /// Reported, never retried.
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

/// An error of one part of the pipeline. Workers send it to the coordinator, which stores and reports it.
///
/// `code` is for scripts, `message` and `causes` are for the user. The message states the reason and, where possible,
/// the remedy. The code that reports the error adds the path of the recording, which a stage may not know.
///
/// ```
/// use stage_core::{ErrorClass, ErrorCode, PipelineError, StageName};
///
/// let stage = StageName::new("decode");
/// let denied = std::io::Error::other("permission denied");
/// let error = PipelineError::new(stage, ErrorClass::BadInput, ErrorCode::UnreadableFile, "the file cannot be opened")
///     .caused_by(&denied);
/// assert_eq!(error.to_string(), "decode: the file cannot be opened: permission denied [unreadable-file]");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineError {
    /// The part that failed.
    pub origin: Origin,
    /// The class, which determines how the error is handled.
    pub class: ErrorClass,
    /// What happened, for scripts.
    pub code: ErrorCode,
    /// What happened, for the user.
    pub message: String,
    /// Why: the causes of the error, the direct one first. Empty if the message says everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
}

impl PipelineError {
    /// An error without causes.
    #[must_use]
    pub fn new(origin: impl Into<Origin>, class: ErrorClass, code: ErrorCode, message: impl Into<String>) -> Self {
        Self { origin: origin.into(), class, code, message: message.into(), causes: Vec::new() }
    }

    /// An error with the message and the causes of another error.
    #[must_use]
    pub fn of(origin: impl Into<Origin>, class: ErrorClass, code: ErrorCode, error: &dyn Error) -> Self {
        Self { causes: causes_of(error), ..Self::new(origin, class, code, error.to_string()) }
    }

    /// A bug: an error of class [`ErrorClass::Bug`] without causes.
    #[must_use]
    pub fn bug(origin: impl Into<Origin>, code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(origin, ErrorClass::Bug, code, message)
    }

    /// Decoded samples that cannot be read back from their temporary file.
    #[must_use]
    pub fn samples_unreadable(origin: impl Into<Origin>, error: &io::Error) -> Self {
        let message = "the decoded samples cannot be read back";
        Self::new(origin, ErrorClass::Transient, ErrorCode::SamplesUnreadable, message).caused_by(error)
    }

    /// Adds `error` and its causes to the causes.
    #[must_use]
    pub fn caused_by(mut self, error: &dyn Error) -> Self {
        self.causes.push(error.to_string());
        self.causes.extend(causes_of(error));
        self
    }

    /// The message followed by all causes, in one line.
    #[must_use]
    pub fn reason(&self) -> String {
        let parts: Vec<_> = std::iter::once(&self.message).chain(&self.causes).map(String::as_str).collect();
        parts.join(": ")
    }
}

/// All of the error in one line. The causes are part of the text, so [`Error::source`] returns none.
impl fmt::Display for PipelineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.origin, self.reason(), self.code)
    }
}

impl Error for PipelineError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StageName;

    #[test]
    fn pipeline_error_is_the_same_after_serialization() {
        let decode = StageName::new("decode");
        let (class, unknown) = (ErrorClass::Transient, ErrorCode::named("speaker-unknown"));
        let plain = PipelineError::new(decode, class, ErrorCode::EmptyFile, "no audio");
        let text = serde_json::to_string(&plain).unwrap();
        assert_eq!(text, r#"{"origin":"decode","class":"transient","code":"empty-file","message":"no audio"}"#);
        for error in [plain, PipelineError::new(Origin::Worker, class, unknown, "m").caused_by(&fmt::Error)] {
            let text = serde_json::to_string(&error).unwrap();
            assert_eq!(serde_json::from_str::<PipelineError>(&text).unwrap(), error);
        }
    }

    #[test]
    fn pipeline_error_shows_origin_message_causes_and_code() {
        let error = PipelineError::new(Origin::Export, ErrorClass::BadInput, ErrorCode::ResultsNotWritten, "a.json");
        let error = error.caused_by(&fmt::Error);
        assert_eq!(error.to_string(), format!("export: a.json: {} [results-not-written]", fmt::Error));
    }
}
