//! The errors of diarization.

use std::io;

use models::ModelError;
use stage_core::{Artifact, PipelineError, Speakers, StageName};

/// Name of the stage.
pub(crate) const NAME: StageName = Speakers::NAME.stage();

#[derive(Debug, thiserror::Error)]
pub(crate) enum DiarizeError {
    #[error("the speaker encoder cannot be used")]
    Model(#[from] ModelError),
    #[error("decoded samples cannot be read back")]
    Samples(#[from] io::Error),
}

impl From<DiarizeError> for PipelineError {
    fn from(error: DiarizeError) -> Self {
        match &error {
            DiarizeError::Model(model) => {
                let (class, code) = model.class_and_code();
                Self::of(NAME, class, code, &error)
            }
            DiarizeError::Samples(error) => Self::samples_unreadable(NAME, error),
        }
    }
}
