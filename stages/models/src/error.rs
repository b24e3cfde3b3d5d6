//! Errors of models.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use stage_core::{ErrorClass, ErrorCode, PipelineError, StageName};

use crate::fault::message;
use crate::files::HubError;
use crate::weights::WeightsError;
use crate::{DeviceError, DeviceFault};

/// The reason why a model cannot be used. If a model is broken, the error names the file or the model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file of the model is missing or cannot be read: complete the directory.
    #[error("{path}: cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        reason: io::Error,
    },
    /// A JSON file lacks a field or is not valid JSON: download it again.
    #[error("{path}: is not valid JSON or lacks a field")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        #[source]
        reason: serde_json::Error,
    },
    /// The weights cannot be read, or a tensor does not match `config.json`.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A file could not be obtained from the hub.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// This build has no embedded model: choose another one.
    #[error("this build has no embedded model: name a folder or a hub id with --model")]
    NotEmbedded,
    /// No family supports this architecture.
    #[error("{path}: architectures is {found}: one of {known} is expected")]
    UnknownArchitecture {
        /// The model's `config.json`.
        path: PathBuf,
        /// The architectures in `config.json`.
        found: String,
        /// The supported architectures.
        known: String,
    },
    /// The tokenizer cannot be parsed or used: download it again.
    #[error("{path}: cannot be used as a tokenizer")]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        #[source]
        reason: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The vocabulary is damaged or belongs to another model: download it again.
    #[error("{path}: {reason}")]
    Vocabulary {
        /// The faulty file: the tokenizer's, or the configuration file that disagrees with it.
        path: PathBuf,
        /// The fault.
        reason: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A field has a value that is not supported.
    #[error("{path}: {field} is {value}: {expected}")]
    Field {
        /// The file.
        path: PathBuf,
        /// The field's name.
        field: &'static str,
        /// Its value.
        value: String,
        /// The supported values.
        expected: &'static str,
    },
    /// A tensor is missing, or its shape contradicts the configuration: weights and configuration are from different
    /// models.
    #[error("{model}: the weights do not fit {expected}: {}", message(reason))]
    Tensor {
        /// The model's name.
        model: String,
        /// The expected network: that of `config.json`, or a network with a fixed shape.
        expected: &'static str,
        /// Candle's error, which names the tensor.
        reason: Box<candle_core::Error>,
    },
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The model does not support the requested language.
    #[error("{model} does not support the language `{language}`; it supports {known}")]
    Language {
        /// The model's name.
        model: String,
        /// The requested language code.
        language: String,
        /// The language codes that the model supports.
        known: String,
    },
    /// A setting has an invalid value, or one that this model does not support.
    #[error("{setting} is {value}: {expected}")]
    Setting {
        /// The field of [`crate::TranscribeConfig`].
        setting: Cow<'static, str>,
        /// Its value.
        value: String,
        /// The supported values.
        expected: &'static str,
    },
    /// A setting differs from its default, but the model does not read it.
    #[error("{setting} is {value}: the model {model} ({family}) does not read this setting: leave it out")]
    NotRead {
        /// The field of [`crate::TranscribeConfig`].
        setting: String,
        /// Its value.
        value: String,
        /// The model's name.
        model: String,
        /// The name of the model's family.
        family: &'static str,
    },
    /// A prompt or hotword contains one of the model's special tokens: remove it.
    #[error("`{text}` spells a special token of the model")]
    SpecialToken {
        /// The text.
        text: String,
    },
    /// Inference was requested before the weights were loaded.
    #[error("the weights must be loaded before inference")]
    NotLoaded,
    /// A recognizer received a unit of another family.
    #[error("a unit of another model family was given to the recognizer")]
    ForeignUnit,
    /// A recognizer received an output of another family.
    #[error("an output of another model family was given to the recognizer")]
    ForeignOutput(#[source] serde_json::Error),
    /// The computation failed: because of the device if [`DeviceFault::behind`] returns a fault, otherwise because of a
    /// bug.
    #[error("{}", message(.0))]
    Inference(candle_core::Error),
}

/// [`ModelError::Inference`]. The message contains the causes without candle's backtrace, so there is no source.
impl From<candle_core::Error> for ModelError {
    fn from(error: candle_core::Error) -> Self {
        Self::Inference(error)
    }
}

impl ModelError {
    /// The class and the stable code of the failure, as a stage reports it.
    #[must_use]
    pub fn class_and_code(&self) -> (ErrorClass, ErrorCode) {
        match self {
            Self::Hub(_) => (ErrorClass::Transient, ErrorCode::ModelUnavailable),
            Self::Unreadable { .. } | Self::Weights(WeightsError::Unreadable { .. }) => {
                (ErrorClass::BadInput, ErrorCode::ModelUnreadable)
            }
            Self::Device(_) => (ErrorClass::Device, ErrorCode::DeviceUnusable),
            Self::Language { .. } => (ErrorClass::BadInput, ErrorCode::UnknownLanguage),
            Self::Setting { .. } | Self::NotRead { .. } | Self::SpecialToken { .. } => {
                (ErrorClass::BadInput, ErrorCode::BadSetting)
            }
            Self::NotEmbedded => (ErrorClass::BadInput, ErrorCode::ModelNotEmbedded),
            Self::NotLoaded => (ErrorClass::Bug, ErrorCode::ModelNotLoaded),
            Self::ForeignUnit | Self::ForeignOutput(_) => (ErrorClass::Bug, ErrorCode::ForeignOutput),
            Self::Inference(reason) => match DeviceFault::behind(reason) {
                Some(DeviceFault::Memory) => (ErrorClass::Memory, ErrorCode::DeviceMemory),
                Some(DeviceFault::Other) => (ErrorClass::Device, ErrorCode::DeviceFailed),
                None => (ErrorClass::Bug, ErrorCode::InferenceFailed),
            },
            Self::Malformed { .. }
            | Self::Weights(_)
            | Self::UnknownArchitecture { .. }
            | Self::Tokenizer { .. }
            | Self::Vocabulary { .. }
            | Self::Field { .. }
            | Self::Tensor { .. } => (ErrorClass::BadInput, ErrorCode::ModelMalformed),
        }
    }

    /// Converts the error into a stage error.
    #[must_use]
    pub fn in_stage(&self, stage: StageName) -> PipelineError {
        let (class, code) = self.class_and_code();
        PipelineError::of(stage, class, code, self)
    }
}
