//! The errors of segmentation.

use std::io;

use models::ModelError;
use stage_core::{Artifact, ErrorClass, ErrorCode, PipelineError, SpeechSegments, StageName};

/// Name of the stage.
pub(crate) const NAME: StageName = SpeechSegments::NAME.stage();

#[derive(Debug, thiserror::Error)]
pub(crate) enum SegmentError {
    #[error("{name} is {value:?}: {} to {high} is expected", bound(*low))]
    Setting { name: &'static str, value: f64, low: f64, high: f64 },
    #[error("the model of the voice activity detector cannot be used")]
    Model(#[source] ModelError),
    #[error("the voice activity detector failed")]
    Inference(#[source] ModelError),
    #[error("decoded samples cannot be read back")]
    Samples(#[from] io::Error),
}

/// The smallest positive number stands for "more than 0".
fn bound(low: f64) -> String {
    if low == f64::MIN_POSITIVE { "more than 0".to_owned() } else { low.to_string() }
}

impl From<SegmentError> for PipelineError {
    fn from(error: SegmentError) -> Self {
        let (class, code) = match &error {
            SegmentError::Setting { .. } => (ErrorClass::BadInput, ErrorCode::BadSetting),
            SegmentError::Model(model) | SegmentError::Inference(model) => model.class_and_code(),
            SegmentError::Samples(error) => return Self::samples_unreadable(NAME, error),
        };
        Self::of(NAME, class, code, &error)
    }
}
