//! The errors of alignment.

use std::io;

use stage_core::{AlignedWords, Artifact, ErrorCode, PipelineError, StageName};

use crate::model::AlignFault;

/// Name of the stage.
pub(crate) const NAME: StageName = AlignedWords::NAME.stage();

impl From<AlignFault> for PipelineError {
    fn from(error: AlignFault) -> Self {
        match error {
            AlignFault::Model(error) => error.in_stage(NAME),
            AlignFault::Samples(error) => Self::samples_unreadable(NAME, &error),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum StageFault {
    #[error("the transcript names channel {channel}, but the recording has {channels} channels")]
    NoSuchChannel { channel: u16, channels: usize },
    #[error("decoded samples cannot be read back")]
    Samples(#[from] io::Error),
}

impl From<StageFault> for PipelineError {
    fn from(error: StageFault) -> Self {
        match error {
            StageFault::NoSuchChannel { .. } => Self::bug(NAME, ErrorCode::NoSuchChannel, error.to_string()),
            StageFault::Samples(error) => Self::samples_unreadable(NAME, &error),
        }
    }
}
