//! One track as a stream of frames: reads packets from the demuxer, decodes them and applies the timeline.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use stage_core::{DecodeWarning, WarningKind};
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use crate::codec::{PacketDecoder, PacketError, Spec};
use crate::config::DecodeLimits;
use crate::container::Part;
use crate::demux::{DemuxError, Demuxer};
use crate::error::{DecodeError, ends_early};
use crate::input::InputFile;
use crate::source::{AudioSource, Opened, RATES_HZ, open_demuxer};
use crate::timeline::{Piece, TrimRules, frames_of};

/// Number of consecutive demuxer errors that ends the track.
const DEMUX_ERRORS_MAX: u32 = 16;
/// Number of packets in a row that are behind the end of a file with several tracks, after which it has ended.
const MISSING_PACKETS_MAX: u32 = 1 << 20;
/// Maximum length of a block of silence, in frames.
const SILENCE_FRAMES: u64 = 1 << 14;

/// Larger samples (120 dB above full scale) are damage. Some programs write the numbers of 16-bit samples as floats.
const SAMPLE_MAX: f32 = 1e6;

/// Consecutive frames of a track at its own rate.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) spec: Spec,
    /// Interleaved, finite samples.
    pub(crate) samples: &'a [f32],
}

/// Facts that are known at the end of a track.
pub(crate) struct Ended {
    /// Frames removed at the start and at the end.
    pub(crate) trimmed: (u64, u64),
    pub(crate) counts: Counts,
    /// Problems that did not stop the decoder.
    pub(crate) warnings: Vec<DecodeWarning>,
}

/// A track that is being decoded.
pub(crate) struct Stream {
    file: Arc<InputFile>,
    demuxer: Box<dyn Demuxer>,
    audio: AudioSource,
    decoder: Box<dyn PacketDecoder>,
    timing: TrimRules,
    limits: DecodeLimits,
    promised_frames: Option<u64>,
    has_other_tracks: bool,
    /// Whether the scan of the container says if the last packet is cut.
    cut_is_known: bool,
    /// Known from the first decoded packet on, because a container may state a wrong rate or number of channels.
    spec: Option<Spec>,
    /// Frames of silence for damaged packets before the first decoded packet.
    early_silence: u64,
    /// Samples of the last decoded packet.
    samples: Vec<f32>,
    zeros: Vec<f32>,
    /// Pieces to return before the next packet is read.
    ready: VecDeque<Ready>,
    errors_in_a_row: u32,
    missing_in_a_row: u32,
    ended: bool,
    /// A time stamp, and the number of decoded frames before it.
    anchor: Option<Timestamp>,
    anchor_frames: u64,
    counts: Counts,
    warnings: Vec<DecodeWarning>,
}

enum Ready {
    /// Number of frames of silence.
    Silence(u64),
    /// A range of `samples`.
    Samples(Range<usize>),
}

/// What was read from a track.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counts {
    /// Packets of this track, those that could not be decoded, and why the last of them could not.
    pub(crate) packets: u64,
    pub(crate) bad: u64,
    pub(crate) bad_reason: String,
    /// Bytes of this track's packets.
    pub(crate) bytes: u64,
    /// Bytes of the packets of all tracks, and the number of packets of each.
    pub(crate) demuxed_bytes: u64,
    pub(crate) demuxed_packets: BTreeMap<u32, u64>,
    /// Size of the largest packet of all tracks, in bytes.
    pub(crate) largest_packet: u64,
    gaps: u64,
    first_gap_at: u64,
    gap_frames: u64,
    /// Jumps of the time stamps that are beyond the limit, and their length in frames.
    jumps: u64,
    jump_frames: u64,
    /// Silence that replaces packets that could not be decoded, in frames.
    bad_frames: u64,
    not_finite: u64,
    /// Number of frames in the last good packet.
    packet_frames: u64,
    /// Number of frames of the decoder's output, including the silence that replaces damaged and missing packets.
    pub(crate) decoded_frames: u64,
}

impl Stream {
    /// Opens a track at its start.
    ///
    /// # Errors
    /// The header shows that the track cannot be decoded.
    pub(crate) fn open(
        file: &Arc<InputFile>,
        part: &Part,
        audio: &AudioSource,
        tags: &BTreeMap<String, String>,
        limits: &DecodeLimits,
    ) -> Result<Self, DecodeError> {
        let Opened { demuxer, tracks, .. } = open_demuxer(file, part)?;
        Ok(Self {
            file: Arc::clone(file),
            demuxer,
            decoder: audio.codec.open(&audio.track, &audio.params)?,
            timing: audio.timing(part, tags)?,
            limits: limits.clone(),
            promised_frames: audio.promised_frames(part),
            has_other_tracks: tracks.len() > 1,
            cut_is_known: part.cut_is_known,
            audio: audio.clone(),
            spec: None,
            early_silence: 0,
            samples: Vec::new(),
            zeros: Vec::new(),
            ready: VecDeque::new(),
            errors_in_a_row: 0,
            missing_in_a_row: 0,
            ended: false,
            anchor: None,
            anchor_frames: 0,
            counts: Counts::default(),
            warnings: Vec::new(),
        })
    }

    /// Returns the next frames, or `None` at the end of the track.
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
        Ok(Some(Block { spec, samples }))
    }

    /// Closes the track, after [`Stream::next`] has returned `None`.
    pub(crate) fn end(mut self) -> Ended {
        self.warn();
        Ended { trimmed: self.timing.timeline.trimmed(), counts: self.counts, warnings: self.warnings }
    }

    /// Rate and channels of the decoded packets, or as the container states them if there was none.
    pub(crate) fn spec(&self) -> Option<Spec> {
        let params = &self.audio.params;
        let declared = || {
            let (rate_hz, channels) = params.sample_rate.zip(params.channels.as_ref())?;
            (channels.count() > 0).then(|| Spec { rate_hz, channels: channels.count() })
        };
        self.spec.or_else(declared)
    }

    /// Reads one packet, or reaches the end.
    fn step(&mut self) -> Result<(), DecodeError> {
        match self.demuxer.next_packet() {
            Ok(Some(packet)) => {
                (self.errors_in_a_row, self.missing_in_a_row) = (0, 0);
                let len = packet.data.len() as u64;
                self.counts.demuxed_bytes += len;
                *self.counts.demuxed_packets.entry(packet.track_id).or_default() += 1;
                self.counts.largest_packet = self.counts.largest_packet.max(len);
                if packet.track_id == self.audio.track.id {
                    self.counts.bytes += len;
                    self.packet(&packet)?;
                }
            }
            Ok(None) => self.ended = true,
            Err(DemuxError::Fatal(error)) => return Err(error),
            Err(DemuxError::Symphonia(error)) => self.demux_error(error)?,
        }
        Ok(())
    }

    fn demux_error(&mut self, error: SymphoniaError) -> Result<(), DecodeError> {
        let at = self.time_s();
        match error {
            // Packets of other tracks may precede the end of the file.
            SymphoniaError::IoError(error) if ends_early(&error) => {
                if self.missing_in_a_row == 0 && self.promised_frames.is_none() && !self.cut_is_known {
                    let message = format!("the file ends in the middle of a packet, at {at:.3} s");
                    self.warnings.push(DecodeWarning::new(WarningKind::Incomplete, message));
                }
                self.missing_in_a_row += 1;
                self.ended = !self.has_other_tracks || self.missing_in_a_row > MISSING_PACKETS_MAX;
            }
            SymphoniaError::IoError(error) => return Err(DecodeError::Read(error)),
            SymphoniaError::ResetRequired => {
                let message = format!("from {at:.3} s on the stream has other tracks, which were left out");
                self.warnings.push(DecodeWarning::new(WarningKind::LeftOut, message));
                self.ended = true;
            }
            error => {
                if self.errors_in_a_row == 0 {
                    let message = format!("the container is damaged at {at:.3} s: {error}");
                    self.warnings.push(DecodeWarning::new(WarningKind::Damaged, message));
                }
                self.errors_in_a_row += 1;
                self.ended = self.errors_in_a_row >= DEMUX_ERRORS_MAX;
            }
        }
        Ok(())
    }

    fn packet(&mut self, packet: &Packet) -> Result<(), DecodeError> {
        self.fill_gap(packet.pts);
        let index = self.counts.packets;
        self.counts.packets += 1;
        match self.decoder.decode(packet, &mut self.samples) {
            Ok(spec) => self.good_packet(packet, index, spec)?,
            Err(PacketError::Damaged(reason)) => self.bad_packet(packet, reason),
            Err(PacketError::Track(error)) => return Err(error),
        }
        Ok(())
    }

    fn good_packet(&mut self, packet: &Packet, index: u64, spec: Spec) -> Result<(), DecodeError> {
        if spec.channels == 0 || !RATES_HZ.contains(&spec.rate_hz) {
            self.bad_packet(packet, format!("it has {} channels at {} Hz", spec.channels, spec.rate_hz));
            return Ok(());
        }
        if self.spec.is_none() {
            self.limits.check_channels(spec.channels)?;
            self.spec = Some(spec);
            let early = std::mem::take(&mut self.early_silence);
            self.silence(early);
        }
        if self.spec != Some(spec) {
            self.bad_packet(packet, "rate or channels change in mid-stream".to_owned());
            return Ok(());
        }
        let frames = self.samples.len() / spec.channels;
        self.counts.packet_frames = frames as u64;
        self.counts.decoded_frames += frames as u64;
        self.limits.check_length(self.counts.decoded_frames, spec.rate_hz, spec.channels)?;
        let padding = self.timing.padding.get(&index).copied().unwrap_or(0);
        let trim = |ticks: Duration| self.frames_of(ticks).min(frames as u64) as usize;
        let from = trim(packet.trim_start);
        let to = frames.saturating_sub(trim(packet.trim_end)).saturating_sub(padding as usize).max(from);
        self.timing.timeline.count_trimmed((frames - (to - from)) as u64);
        self.play(from..to, spec.channels);
        Ok(())
    }

    /// Replaces a packet that could not be decoded with silence, so that later times stay correct.
    fn bad_packet(&mut self, packet: &Packet, reason: String) {
        self.counts.bad += 1;
        self.counts.bad_reason = reason;
        let stated = self.frames_of(packet.block_dur());
        let frames = if stated > 0 { stated } else { self.counts.packet_frames };
        let frames = frames.min(self.gap_frames_left());
        self.counts.bad_frames += frames;
        self.silence(frames);
    }

    /// Number of frames of silence that may still be inserted.
    fn gap_frames_left(&self) -> u64 {
        let Counts { decoded_frames, gap_frames, bad_frames, .. } = self.counts;
        let silence = gap_frames + bad_frames;
        let sound = decoded_frames.saturating_sub(silence);
        self.limits.max_gap_frames(self.rate_hz(), sound).saturating_sub(silence)
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
        if missing > self.gap_frames_left() {
            self.counts.jumps += 1;
            self.counts.jump_frames = self.counts.jump_frames.saturating_add(missing);
            (self.anchor, self.anchor_frames) = (Some(pts), self.counts.decoded_frames);
            return;
        }
        if self.counts.gaps == 0 {
            self.counts.first_gap_at = self.counts.decoded_frames;
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

    /// Queues those of the given frames of the last packet that the timeline keeps. NaN, infinity and samples beyond any
    /// level become silence.
    fn play(&mut self, frames: Range<usize>, channels: usize) {
        for piece in self.timing.timeline.advance(frames.len()) {
            match piece {
                Piece::Silence(frames) => self.make_ready(Ready::Silence(frames)),
                Piece::Frames(kept) => {
                    let range = (frames.start + kept.start) * channels..(frames.start + kept.end) * channels;
                    for sample in self.samples[range.clone()].iter_mut().filter(|sample| !is_plausible(**sample)) {
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

    fn warn(&mut self) {
        let rate_hz = self.rate_hz().max(1);
        let seconds = |frames: u64| frames as f64 / f64::from(rate_hz);
        let Counts { packets, bad, bad_reason, gaps, gap_frames, not_finite, decoded_frames, .. } = &self.counts;
        let (start, end) = self.timing.timeline.trimmed();
        let most = (2 * self.counts.packet_frames).max(u64::from(rate_hz) / 10);
        let mut warn = |kind, message| self.warnings.push(DecodeWarning::new(kind, message));
        if start.max(end) > most {
            let (start, end) = (seconds(start), seconds(end));
            let message = format!("{start:.3} s at the start and {end:.3} s behind it are marked as not to be played");
            warn(WarningKind::LeftOut, message);
        }
        if *bad > 0 {
            let message = format!("{bad} of {packets} packets could not be decoded and are silence ({bad_reason})");
            warn(WarningKind::Damaged, message);
        }
        if *gaps > 0 {
            let (length, first_gap_s) = (seconds(*gap_frames), seconds(self.counts.first_gap_at));
            warn(
                WarningKind::Gap,
                format!(
                    "{gaps} gaps in the time stamps, the first at {first_gap_s:.3} s, {length:.3} s in all, are silence"
                ),
            );
        }
        if self.counts.jumps > 0 {
            let (jumps, length) = (self.counts.jumps, seconds(self.counts.jump_frames));
            let message = format!(
                "{jumps} further jumps of the time stamps, {length:.3} s in all, are more than max_gap_s allows: no \
                 silence stands for them, and later times are earlier than the time stamps"
            );
            warn(WarningKind::Gap, message);
        }
        if *not_finite > 0 {
            warn(WarningKind::Damaged, format!("{not_finite} samples are not numbers of any level and are silence"));
        }
        // Two frames are the rounding of times.
        if let Some(promised) = self.promised_frames.filter(|&promised| promised > decoded_frames + 2) {
            let (promised, found) = (seconds(promised), seconds(*decoded_frames));
            let message = format!("the header promises {promised:.3} s, the file holds {found:.3} s");
            warn(WarningKind::Incomplete, message);
        }
    }

    fn rate_hz(&self) -> u32 {
        self.spec.map_or(self.audio.params.sample_rate.unwrap_or(0), |spec| spec.rate_hz)
    }

    /// Converts a duration in the track's time base to frames.
    fn frames_of(&self, ticks: Duration) -> u64 {
        frames_of(ticks, self.audio.track.time_base, self.rate_hz())
    }

    fn time_s(&self) -> f64 {
        self.counts.decoded_frames as f64 / f64::from(self.rate_hz().max(1))
    }
}

/// Whether a sample is a number that a recording may hold.
pub(crate) fn is_plausible(sample: f32) -> bool {
    sample.abs() <= SAMPLE_MAX
}
