//! What can go wrong in alignment.

use std::io;

use stage_core::{ErrorClass, StageError, StageKind};

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
        Self::new(StageKind::Align, class, code, error.to_string())
    }
}
