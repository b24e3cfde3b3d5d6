//! Why a model cannot be used.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use stage_core::{ErrorClass, StageError, StageName};

use crate::fault::message;
use crate::files::HubError;
use crate::weights::WeightsError;
use crate::{DeviceError, DeviceFault};

/// Why a model cannot be used. Every variant of a broken model names the file or the model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file of the model is missing or cannot be read: complete the directory.
    #[error("{path}: cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        reason: io::Error,
    },
    /// A JSON file lacks a field or is not JSON: fetch it again.
    #[error("{path}: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        reason: serde_json::Error,
    },
    /// The weights cannot be read, or a tensor is not what `config.json` asks for.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The hub did not give a file.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// This build holds no embedded model: name another one.
    #[error("this build holds no embedded model: name a folder or a hub id with --model")]
    NotEmbedded,
    /// No family recognizes speech with this architecture.
    #[error("{path}: architectures is {found}: one of {known} is expected")]
    UnknownArchitecture {
        /// The model's `config.json`.
        path: PathBuf,
        /// The architectures that it names.
        found: String,
        /// The architectures that are supported.
        known: String,
    },
    /// The tokenizer cannot be parsed or used: fetch it again.
    #[error("{path}: cannot be used as a tokenizer: {reason}")]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        reason: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The vocabulary is damaged, or that of another model: fetch it again.
    #[error("{path}: {reason}")]
    Vocabulary {
        /// The file that is wrong: the tokenizer's, or the configuration file that disagrees with it.
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
    /// A tensor is missing or its shape contradicts the configuration: weights and configuration are not of one model.
    #[error("{model}: the weights do not fit {expected}: {}", message(reason))]
    Tensor {
        /// The model's name.
        model: String,
        /// The expected network: that of `config.json`, or a network of fixed shape.
        expected: &'static str,
        /// Candle's error; it names the tensor.
        reason: Box<candle_core::Error>,
    },
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The model does not know the language that was asked for.
    #[error("{model} does not know the language `{language}`; it knows {known}")]
    Language {
        /// The model's name.
        model: String,
        /// The code that was asked for.
        language: String,
        /// The codes that the model knows.
        known: String,
    },
    /// A setting has a value that makes no sense, or that this model does not support.
    #[error("{setting} is {value}: {expected}")]
    Setting {
        /// The field of [`crate::TranscribeConfig`].
        setting: Cow<'static, str>,
        /// Its value.
        value: String,
        /// The supported values.
        expected: &'static str,
    },
    /// A prompt or hotword spells one of the model's special tokens: leave it out.
    #[error("`{text}` spells a special token of the model")]
    SpecialToken {
        /// The text.
        text: String,
    },
    /// The weights were not loaded before inference.
    #[error("the weights must be loaded before inference")]
    NotLoaded,
    /// A unit of another family was given to a recognizer.
    #[error("a unit of another model family was given to the recognizer")]
    ForeignUnit,
    /// An output of another family was given to a recognizer.
    #[error("an output is not that of the model's family: {0}")]
    ForeignOutput(serde_json::Error),
    /// The computation failed: the device's fault where [`DeviceFault::behind`] says so, ours otherwise.
    #[error("{}", message(.0))]
    Inference(#[from] candle_core::Error),
}

impl ModelError {
    /// Class and stable code of the failure, as a stage reports it.
    #[must_use]
    pub fn class_and_code(&self) -> (ErrorClass, &'static str) {
        match self {
            Self::Hub(_) => (ErrorClass::Transient, "model-unavailable"),
            Self::Unreadable { .. } | Self::Weights(WeightsError::Unreadable { .. }) => {
                (ErrorClass::BadInput, "model-unreadable")
            }
            Self::Device(_) => (ErrorClass::Device, "device-unusable"),
            Self::Language { .. } => (ErrorClass::BadInput, "unknown-language"),
            Self::Setting { .. } | Self::SpecialToken { .. } => (ErrorClass::BadInput, "bad-setting"),
            Self::NotEmbedded => (ErrorClass::BadInput, "model-not-embedded"),
            Self::NotLoaded => (ErrorClass::Bug, "model-not-loaded"),
            Self::ForeignUnit | Self::ForeignOutput(_) => (ErrorClass::Bug, "foreign-output"),
            Self::Inference(reason) => match DeviceFault::behind(reason) {
                Some(DeviceFault::Memory) => (ErrorClass::Memory, "device-memory"),
                Some(DeviceFault::Other) => (ErrorClass::Device, "device-failed"),
                None => (ErrorClass::Bug, "inference-failed"),
            },
            Self::Malformed { .. }
            | Self::Weights(_)
            | Self::UnknownArchitecture { .. }
            | Self::Tokenizer { .. }
            | Self::Vocabulary { .. }
            | Self::Field { .. }
            | Self::Tensor { .. } => (ErrorClass::BadInput, "model-malformed"),
        }
    }

    /// The failure as that of a stage.
    #[must_use]
    pub fn in_stage(&self, stage: StageName) -> StageError {
        let (class, code) = self.class_and_code();
        StageError::new(stage, class, code, self.to_string())
    }
}
