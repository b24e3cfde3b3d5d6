//! The errors of alignment.

use std::io;

use stage_core::{AlignedWords, Artifact, ErrorClass, StageError, StageName};

use crate::model::AlignFault;

/// Name of the stage.
pub(crate) const NAME: StageName = AlignedWords::NAME.stage();

impl From<AlignFault> for StageError {
    fn from(error: AlignFault) -> Self {
        match error {
            AlignFault::Model(error) => error.in_stage(NAME),
            AlignFault::Samples(error) => StageFault::from(error).into(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum StageFault {
    #[error("the transcript names channel {channel}, but the recording has {channels} channels")]
    NoSuchChannel { channel: u16, channels: usize },
    #[error("decoded samples cannot be read back: {0}")]
    Samples(#[from] io::Error),
}

impl From<StageFault> for StageError {
    fn from(error: StageFault) -> Self {
        let (class, code) = match &error {
            StageFault::NoSuchChannel { .. } => (ErrorClass::Bug, "no-such-channel"),
            StageFault::Samples(_) => (ErrorClass::Transient, "samples-unreadable"),
        };
        Self::new(NAME, class, code, error.to_string())
    }
}
