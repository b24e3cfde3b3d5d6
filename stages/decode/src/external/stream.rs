//! The decoder's output of all audio tracks of a file, their channels side by side.

use std::sync::Arc;

use stage_core::{DecodeWarning, ExternalDecoder, WarningKind};

use super::arguments;
use super::ffmpeg::Ffmpeg;
use super::messages::Messages;
use super::process::{Process, ProcessError};
use super::track::{Counts, OpenError, TrackStream};
use crate::codec::Spec;
use crate::config::DecodeLimits;
use crate::error::DecodeError;
use crate::input::InputFile;
use crate::program::Block;

/// Most frames of a block.
const BLOCK_FRAMES: u64 = 1 << 14;

/// How a file is decoded: known after its packets were listed, and the same in every pass.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(super) program: Arc<Ffmpeg>,
    /// ffmpeg's name of the format, if the bytes of the file do not show it.
    pub(super) format: Option<&'static str>,
    pub(super) tracks: Vec<PlannedTrack>,
    /// Rate to which the tracks are converted, if they have different rates.
    pub(super) rate_hz: Option<u32>,
    pub(super) limits: DecodeLimits,
}

/// One track that is decoded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PlannedTrack {
    /// Its number among the audio tracks, from 0.
    pub(super) index: usize,
    /// A decoder that is better than the one that ffmpeg chooses.
    pub(super) decoder: Option<&'static str>,
    /// Length in seconds, if every packet of the codec has the same length.
    pub(super) exact_s: Option<f64>,
}

impl Plan {
    /// A plan without tracks.
    pub(super) fn new(program: &Arc<Ffmpeg>, format: Option<&'static str>, limits: DecodeLimits) -> Self {
        Self { program: Arc::clone(program), format, tracks: Vec::new(), rate_hz: None, limits }
    }

    fn arguments(&self, track: &PlannedTrack) -> Vec<String> {
        arguments::decode(self.format, track, self.rate_hz)
    }

    /// The record of the program and its arguments. Each track has a run of its own; their arguments follow each other.
    pub(super) fn provenance(&self) -> ExternalDecoder {
        ExternalDecoder {
            path: self.program.path.to_string_lossy().into_owned(),
            version: self.program.version.clone(),
            arguments: self.tracks.iter().flat_map(|track| self.arguments(track)).collect(),
        }
    }
}

/// A file that ffmpeg decodes.
pub(crate) struct ExternalStream {
    file: Arc<InputFile>,
    tracks: Vec<TrackStream>,
    spec: Spec,
    samples: Vec<f32>,
    given: u64,
}

/// Facts about a decoded track.
pub(super) struct DecodedTrack {
    pub(super) spec: Spec,
    pub(super) counts: Counts,
    pub(super) messages: Messages,
    pub(super) succeeded: bool,
}

impl DecodedTrack {
    /// Length of the sound, in seconds.
    pub(super) fn decoded_s(&self) -> f64 {
        self.counts.decoded as f64 / f64::from(self.spec.rate_hz)
    }
}

impl ExternalStream {
    /// Starts ffmpeg once per track. A track that cannot be decoded leaves the plan, with a warning.
    ///
    /// # Errors
    /// No track can be decoded, or the tracks do not fit each other.
    pub(super) fn open(
        file: &Arc<InputFile>,
        plan: &mut Plan,
        warnings: &mut Vec<DecodeWarning>,
    ) -> Result<Self, DecodeError> {
        let (mut tracks, mut failed) = (Vec::new(), None);
        for planned in std::mem::take(&mut plan.tracks) {
            let handle = file.handle().map_err(DecodeError::Read)?;
            let (process, frames) = Process::start(&plan.program, &plan.arguments(&planned), handle)
                .map_err(|error| failure(plan, &error))?;
            match TrackStream::open(process, frames, planned.exact_s, &plan.limits) {
                Ok(track) => {
                    tracks.push(track);
                    plan.tracks.push(planned);
                }
                Err(OpenError::Process(error)) => return Err(failure(plan, &error)),
                Err(OpenError::NoSamples(messages)) => {
                    let reason = messages.reason().unwrap_or("it has no samples").to_owned();
                    let message = format!("audio track {} was left out: {reason}", planned.index + 1);
                    warnings.push(DecodeWarning::new(WarningKind::LeftOut, message));
                    failed.get_or_insert(reason);
                }
            }
        }
        let Some(first) = tracks.first() else {
            let reason = failed.unwrap_or_else(|| "there is no audio track".to_owned());
            return Err(failure(plan, &ProcessError::Failed(reason)));
        };
        let rate_hz = first.spec().rate_hz;
        if tracks.iter().any(|track| track.spec().rate_hz != rate_hz) {
            return Err(failure(plan, &ProcessError::Failed("its tracks have different rates".to_owned())));
        }
        let channels = tracks.iter().map(|track| track.spec().channels).sum();
        plan.limits.check_channels(channels)?;
        let file = Arc::clone(file);
        Ok(Self { file, tracks, spec: Spec { rate_hz, channels }, samples: Vec::new(), given: 0 })
    }

    /// Starts the decoding of an earlier pass again.
    ///
    /// # Errors
    /// As in the first pass, which did not fail.
    pub(crate) fn reopen(file: &Arc<InputFile>, plan: &Plan) -> Result<Self, DecodeError> {
        let mut warnings = Vec::new();
        let stream = Self::open(file, &mut plan.clone(), &mut warnings)?;
        if warnings.is_empty() { Ok(stream) } else { Err(DecodeError::OtherOutput) }
    }

    pub(crate) const fn spec(&self) -> Spec {
        self.spec
    }

    /// The next frames, or `None` at the end of the longest track.
    ///
    /// # Errors
    /// ffmpeg fails, or the file has changed.
    pub(crate) fn next(&mut self, plan: &Plan) -> Result<Option<Block<'_>>, DecodeError> {
        let mut frames = None::<u64>;
        for track in &mut self.tracks {
            let available = track.available().map_err(|error| failure(plan, &error))?;
            if available > 0 {
                frames = Some(frames.map_or(available, |frames| frames.min(available)));
            }
        }
        let Some(frames) = frames.map(|frames| frames.min(BLOCK_FRAMES)) else {
            self.file.check_all()?;
            return Ok(None);
        };
        let stride = self.spec.channels;
        self.samples.clear();
        self.samples.resize(frames as usize * stride, 0.0);
        let mut channel = 0;
        for track in &mut self.tracks {
            track.take(frames as usize, &mut self.samples, channel, stride);
            channel += track.spec().channels;
        }
        let first_frame = self.given;
        self.given += frames;
        plan.limits.check_length(self.given, self.spec.rate_hz, stride)?;
        Ok(Some(Block { spec: self.spec, first_frame, samples: &self.samples }))
    }

    /// The tracks, after the end.
    pub(super) fn finish(self) -> Vec<DecodedTrack> {
        let decoded = |track: TrackStream| {
            let (spec, counts) = (track.spec(), track.counts);
            let (messages, succeeded) =
                track.end.map_or((Messages::default(), true), |end| (end.messages, end.succeeded));
            DecodedTrack { spec, counts, messages, succeeded }
        };
        self.tracks.into_iter().map(decoded).collect()
    }
}

/// The error of a run.
pub(super) fn failure(plan: &Plan, error: &ProcessError) -> DecodeError {
    DecodeError::External {
        program: plan.program.path.display().to_string(),
        reason: stage_core::full_message(error),
        is_transient: error.is_transient(),
    }
}
