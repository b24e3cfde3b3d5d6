//! What can go wrong in alignment.

use std::io;
use std::path::PathBuf;

use nn::ModelFileError;
use stage_core::{ErrorClass, StageError};

use crate::stage::NAME;

use crate::model::HearError;

/// Why an alignment model cannot be used. Every variant names the file or the model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file of the model is missing, cannot be read or is malformed, or the hub did not give it.
    #[error(transparent)]
    File(#[from] ModelFileError),
    /// A field has a value that is not supported.
    #[error("{path}: {field} is {value}: {expected}")]
    Field {
        /// The file.
        path: PathBuf,
        /// The field's name.
        field: &'static str,
        /// Its value.
        value: String,
        /// What would do.
        expected: &'static str,
    },
    /// A tensor is missing or its shape contradicts the configuration: weights and configuration are not of one model.
    #[error("{model}: the weights do not fit config.json: {reason}")]
    Tensor {
        /// The model's name.
        model: String,
        /// What candle said; it names the tensor.
        reason: Box<candle_core::Error>,
    },
}

impl From<ModelError> for StageError {
    fn from(error: ModelError) -> Self {
        let (class, code) = match &error {
            ModelError::File(file) => file.class_and_code(),
            ModelError::Field { .. } | ModelError::Tensor { .. } => (ErrorClass::BadInput, "model-malformed"),
        };
        Self::new(NAME, class, code, error.to_string())
    }
}

impl From<HearError> for StageError {
    fn from(error: HearError) -> Self {
        match error {
            HearError::Model(error) => error.into(),
            HearError::Samples(error) => AlignError::from(error).into(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum AlignError {
    #[error("the transcript speaks of channel {channel}, the recording has {channels}")]
    NoSuchChannel { channel: u16, channels: usize },
    #[error("decoded samples cannot be read back: {0}")]
    Samples(#[from] io::Error),
}

impl From<AlignError> for StageError {
    fn from(error: AlignError) -> Self {
        let (class, code) = match &error {
            AlignError::NoSuchChannel { .. } => (ErrorClass::Bug, "no-such-channel"),
            AlignError::Samples(_) => (ErrorClass::Transient, "samples-unreadable"),
        };
        Self::new(NAME, class, code, error.to_string())
    }
}
