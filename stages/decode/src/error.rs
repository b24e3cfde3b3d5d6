//! Failures of decoding, and their error classes.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fetch::FetchError;
use stage_core::{Artifact, ErrorClass, ErrorCode, PipelineError, Recording, StageName};
use symphonia::core::errors::Error as SymphoniaError;

use crate::external::{Advice, NoFfmpeg};

/// Name of the stage.
pub(crate) const NAME: StageName = Recording::NAME.stage();

/// A failure of the decode stage. Callers outside the crate get it as a [`PipelineError`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("the file is empty (0 bytes)")]
    Empty,
    #[error("the file cannot be opened")]
    Open(#[source] io::Error),
    #[error("the recording cannot be fetched")]
    Fetch(#[from] FetchError),
    #[error("the decoded samples differ from the stored ones: run with --force to compute everything again")]
    PcmChanged,
    #[error("the file cannot be read")]
    Read(#[source] io::Error),
    #[error(
        "the file has other bytes than those that were hashed: it was changed since, or is another file; run again when no \
             program writes to it any more"
    )]
    FileChanged,
    #[error("the file is not in a container that is known")]
    UnknownContainer,
    #[error("the file ends inside the header of its container")]
    TruncatedHeader,
    #[error("the container is damaged: {0}")]
    DamagedContainer(&'static str),
    #[error("the container has no audio track")]
    NoAudioTrack,
    #[error("there is no built-in decoder for {0}")]
    UnsupportedCodec(String),
    #[error("the built-in decoder cannot decode {0} in full")]
    UnsupportedProfile(String),
    #[error("the sound is encrypted ({0}) and cannot be decoded without its key")]
    Encrypted(String),
    #[error("{refusal}; {advice}")]
    Refused { refusal: Box<Self>, advice: Advice },
    #[error("--decoder ffmpeg: {0}; install ffmpeg, or use --decoder auto")]
    NoFfmpeg(NoFfmpeg),
    #[error("ffmpeg ({program}) cannot decode the file: {reason}")]
    External { program: String, reason: String, is_transient: bool },
    #[error("the edit list cannot be followed: {0}")]
    UnsupportedEditList(&'static str),
    #[error("{bad} of {total} packets could not be decoded: {reason}")]
    Undecodable { bad: u64, total: u64, reason: String },
    #[error("no sound could be decoded: {0}")]
    NoSound(String),
    #[error("the recording is beyond a limit: {0}")]
    LimitExceeded(String),
    #[error("samples could not be spilled to disk")]
    Spill(#[source] io::Error),
    #[error("the resampler failed: {0}")]
    Resampler(String),
    #[error("the decoder's output differs between the first and the second pass")]
    OtherOutput,
    #[error("the decoder panicked: {0}")]
    Panicked(String),
}

impl DecodeError {
    /// Class and code.
    fn classify(&self) -> (ErrorClass, ErrorCode) {
        use ErrorClass::{BadInput, Bug, Transient};
        match self {
            Self::Empty => (BadInput, ErrorCode::EmptyFile),
            Self::Open(_) => (BadInput, ErrorCode::UnreadableFile),
            Self::Read(_) | Self::Fetch(FetchError::Interrupted { .. }) => (Transient, ErrorCode::UnreadableFile),
            Self::Fetch(FetchError::Refused { .. }) => (BadInput, ErrorCode::UnreadableFile),
            Self::Fetch(FetchError::Copy(_)) => (Transient, ErrorCode::SpillFailed),
            Self::FileChanged => (BadInput, ErrorCode::FileChanged),
            Self::UnknownContainer => (BadInput, ErrorCode::UnknownContainer),
            Self::PcmChanged => (Bug, ErrorCode::SamplesChanged),
            Self::TruncatedHeader => (BadInput, ErrorCode::TruncatedHeader),
            Self::DamagedContainer(_) => (BadInput, ErrorCode::DamagedContainer),
            Self::NoAudioTrack => (BadInput, ErrorCode::NoAudioTrack),
            Self::UnsupportedCodec(_) | Self::Encrypted(_) => (BadInput, ErrorCode::UnsupportedCodec),
            Self::Refused { refusal, .. } => refusal.classify(),
            Self::NoFfmpeg(_) => (BadInput, ErrorCode::ExternalDecoder),
            Self::External { is_transient: true, .. } => (Transient, ErrorCode::ExternalDecoder),
            Self::External { is_transient: false, .. } => (BadInput, ErrorCode::ExternalDecoder),
            Self::UnsupportedProfile(_) => (BadInput, ErrorCode::UnsupportedProfile),
            Self::UnsupportedEditList(_) => (BadInput, ErrorCode::UnsupportedEditList),
            Self::Undecodable { .. } => (BadInput, ErrorCode::Undecodable),
            Self::NoSound(_) => (BadInput, ErrorCode::Undecodable),
            Self::LimitExceeded(_) => (BadInput, ErrorCode::LimitExceeded),
            Self::Spill(_) => (Transient, ErrorCode::SpillFailed),
            Self::Resampler(_) => (Bug, ErrorCode::ResamplerFailed),
            Self::OtherOutput => (Bug, ErrorCode::SamplesChanged),
            Self::Panicked(_) => (Bug, ErrorCode::Panic),
        }
    }

    /// Whether there is no built-in decoder for the file, so that another one may decode it.
    pub(crate) const fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::UnknownContainer
                | Self::NoAudioTrack
                | Self::UnsupportedCodec(_)
                | Self::UnsupportedProfile(_)
                | Self::UnsupportedEditList(_)
        )
    }

    /// Converts an error of the demuxer from opening the container.
    pub(crate) fn from_open(error: SymphoniaError) -> Self {
        match error {
            SymphoniaError::IoError(error) if ends_early(&error) => Self::TruncatedHeader,
            SymphoniaError::IoError(error) => Self::Read(error),
            SymphoniaError::Unsupported(what)
            | SymphoniaError::DecodeError(what)
            | SymphoniaError::LimitError(what) => Self::DamagedContainer(what),
            // A seek beyond the end of the file, or an error variant that a later symphonia adds.
            _ => Self::DamagedContainer("its tables point outside the file"),
        }
    }
}

/// Whether the error is caused by the file and not by the disk: the file ends too early, or one of its tables points
/// before its start.
pub(crate) fn ends_early(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput)
}

impl From<DecodeError> for PipelineError {
    fn from(error: DecodeError) -> Self {
        let (class, code) = error.classify();
        Self::of(NAME, class, code, &error)
    }
}

/// Runs `work` and turns a panic in a demuxer or decoder into an error, so that a malicious file fails alone.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, DecodeError>) -> Result<T, PipelineError> {
    let reason = |panic: Box<dyn Any + Send>| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
    };
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(DecodeError::Panicked(reason(panic))))
        .map_err(PipelineError::from)
}
