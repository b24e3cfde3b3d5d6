//! The errors of segmentation.

use std::io;

use models::ModelError;
use stage_core::{Artifact, ErrorClass, SpeechSegments, StageError, StageName};

/// Name of the stage.
pub(crate) const NAME: StageName = SpeechSegments::NAME.stage();

#[derive(Debug, thiserror::Error)]
pub(crate) enum SegmentError {
    #[error("{name} is {value}: {low} to {high} is expected")]
    Setting { name: &'static str, value: f64, low: f64, high: f64 },
    #[error("the voice activity detector's model: {0}")]
    Model(ModelError),
    #[error("the voice activity detector failed: {0}")]
    Inference(ModelError),
    #[error("decoded samples cannot be read back: {0}")]
    Samples(#[from] io::Error),
}

impl From<SegmentError> for StageError {
    fn from(error: SegmentError) -> Self {
        let (class, code) = match &error {
            SegmentError::Setting { .. } => (ErrorClass::BadInput, "segment-setting"),
            SegmentError::Model(_) => (ErrorClass::BadInput, "vad-model"),
            SegmentError::Inference(_) => (ErrorClass::Bug, "vad-inference"),
            SegmentError::Samples(_) => (ErrorClass::Transient, "samples-unreadable"),
        };
        Self::new(NAME, class, code, error.to_string())
    }
}
