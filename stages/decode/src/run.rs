//! The pass over a recording: packet by packet from the demuxer through decoder and timeline into the sink.

use std::path::Path;

use stage_core::{PcmSource, Recording};
use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use crate::codec::sbr::SbrDetector;
use crate::codec::{self, PacketDecoder, Spec};
use crate::error::{DecodeError, ends_early};
use crate::sink::{Collected, Sink};
use crate::source::{Source, Timing};
use crate::timeline::Piece;
use crate::{DecodeConfig, Decoded};

/// A jump longer than this is damage, not a pause.
const GAP_S_MAX: u64 = 12 * 3_600;
/// So many errors of the demuxer in a row end the recording.
const DEMUX_ERRORS_MAX: u32 = 16;

/// Decodes a whole recording.
pub(crate) fn decode(path: &Path, config: &DecodeConfig) -> Result<Decoded, DecodeError> {
    let source = Source::open(path)?;
    let mut pass = Pass {
        decoder: PacketDecoder::new(&source.params)?,
        timing: source.timing()?,
        sbr: (source.params.codec == CODEC_ID_AAC).then(SbrDetector::default),
        source,
        config,
        sink: None,
        early_silence: 0,
        samples: Vec::new(),
        anchor: None,
        anchor_frames: 0,
        trimmed: (0, 0),
        counts: Counts::default(),
        warnings: Vec::new(),
    };
    pass.run()?;
    pass.finish()
}

struct Pass<'a> {
    source: Source,
    decoder: PacketDecoder,
    timing: Timing,
    sbr: Option<SbrDetector>,
    config: &'a DecodeConfig,
    /// Made with the first decoded packet, which alone tells rate and channels for certain.
    sink: Option<Sink>,
    /// Frames of silence for bad packets that came before that.
    early_silence: u64,
    samples: Vec<f32>,
    /// A time stamp, and the number of decoded frames before it.
    anchor: Option<Timestamp>,
    anchor_frames: u64,
    /// Frames trimmed in earlier links of a chained stream.
    trimmed: (u64, u64),
    counts: Counts,
    warnings: Vec<String>,
}

#[derive(Default)]
struct Counts {
    packets: u64,
    bad: u64,
    bad_reason: String,
    gaps: u64,
    gap_frames: u64,
    /// Frames of the last good packet.
    packet_frames: u64,
    /// Frames that came out of the decoder, or stand for what did not.
    decoded_frames: u64,
}

impl Pass<'_> {
    fn run(&mut self) -> Result<(), DecodeError> {
        let mut errors_in_a_row = 0;
        while errors_in_a_row < DEMUX_ERRORS_MAX {
            match self.source.reader.next_packet() {
                Ok(Some(packet)) => {
                    errors_in_a_row = 0;
                    if packet.track_id == self.source.track.id {
                        self.packet(&packet)?;
                    }
                }
                Ok(None) => return Ok(()),
                Err(SymphoniaError::IoError(error)) if ends_early(&error) => {
                    if !self.source.is_open_ended() && self.source.promised_frames().is_none() {
                        let at = self.time_s();
                        self.warnings.push(format!("the file ends in the middle of a packet, at {at:.3} s"));
                    }
                    return Ok(());
                }
                Err(SymphoniaError::IoError(error)) => return Err(DecodeError::Read(error)),
                Err(SymphoniaError::ResetRequired) => {
                    if !self.next_link()? {
                        return Ok(());
                    }
                }
                Err(error) => {
                    if errors_in_a_row == 0 {
                        self.warnings.push(format!("the container is damaged at {:.3} s: {error}", self.time_s()));
                    }
                    errors_in_a_row += 1;
                }
            }
        }
        Ok(())
    }

    /// Goes on with the next link of a chained stream. False where it differs in rate or channels.
    fn next_link(&mut self) -> Result<bool, DecodeError> {
        self.source.reselect()?;
        let params = &self.source.params;
        let spec = params
            .sample_rate
            .zip(params.channels.as_ref())
            .map(|(rate_hz, channels)| Spec { rate_hz, channels: channels.count() });
        if let (Some(sink), Some(spec)) = (&self.sink, spec)
            && sink.spec() != spec
        {
            let (at, Spec { rate_hz, channels }) = (self.time_s(), spec);
            self.warnings.push(format!(
                "from {at:.3} s on the stream has {channels} channels at {rate_hz} Hz: that part was left out"
            ));
            return Ok(false);
        }
        let (start, end) = self.timing.timeline.trimmed();
        self.trimmed = (self.trimmed.0 + start, self.trimmed.1 + end);
        self.decoder = PacketDecoder::new(params)?;
        self.timing = self.source.timing()?;
        (self.anchor, self.anchor_frames) = (None, self.counts.decoded_frames);
        Ok(true)
    }

    fn packet(&mut self, packet: &Packet) -> Result<(), DecodeError> {
        self.fill_gap(packet.pts)?;
        let index = self.counts.packets;
        self.counts.packets += 1;
        let mut samples = std::mem::take(&mut self.samples);
        match self.decoder.decode(packet, &mut samples) {
            Ok(spec) => self.good_packet(packet, index, spec, &mut samples)?,
            Err(error) => self.bad_packet(packet, error.to_string())?,
        }
        self.samples = samples;
        Ok(())
    }

    fn good_packet(&mut self, packet: &Packet, index: u64, spec: Spec, samples: &mut [f32]) -> Result<(), DecodeError> {
        if spec.channels == 0 || spec.rate_hz == 0 {
            return self.bad_packet(packet, "it has no channels".to_owned());
        }
        if self.sink.is_none() {
            self.sink = Some(Sink::new(spec, self.config)?);
            let early = std::mem::take(&mut self.early_silence);
            self.silence(early)?;
        }
        if self.sink.as_ref().is_some_and(|sink| sink.spec() != spec) {
            return self.bad_packet(packet, "rate or channels change in mid-stream".to_owned());
        }
        let frames = samples.len() / spec.channels;
        self.look_for_sbr(packet, frames as u64)?;
        self.counts.packet_frames = frames as u64;
        self.counts.decoded_frames += frames as u64;
        let padding = self.timing.padding.get(&index).copied().unwrap_or(0);
        let trim = |ticks: Duration| self.frames_of(ticks).min(frames as u64) as usize;
        let from = trim(packet.trim_start);
        let to = frames.saturating_sub(trim(packet.trim_end)).saturating_sub(padding as usize).max(from);
        self.timing.timeline.count_trimmed((frames - (to - from)) as u64);
        self.play(&mut samples[from * spec.channels..to * spec.channels], spec.channels)
    }

    /// Silence stands for a packet that could not be decoded, so that times behind it stay true.
    fn bad_packet(&mut self, packet: &Packet, reason: String) -> Result<(), DecodeError> {
        self.counts.bad += 1;
        self.counts.bad_reason = reason;
        let stated = self.frames_of(packet.block_dur());
        let frames = if stated > 0 { stated } else { self.counts.packet_frames };
        self.silence(frames.min(GAP_S_MAX * u64::from(self.rate_hz())))
    }

    /// Media frames since the anchor.
    const fn link_frames(&self) -> u64 {
        self.counts.decoded_frames - self.anchor_frames
    }

    /// Silence for packets that were never stored (a muted sender, a lost packet), where time stamps tell.
    fn fill_gap(&mut self, pts: Timestamp) -> Result<(), DecodeError> {
        let Some(gap_ms) = self.timing.gap_ms else { return Ok(()) };
        let Some(anchor) = self.anchor.filter(|_| self.link_frames() > 0) else {
            self.anchor = Some(pts);
            return Ok(());
        };
        let elapsed = pts.duration_from(anchor).unwrap_or(Duration::ZERO);
        let missing = self.frames_of(elapsed).saturating_sub(self.link_frames());
        let rate = u64::from(self.rate_hz());
        if missing * 1_000 <= gap_ms * rate {
            return Ok(());
        }
        if missing > GAP_S_MAX * rate {
            self.warnings.push(format!("the time stamps jump by {} s at {:.3} s", missing / rate, self.time_s()));
            (self.anchor, self.anchor_frames) = (Some(pts), self.counts.decoded_frames);
            return Ok(());
        }
        self.counts.gaps += 1;
        self.counts.gap_frames += missing;
        self.silence(missing)
    }

    fn look_for_sbr(&mut self, packet: &Packet, frames: u64) -> Result<(), DecodeError> {
        let doubled = frames > 0 && self.frames_of(packet.block_dur()) == 2 * frames;
        let Some(sbr) = &mut self.sbr else { return Ok(()) };
        sbr.look(&packet.data, doubled);
        if sbr.found() {
            return Err(DecodeError::UnsupportedProfile(
                "HE-AAC (spectral band replication, which its header does not announce)".to_owned(),
            ));
        }
        Ok(())
    }

    /// Frames of silence on the media timeline.
    fn silence(&mut self, frames: u64) -> Result<(), DecodeError> {
        let Some(sink) = &mut self.sink else {
            self.early_silence += frames;
            return Ok(());
        };
        self.counts.decoded_frames += frames;
        for piece in self.timing.timeline.advance(frames as usize) {
            match piece {
                Piece::Silence(frames) => sink.push_silence(frames)?,
                Piece::Frames(range) => sink.push_silence(range.len() as u64)?,
            }
        }
        Ok(())
    }

    /// Sends what the timeline keeps of a block to the sink.
    fn play(&mut self, samples: &mut [f32], channels: usize) -> Result<(), DecodeError> {
        let Some(sink) = &mut self.sink else { return Ok(()) };
        for piece in self.timing.timeline.advance(samples.len() / channels) {
            match piece {
                Piece::Silence(frames) => sink.push_silence(frames)?,
                Piece::Frames(range) => sink.push(&mut samples[range.start * channels..range.end * channels])?,
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Decoded, DecodeError> {
        let Counts { packets, bad, .. } = self.counts;
        let spec = self.sink.as_ref().map_or_else(|| self.declared_spec(), |sink| Some(sink.spec()));
        let (Some(spec), true) = (spec, bad * 2 <= packets) else {
            let reason = std::mem::take(&mut self.counts.bad_reason);
            return Err(DecodeError::Undecodable { bad, total: packets, reason });
        };
        let sink = match self.sink.take() {
            Some(sink) => sink,
            None => Sink::new(spec, self.config)?,
        };
        let Collected { pcm, pcm_sha256, source_frames, not_finite } = sink.finish()?;
        self.warn(spec, not_finite);
        let (start, end) = self.timing.timeline.trimmed();
        let recording = Recording {
            container: self.source.container().to_owned(),
            codec: codec::name(&self.source.params),
            sample_rate_hz: spec.rate_hz,
            channels: spec.channels as u16,
            duration_s: source_frames as f64 / f64::from(spec.rate_hz),
            pcm_sha256,
            pcm: PcmSource {
                source_frames,
                frames: pcm.frames(),
                trimmed_start_frames: self.trimmed.0 + start,
                trimmed_end_frames: self.trimmed.1 + end,
            },
            tags: self.source.tags,
            warnings: self.warnings,
        };
        Ok(Decoded { recording, pcm })
    }

    fn warn(&mut self, spec: Spec, not_finite: u64) {
        let seconds = |frames: u64| frames as f64 / f64::from(spec.rate_hz);
        let Counts { packets, bad, bad_reason, gaps, gap_frames, decoded_frames, .. } = &self.counts;
        if *bad > 0 {
            self.warnings.push(format!(
                "{bad} of {packets} packets could not be decoded, silence stands for them ({bad_reason})"
            ));
        }
        if *gaps > 0 {
            let length = seconds(*gap_frames);
            self.warnings.push(format!("{gaps} gaps in the time stamps, {length:.3} s in all, are silence"));
        }
        if not_finite > 0 {
            self.warnings.push(format!("{not_finite} samples are not finite, silence stands for them"));
        }
        if let Some(promised) = self.source.promised_frames().filter(|promised| promised > decoded_frames) {
            let (promised, found) = (seconds(promised), seconds(*decoded_frames));
            self.warnings.push(format!("the header promises {promised:.3} s, the file holds {found:.3} s"));
        }
    }

    /// Rate and channels as the container states them, for a recording without a packet.
    fn declared_spec(&self) -> Option<Spec> {
        let params = &self.source.params;
        let (rate_hz, channels) = params.sample_rate.zip(params.channels.as_ref())?;
        (self.counts.packets == 0 && channels.count() > 0).then(|| Spec { rate_hz, channels: channels.count() })
    }

    fn rate_hz(&self) -> u32 {
        self.sink.as_ref().map_or(self.source.params.sample_rate.unwrap_or(0), |sink| sink.spec().rate_hz)
    }

    /// A duration in the track's time base, in frames.
    fn frames_of(&self, ticks: Duration) -> u64 {
        let Some(base) = self.source.track.time_base else { return 0 };
        let (numer, denom) = (u128::from(base.numer.get()), u128::from(base.denom.get()));
        let frames = (u128::from(ticks.get()) * numer * u128::from(self.rate_hz()) + denom / 2) / denom;
        u64::try_from(frames).unwrap_or(u64::MAX)
    }

    fn time_s(&self) -> f64 {
        self.counts.decoded_frames as f64 / f64::from(self.rate_hz().max(1))
    }
}
