//! What can go wrong in segmentation.

use std::io;
use std::path::PathBuf;

use nn::{WeightsError, message};
use stage_core::{ErrorClass, StageError};

use crate::stage::NAME;

#[derive(Debug, thiserror::Error)]
pub(crate) enum SegmentError {
    #[error("{name} is {value}: {low} to {high} is expected")]
    Setting { name: &'static str, value: f64, low: f64, high: f64 },
    #[error("the voice activity detector's model: {0}")]
    Weights(#[from] WeightsError),
    #[error("the voice activity detector's model: {path}: not the 16 kHz Silero VAD v5: {}", message(reason))]
    Tensors { path: PathBuf, reason: candle_core::Error },
    #[error("the voice activity detector failed: {0}")]
    Inference(#[from] candle_core::Error),
    #[error("decoded samples cannot be read back: {0}")]
    Samples(#[from] io::Error),
}

impl From<SegmentError> for StageError {
    fn from(error: SegmentError) -> Self {
        let (class, code) = match &error {
            SegmentError::Setting { .. } => (ErrorClass::BadInput, "segment-setting"),
            SegmentError::Weights(_) | SegmentError::Tensors { .. } => (ErrorClass::BadInput, "vad-model"),
            SegmentError::Inference(_) => (ErrorClass::Bug, "vad-inference"),
            SegmentError::Samples(_) => (ErrorClass::Transient, "samples-unreadable"),
        };
        Self::new(NAME, class, code, error.to_string())
    }
}
