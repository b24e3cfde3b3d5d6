//! The decoder's output as one stream: reads packets from the demuxer, decodes them and applies the timeline.
//!
//! Both readers of a recording use it: the stage, which resamples, and [`crate::native`], which does not. So they share
//! all rules about delay, padding, edits, gaps and damage.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use stage_core::{DecodeWarning, WarningKind};
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use crate::codec::{PacketDecoder, PacketError, Spec};
use crate::error::{DecodeError, ends_early};
use crate::input::InputFile;
use crate::source::Source;
use crate::timeline::{Piece, TrimRules, frames_of};

/// Longer jumps of the time stamps are damage, not pauses.
const GAP_S_MAX: u64 = 12 * 3_600;
/// Number of consecutive demuxer errors that ends the recording.
const DEMUX_ERRORS_MAX: u32 = 16;
/// Maximum length of a block of silence, in frames.
const SILENCE_FRAMES: u64 = 1 << 14;

/// Consecutive frames of the recording at its own rate.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) spec: Spec,
    /// Offset of the first frame in the recording.
    pub(crate) first_frame: u64,
    /// Interleaved, finite samples.
    pub(crate) samples: &'a [f32],
}

/// Facts that are known at the end of the stream.
pub(crate) struct Ended {
    pub(crate) source: Source,
    pub(crate) spec: Spec,
    /// Frames removed at the start and at the end.
    pub(crate) trimmed: (u64, u64),
    /// Problems that did not stop the decoder.
    pub(crate) warnings: Vec<DecodeWarning>,
}

/// A recording that is being decoded.
pub(crate) struct Stream {
    file: Arc<InputFile>,
    source: Source,
    decoder: Box<dyn PacketDecoder>,
    timing: TrimRules,
    /// Known from the first decoded packet on, because a container may state a wrong rate or number of channels.
    spec: Option<Spec>,
    /// Frames of silence for damaged packets before the first decoded packet.
    early_silence: u64,
    /// Samples of the last decoded packet.
    samples: Vec<f32>,
    zeros: Vec<f32>,
    /// Pieces to return before the next packet is read.
    ready: VecDeque<Ready>,
    /// Number of frames returned so far.
    given: u64,
    errors_in_a_row: u32,
    ended: bool,
    /// A time stamp, and the number of decoded frames before it.
    anchor: Option<Timestamp>,
    anchor_frames: u64,
    /// Frames trimmed in earlier links of a chained stream.
    trimmed: (u64, u64),
    counts: Counts,
    warnings: Vec<DecodeWarning>,
}

enum Ready {
    /// Number of frames of silence.
    Silence(u64),
    /// A range of `samples`.
    Samples(Range<usize>),
}

#[derive(Default)]
struct Counts {
    packets: u64,
    bad: u64,
    bad_reason: String,
    gaps: u64,
    gap_frames: u64,
    not_finite: u64,
    /// Number of frames in the last good packet.
    packet_frames: u64,
    /// Number of frames of the decoder's output, including the silence that replaces damaged and missing packets.
    decoded_frames: u64,
}

impl Stream {
    /// Opens the stream at the start of a file.
    ///
    /// # Errors
    /// The header shows that the file cannot be decoded.
    pub(crate) fn open(file: &Arc<InputFile>) -> Result<Self, DecodeError> {
        let source = file.unless_changed(Source::open(file))?;
        Ok(Self {
            file: Arc::clone(file),
            decoder: source.codec.open(&source.track, &source.params)?,
            timing: source.timing()?,
            source,
            spec: None,
            early_silence: 0,
            samples: Vec::new(),
            zeros: Vec::new(),
            ready: VecDeque::new(),
            given: 0,
            errors_in_a_row: 0,
            ended: false,
            anchor: None,
            anchor_frames: 0,
            trimmed: (0, 0),
            counts: Counts::default(),
            warnings: Vec::new(),
        })
    }

    /// Returns the next frames, or `None` at the end of the recording.
    ///
    /// # Errors
    /// The file cannot be read, has changed, or cannot be decoded.
    pub(crate) fn next(&mut self) -> Result<Option<Block<'_>>, DecodeError> {
        while self.ready.is_empty() && !self.ended {
            let step = self.step();
            self.file.unless_changed(step)?;
        }
        let (Some(ready), Some(spec)) = (self.ready.pop_front(), self.spec) else { return Ok(None) };
        let samples = match ready {
            Ready::Samples(range) => &self.samples[range],
            Ready::Silence(frames) => {
                let now = frames.min(SILENCE_FRAMES);
                if frames > now {
                    self.ready.push_front(Ready::Silence(frames - now));
                }
                self.zeros.resize(now as usize * spec.channels, 0.0);
                &self.zeros[..]
            }
        };
        let first_frame = self.given;
        self.given += (samples.len() / spec.channels) as u64;
        Ok(Some(Block { spec, first_frame, samples }))
    }

    /// Closes the stream, after [`Stream::next`] has returned `None`.
    ///
    /// # Errors
    /// More than half of the packets could not be decoded, or rate and channels are unknown.
    pub(crate) fn end(mut self) -> Result<Ended, DecodeError> {
        let Counts { packets, bad, .. } = self.counts;
        let (Some(spec), true) = (self.spec.or_else(|| self.declared_spec()), bad * 2 <= packets) else {
            let reason = std::mem::take(&mut self.counts.bad_reason);
            return Err(DecodeError::Undecodable { bad, total: packets, reason });
        };
        self.warn(spec);
        let (start, end) = self.timing.timeline.trimmed();
        let trimmed = (self.trimmed.0 + start, self.trimmed.1 + end);
        Ok(Ended { source: self.source, spec, trimmed, warnings: self.warnings })
    }

    /// Reads one packet, or reaches the end.
    fn step(&mut self) -> Result<(), DecodeError> {
        match self.source.reader.next_packet() {
            Ok(Some(packet)) => {
                self.errors_in_a_row = 0;
                if packet.track_id == self.source.track.id {
                    self.packet(&packet)?;
                }
            }
            Ok(None) => self.ended = true,
            Err(SymphoniaError::IoError(error)) if ends_early(&error) => {
                if !self.source.is_open_ended() && self.source.promised_frames().is_none() {
                    let at = self.time_s();
                    self.warnings.push(DecodeWarning::new(
                        WarningKind::Incomplete,
                        format!("the file ends in the middle of a packet, at {at:.3} s"),
                    ));
                }
                self.ended = true;
            }
            Err(SymphoniaError::IoError(error)) => return Err(DecodeError::Read(error)),
            Err(SymphoniaError::ResetRequired) => self.ended = !self.next_link()?,
            Err(error) => {
                if self.errors_in_a_row == 0 {
                    self.warnings.push(DecodeWarning::new(
                        WarningKind::Damaged,
                        format!("the container is damaged at {:.3} s: {error}", self.time_s()),
                    ));
                }
                self.errors_in_a_row += 1;
                self.ended = self.errors_in_a_row >= DEMUX_ERRORS_MAX;
            }
        }
        Ok(())
    }

    /// Continues with the next link of a chained stream. Returns false if its rate or channels differ.
    fn next_link(&mut self) -> Result<bool, DecodeError> {
        self.source.reselect()?;
        let params = &self.source.params;
        let spec = params
            .sample_rate
            .zip(params.channels.as_ref())
            .map(|(rate_hz, channels)| Spec { rate_hz, channels: channels.count() });
        if let (Some(before), Some(spec)) = (self.spec, spec)
            && before != spec
        {
            let (at, Spec { rate_hz, channels }) = (self.time_s(), spec);
            self.warnings.push(DecodeWarning::new(
                WarningKind::LeftOut,
                format!("from {at:.3} s on the stream has {channels} channels at {rate_hz} Hz: that part was left out"),
            ));
            return Ok(false);
        }
        let (start, end) = self.timing.timeline.trimmed();
        self.trimmed = (self.trimmed.0 + start, self.trimmed.1 + end);
        self.decoder = self.source.codec.open(&self.source.track, params)?;
        self.timing = self.source.timing()?;
        (self.anchor, self.anchor_frames) = (None, self.counts.decoded_frames);
        Ok(true)
    }

    fn packet(&mut self, packet: &Packet) -> Result<(), DecodeError> {
        self.fill_gap(packet.pts);
        let index = self.counts.packets;
        self.counts.packets += 1;
        match self.decoder.decode(packet, &mut self.samples) {
            Ok(spec) => self.good_packet(packet, index, spec),
            Err(PacketError::Damaged(reason)) => self.bad_packet(packet, reason),
            Err(PacketError::Track(error)) => return Err(error),
        }
        Ok(())
    }

    fn good_packet(&mut self, packet: &Packet, index: u64, spec: Spec) {
        if spec.channels == 0 || spec.rate_hz == 0 {
            return self.bad_packet(packet, "it has no channels".to_owned());
        }
        if self.spec.is_none() {
            self.spec = Some(spec);
            let early = std::mem::take(&mut self.early_silence);
            self.silence(early);
        }
        if self.spec != Some(spec) {
            return self.bad_packet(packet, "rate or channels change in mid-stream".to_owned());
        }
        let frames = self.samples.len() / spec.channels;
        self.counts.packet_frames = frames as u64;
        self.counts.decoded_frames += frames as u64;
        let padding = self.timing.padding.get(&index).copied().unwrap_or(0);
        let trim = |ticks: Duration| self.frames_of(ticks).min(frames as u64) as usize;
        let from = trim(packet.trim_start);
        let to = frames.saturating_sub(trim(packet.trim_end)).saturating_sub(padding as usize).max(from);
        self.timing.timeline.count_trimmed((frames - (to - from)) as u64);
        self.play(from..to, spec.channels);
    }

    /// Replaces a packet that could not be decoded with silence, so that later times stay correct.
    fn bad_packet(&mut self, packet: &Packet, reason: String) {
        self.counts.bad += 1;
        self.counts.bad_reason = reason;
        let stated = self.frames_of(packet.block_dur());
        let frames = if stated > 0 { stated } else { self.counts.packet_frames };
        self.silence(frames.min(GAP_S_MAX * u64::from(self.rate_hz())));
    }

    /// Number of media frames since the anchor.
    const fn link_frames(&self) -> u64 {
        self.counts.decoded_frames - self.anchor_frames
    }

    /// Inserts silence for packets that were never stored (a muted sender, a lost packet), if time stamps show a gap.
    fn fill_gap(&mut self, pts: Timestamp) {
        let Some(gap_ms) = self.timing.gap_ms else { return };
        let Some(anchor) = self.anchor.filter(|_| self.link_frames() > 0) else {
            self.anchor = Some(pts);
            return;
        };
        let elapsed = pts.duration_from(anchor).unwrap_or(Duration::ZERO);
        let missing = self.frames_of(elapsed).saturating_sub(self.link_frames());
        let rate = u64::from(self.rate_hz());
        if missing * 1_000 <= gap_ms * rate {
            return;
        }
        if missing > GAP_S_MAX * rate {
            self.warnings.push(DecodeWarning::new(
                WarningKind::Gap,
                format!("the time stamps jump by {} s at {:.3} s", missing / rate, self.time_s()),
            ));
            (self.anchor, self.anchor_frames) = (Some(pts), self.counts.decoded_frames);
            return;
        }
        self.counts.gaps += 1;
        self.counts.gap_frames += missing;
        self.silence(missing);
    }

    /// Adds frames of silence to the media timeline.
    fn silence(&mut self, frames: u64) {
        if self.spec.is_none() {
            self.early_silence += frames;
            return;
        }
        self.counts.decoded_frames += frames;
        for piece in self.timing.timeline.advance(frames as usize) {
            let frames = match piece {
                Piece::Silence(frames) => frames,
                Piece::Frames(range) => range.len() as u64,
            };
            self.make_ready(Ready::Silence(frames));
        }
    }

    /// Queues those of the given frames of the last packet that the timeline keeps. NaN and infinity become silence.
    fn play(&mut self, frames: Range<usize>, channels: usize) {
        for piece in self.timing.timeline.advance(frames.len()) {
            match piece {
                Piece::Silence(frames) => self.make_ready(Ready::Silence(frames)),
                Piece::Frames(kept) => {
                    let range = (frames.start + kept.start) * channels..(frames.start + kept.end) * channels;
                    for sample in self.samples[range.clone()].iter_mut().filter(|sample| !sample.is_finite()) {
                        *sample = 0.0;
                        self.counts.not_finite += 1;
                    }
                    self.make_ready(Ready::Samples(range));
                }
            }
        }
    }

    fn make_ready(&mut self, ready: Ready) {
        let is_empty = match &ready {
            Ready::Silence(frames) => *frames == 0,
            Ready::Samples(range) => range.is_empty(),
        };
        if !is_empty {
            self.ready.push_back(ready);
        }
    }

    fn warn(&mut self, spec: Spec) {
        let seconds = |frames: u64| frames as f64 / f64::from(spec.rate_hz);
        let Counts { packets, bad, bad_reason, gaps, gap_frames, not_finite, decoded_frames, .. } = &self.counts;
        if *bad > 0 {
            self.warnings.push(DecodeWarning::new(
                WarningKind::Damaged,
                format!("{bad} of {packets} packets could not be decoded and are silence ({bad_reason})"),
            ));
        }
        if *gaps > 0 {
            let length = seconds(*gap_frames);
            self.warnings.push(DecodeWarning::new(
                WarningKind::Gap,
                format!("{gaps} gaps in the time stamps, {length:.3} s in all, are silence"),
            ));
        }
        if *not_finite > 0 {
            self.warnings.push(DecodeWarning::new(
                WarningKind::Damaged,
                format!("{not_finite} samples are not finite and are silence"),
            ));
        }
        if let Some(promised) = self.source.promised_frames().filter(|promised| promised > decoded_frames) {
            let (promised, found) = (seconds(promised), seconds(*decoded_frames));
            self.warnings.push(DecodeWarning::new(
                WarningKind::Incomplete,
                format!("the header promises {promised:.3} s, the file holds {found:.3} s"),
            ));
        }
    }

    /// Rate and channels that the container states, for a recording without a packet.
    fn declared_spec(&self) -> Option<Spec> {
        let params = &self.source.params;
        let (rate_hz, channels) = params.sample_rate.zip(params.channels.as_ref())?;
        (self.counts.packets == 0 && channels.count() > 0).then(|| Spec { rate_hz, channels: channels.count() })
    }

    fn rate_hz(&self) -> u32 {
        self.spec.map_or(self.source.params.sample_rate.unwrap_or(0), |spec| spec.rate_hz)
    }

    /// Converts a duration in the track's time base to frames.
    fn frames_of(&self, ticks: Duration) -> u64 {
        frames_of(ticks, self.source.track.time_base, self.rate_hz())
    }

    fn time_s(&self) -> f64 {
        self.counts.decoded_frames as f64 / f64::from(self.rate_hz().max(1))
    }
}
