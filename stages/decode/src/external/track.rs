//! One audio track as ffmpeg decodes it: an AU stream of big-endian f32, and the time stamp of each decoded frame.
//!
//! Where the decoder gives nothing for an interval, because a packet is damaged or was never stored, the interval is
//! silence, so that later times stay correct. Nothing is ever removed because of a time stamp.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::messages::{Frame, Messages};
use super::process::{Process, ProcessError};
use crate::codec::Spec;
use crate::config::DecodeLimits;
use crate::stream::is_plausible;

/// Bytes of the header that are used: magic, offset of the samples, size, encoding, rate, channels.
const HEADER_BYTES: usize = 24;
/// The encoding of f32.
const FLOAT: u32 = 6;
/// More bytes before the samples are not an AU header of ffmpeg.
const OFFSET_MAX: usize = 1 << 16;
const SAMPLE_BYTES: usize = 4;
/// Jumps of the time stamps up to this are rounding. A frame of AMR is longer.
const JUMP_MS_MAX: u64 = 15;
/// As [`JUMP_MS_MAX`] for the first time stamp, which may be that of the first packet that gives samples. Not for codecs
/// whose packets all give samples.
const START_MS_MAX: u64 = 100;
/// ffmpeg writes the time stamp of a frame before its samples.
const STAMP_MAX: Duration = Duration::from_secs(5);

/// What is left when a track has ended.
pub(super) struct TrackEnd {
    pub(super) messages: Messages,
    pub(super) succeeded: bool,
}

/// Counts of a track, in frames of samples unless stated otherwise.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    /// Frames of sound.
    pub(super) decoded: u64,
    /// Frames of silence before the first one, because the track starts later than others.
    pub(super) late: u64,
    /// Frames of silence for jumps of the time stamps, and at the end.
    pub(super) silent: u64,
    /// Number of these intervals.
    pub(super) jumps: u64,
    /// Number of jumps that were ignored, because they are too long.
    pub(super) ignored: u64,
    /// Number of frames of the codec.
    pub(super) codec_frames: u64,
    /// Samples that are not numbers of any level and are silence.
    pub(super) not_finite: u64,
}

/// A track that is being decoded.
pub(super) struct TrackStream {
    process: Option<Process>,
    stamps: Stamps,
    spec: Spec,
    /// Bytes of the pipe that are less than a frame of samples.
    rest: Vec<u8>,
    /// Decoded samples, interleaved, from `used` on.
    samples: Vec<f32>,
    used: usize,
    /// Silence before the next sample.
    silence: u64,
    /// Length in seconds, if every packet gives samples of the same length.
    exact_s: Option<f64>,
    limits: DecodeLimits,
    /// Frames of samples until the next time stamp.
    until_stamp: u64,
    pub(super) counts: Counts,
    pub(super) end: Option<TrackEnd>,
}

/// Why a track cannot be opened.
pub(super) enum OpenError {
    Process(ProcessError),
    /// It ended before the first sample.
    NoSamples(Messages),
}

impl From<ProcessError> for OpenError {
    fn from(error: ProcessError) -> Self {
        Self::Process(error)
    }
}

impl TrackStream {
    /// Waits for the header of the stream.
    ///
    /// # Errors
    /// ffmpeg fails, or the track has no samples.
    pub(super) fn open(
        mut process: Process,
        frames: Receiver<Frame>,
        exact_s: Option<f64>,
        limits: &DecodeLimits,
    ) -> Result<Self, OpenError> {
        let mut bytes = Vec::new();
        let (spec, offset) = loop {
            if let Some(found) = header(&bytes).filter(|(_, offset)| bytes.len() > *offset) {
                break found;
            }
            match process.next_chunk()? {
                Some(chunk) if bytes.len() < OFFSET_MAX + HEADER_BYTES => bytes.extend(chunk),
                Some(_) => return Err(ProcessError::Failed("its output is not an AU stream".to_owned()).into()),
                None => return Err(OpenError::NoSamples(process.finish()?.0)),
            }
        };
        let mut track = Self {
            process: Some(process),
            stamps: Stamps { frames: Some(frames), offset: 0 },
            spec,
            rest: Vec::new(),
            samples: Vec::new(),
            used: 0,
            silence: 0,
            exact_s,
            limits: limits.clone(),
            until_stamp: 0,
            counts: Counts::default(),
            end: None,
        };
        track.push(bytes.split_off(offset));
        Ok(track)
    }

    pub(super) const fn spec(&self) -> Spec {
        self.spec
    }

    /// Number of frames that are ready, after waiting for the first one. 0 at the end of the track.
    pub(super) fn available(&mut self) -> Result<u64, ProcessError> {
        loop {
            if self.silence > 0 {
                return Ok(self.silence);
            }
            let ready = ((self.samples.len() - self.used) / self.spec.channels) as u64;
            match (ready, self.until_stamp) {
                (0, _) => {
                    if !self.read()? && !self.fill_end() {
                        return Ok(0);
                    }
                }
                (_, 0) => self.next_stamp(),
                _ => return Ok(ready.min(self.until_stamp)),
            }
        }
    }

    /// Writes the next `frames` frames, of which no more than [`Self::available`] are there, into `output`, whose frames
    /// have `stride` samples and are silent: from `channel` on. A track that has ended stays silent.
    pub(super) fn take(&mut self, frames: usize, output: &mut [f32], channel: usize, stride: usize) {
        if self.silence > 0 {
            self.silence -= (frames as u64).min(self.silence);
            return;
        }
        let channels = self.spec.channels;
        let taken = &self.samples[self.used..(self.used + frames * channels).min(self.samples.len())];
        for (frame, to) in taken.chunks_exact(channels).zip(output.chunks_exact_mut(stride)) {
            to[channel..channel + channels].copy_from_slice(frame);
        }
        self.used += taken.len();
        let taken = (taken.len() / channels) as u64;
        self.counts.decoded += taken;
        self.until_stamp -= taken.min(self.until_stamp);
    }

    /// Reads from the pipe, or finishes the process at its end. Returns whether there is more of the track.
    fn read(&mut self) -> Result<bool, ProcessError> {
        self.samples.clear();
        self.used = 0;
        let Some(process) = &mut self.process else { return Ok(false) };
        match process.next_chunk()? {
            Some(chunk) => self.push(chunk),
            None => {
                if let Some(process) = self.process.take() {
                    let (messages, succeeded) = process.finish()?;
                    self.end = Some(TrackEnd { messages, succeeded });
                }
            }
        }
        Ok(self.process.is_some())
    }

    /// Adds bytes of the pipe. Samples are added in whole frames.
    fn push(&mut self, chunk: Vec<u8>) {
        let bytes = if self.rest.is_empty() { chunk } else { [std::mem::take(&mut self.rest), chunk].concat() };
        let whole = bytes.len() - bytes.len() % (SAMPLE_BYTES * self.spec.channels);
        for sample in bytes[..whole].as_chunks::<SAMPLE_BYTES>().0 {
            let sample = f32::from_be_bytes(*sample);
            let is_plausible = is_plausible(sample);
            self.counts.not_finite += u64::from(!is_plausible);
            self.samples.push(if is_plausible { sample } else { 0.0 });
        }
        self.rest = bytes[whole..].to_vec();
    }

    /// Takes the time stamp of the next frame of the codec, and adds silence if it jumps.
    fn next_stamp(&mut self) {
        let Some(frame) = self.stamps.next(self.spec.rate_hz) else {
            self.until_stamp = u64::MAX;
            return;
        };
        self.counts.codec_frames += 1;
        self.until_stamp = frame.samples;
        let Some(stamp) = frame.stamp else { return };
        let at = self.position() as i64;
        let jump = stamp.saturating_add(self.stamps.offset).saturating_sub(at);
        let is_first = self.counts.codec_frames == 1;
        let limit_ms = if is_first && self.exact_s.is_none() { START_MS_MAX } else { JUMP_MS_MAX };
        let limit = (limit_ms * u64::from(self.spec.rate_hz) / 1_000) as i64;
        if jump > limit && self.add_silence(jump as u64) {
            if is_first {
                self.counts.late = std::mem::take(&mut self.counts.silent);
                self.counts.jumps = 0;
            }
        } else if jump > limit || jump < -limit || is_first {
            // From here on, stamps count from this one.
            self.counts.ignored += u64::from(jump > limit);
            self.stamps.offset = at.saturating_sub(stamp);
        }
    }

    /// Number of frames so far.
    const fn position(&self) -> u64 {
        self.counts.decoded + self.counts.late + self.counts.silent
    }

    /// Adds silence. Returns false, and adds none, if it is too long.
    fn add_silence(&mut self, frames: u64) -> bool {
        let most = self.limits.max_gap_frames(self.spec.rate_hz, self.counts.decoded);
        let is_bounded = (self.counts.late + self.counts.silent).saturating_add(frames) <= most;
        if is_bounded {
            self.silence += frames;
            self.counts.silent += frames;
            self.counts.jumps += 1;
        }
        is_bounded
    }

    /// Adds silence for packets at the end that gave no samples. Returns whether there are such.
    fn fill_end(&mut self) -> bool {
        let Some(exact_s) = self.exact_s.take() else { return false };
        let length = (exact_s * f64::from(self.spec.rate_hz)).round() as u64;
        let missing = length.saturating_sub(self.position() - self.counts.late);
        missing > 0 && self.add_silence(missing)
    }
}

/// The time stamps of a track.
struct Stamps {
    /// `None` after they no longer agree with the samples: those follow each other then.
    frames: Option<Receiver<Frame>>,
    /// Number of frames by which the stamps are behind the samples.
    offset: i64,
}

impl Stamps {
    fn next(&mut self, rate_hz: u32) -> Option<Frame> {
        let frame = match self.frames.as_ref()?.recv_timeout(STAMP_MAX) {
            Ok(frame) => Some(frame).filter(|frame| frame.rate_hz == rate_hz),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        };
        if frame.is_none() {
            self.frames = None;
        }
        frame
    }
}

/// Rate and channels of an AU stream of f32, and the offset of its samples; `None` if they are not known yet.
fn header(bytes: &[u8]) -> Option<(Spec, usize)> {
    let word = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    if bytes.len() < HEADER_BYTES || !bytes.starts_with(b".snd") || word(12)? != FLOAT {
        return None;
    }
    let spec = Spec { rate_hz: word(16)?, channels: word(20)? as usize };
    let offset = word(4)? as usize;
    let is_valid = spec.rate_hz > 0 && spec.channels > 0 && (HEADER_BYTES..=OFFSET_MAX).contains(&offset);
    is_valid.then_some((spec, offset))
}
