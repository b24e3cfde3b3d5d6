//! Parts that are blocks of a fixed size: PCM, companded PCM, ADPCM and GSM, in wav, aiff, au and raw files.

use std::ops::Range;

use stage_core::WarningKind;
use symphonia::core::audio::{Channels, Position};
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};
use symphonia::core::formats::Track;

use super::{Demux, Part, Payload};
use crate::demux::BlockLayout;
use crate::error::DecodeError;

/// How the samples of a recording are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coding {
    pub(super) codec: AudioCodecId,
    pub(super) rate_hz: u32,
    pub(super) channels: u16,
    /// Bytes that are decoded as a unit: all channels of one frame, or of a group of frames.
    pub(super) block_bytes: u64,
    /// Frames in such a block.
    pub(super) block_frames: u64,
}

impl Coding {
    /// Samples of `sample_bytes` each, one per channel in a block.
    pub(super) fn of_samples(codec: AudioCodecId, rate_hz: u32, channels: u16, sample_bytes: u64) -> Self {
        Self { codec, rate_hz, channels, block_bytes: sample_bytes * u64::from(channels), block_frames: 1 }
    }

    /// The part whose samples are the bytes `data`. A block that is not whole is not decoded.
    ///
    /// # Errors
    /// There are no channels, or a block has no bytes or frames.
    pub(super) fn part(&self, bytes: Range<u64>, data: Range<u64>) -> Result<Part, DecodeError> {
        if self.channels == 0 {
            return Err(DecodeError::DamagedContainer("it states that there are no channels"));
        }
        if self.block_bytes == 0 || self.block_frames == 0 {
            return Err(DecodeError::DamagedContainer("it states that a block of samples is empty"));
        }
        let layout = BlockLayout::new(data.start, data.end - data.start, self.block_bytes, self.block_frames);
        let mut params = AudioCodecParameters::new();
        params
            .for_codec(self.codec)
            .with_sample_rate(self.rate_hz)
            .with_channels(positions(self.channels))
            .with_frames_per_block(self.block_frames)
            .with_max_frames_per_packet(self.block_frames.max(crate::demux::PACKET_FRAMES));
        let mut track = Track::new(0);
        track.with_codec_params(CodecParameters::Audio(params));
        track.with_num_frames(layout.frames());
        let payload = Payload::Bytes(layout.bytes());
        Ok(Part::new(bytes, Demux::Blocks { layout, track: Box::new(track) }, payload))
    }

    /// Compares the number of bytes of samples that the header states with those that were found.
    pub(super) fn compare(&self, part: &mut Part, stated: u64, found: u64) {
        if stated > found {
            part.promised_frames = Some(self.frames(stated));
        } else if stated < found {
            let (stated_s, found_s) = (self.seconds(stated), self.seconds(found));
            part.warn(
                WarningKind::Header,
                format!("the header states {stated_s:.3} s, the file holds {found_s:.3} s: all of it was decoded"),
            );
        }
    }

    fn frames(&self, bytes: u64) -> u64 {
        bytes / self.block_bytes.max(1) * self.block_frames
    }

    fn seconds(&self, bytes: u64) -> f64 {
        self.frames(bytes) as f64 / f64::from(self.rate_hz.max(1))
    }
}

/// Channels in the usual order of their number; without positions if there is none.
pub(super) fn positions(count: u16) -> Channels {
    Position::from_count(u32::from(count)).map_or(Channels::Discrete(count), Channels::Positioned)
}
