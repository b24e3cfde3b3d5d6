//! Decodes Opus packets to PCM at 48 kHz with ropus, a fixed-point port of libopus whose output is the same on all
//! CPUs.

use ropus::{OpusDecoder as Mono, OpusMSDecoder as Multistream};
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::formats::Track;
use symphonia::core::packet::Packet;

use super::{Codec, PacketDecoder, PacketError, Spec};
use crate::error::DecodeError;

const RATE_HZ: u32 = 48_000;
/// Samples per channel in the longest packet: 120 ms.
const PACKET_FRAMES: usize = 5_760;
/// Offsets of the fields of the identification header (RFC 7845, 5.1).
const VERSION_AT: usize = 8;
const PRE_SKIP_AT: usize = 10;
const CHANNELS_AT: usize = 9;
const GAIN_AT: usize = 16;
const FAMILY_AT: usize = 18;
const STREAMS_AT: usize = 19;
const COUPLED_AT: usize = 20;
const MAPPING_AT: usize = 21;

/// Opus orders channels as Vorbis does (RFC 7845, 5.1.1.2). These are the orders of wav and flac for 3 to 8 channels.
const WAVE_ORDER: [&[usize]; 6] = [
    &[0, 2, 1],
    &[0, 1, 2, 3],
    &[0, 2, 1, 3, 4],
    &[0, 2, 1, 5, 3, 4],
    &[0, 2, 1, 6, 5, 3, 4],
    &[0, 2, 1, 7, 5, 6, 3, 4],
];

/// Opus, which symphonia does not decode.
pub(super) struct Opus;

impl Codec for Opus {
    fn decodes(&self, params: &AudioCodecParameters) -> bool {
        params.codec == CODEC_ID_OPUS
    }

    fn name(&self, _params: &AudioCodecParameters) -> String {
        "opus".to_owned()
    }

    fn delay_frames(&self, params: &AudioCodecParameters, big_endian: bool) -> Option<u64> {
        params.extra_data.as_deref().map(|head| pre_skip(head, big_endian))
    }

    fn level_tag(&self, params: &AudioCodecParameters) -> Option<(String, String)> {
        let gain_db = output_gain_db(params.extra_data.as_deref()?);
        (gain_db != 0.0).then(|| ("OPUS_OUTPUT_GAIN_DB".to_owned(), format!("{gain_db:.2}")))
    }

    fn open(&self, _track: &Track, params: &AudioCodecParameters) -> Result<Box<dyn PacketDecoder>, DecodeError> {
        Ok(Box::new(OpusDecoder::new(params)?))
    }
}

/// A decoder of one or two channels in a single stream, or of several streams (channel mapping families 1 and 255).
struct OpusDecoder {
    streams: Streams,
    channels: usize,
    /// Factor from the header's output gain, which a decoder must apply (RFC 7845, 5.1).
    gain: f32,
    pcm: Vec<i16>,
}

enum Streams {
    Single(Box<Mono>),
    Multi(Box<Multistream>),
}

impl OpusDecoder {
    fn new(params: &AudioCodecParameters) -> Result<Self, DecodeError> {
        let damaged = |_| DecodeError::DamagedContainer("its Opus header is invalid");
        let head = params.extra_data.as_deref().unwrap_or_default();
        let channels = head.get(CHANNELS_AT).map_or_else(
            || params.channels.as_ref().map_or(1, symphonia::core::audio::Channels::count),
            |&channels| usize::from(channels),
        );
        let family = head.get(FAMILY_AT).copied().unwrap_or(0);
        let streams = match (family, channels) {
            (0, 1 | 2) => Mono::new(RATE_HZ as i32, channels as i32).map(Box::new).map(Streams::Single),
            (1 | 255, 1..) => {
                let mapping = head
                    .get(MAPPING_AT..MAPPING_AT + channels)
                    .ok_or(DecodeError::DamagedContainer("its Opus header is cut short"))?;
                let order = channels.checked_sub(3).and_then(|more| WAVE_ORDER.get(more)).filter(|_| family == 1);
                let mapping =
                    order.map_or_else(|| mapping.to_vec(), |order| order.iter().map(|&i| mapping[i]).collect());
                let (streams, coupled) = (i32::from(head[STREAMS_AT]), i32::from(head[COUPLED_AT]));
                Multistream::new(RATE_HZ as i32, channels as i32, streams, coupled, &mapping)
                    .map(Box::new)
                    .map(Streams::Multi)
            }
            _ => {
                return Err(DecodeError::UnsupportedProfile(format!(
                    "Opus with {channels} channels in mapping family {family}"
                )));
            }
        };
        let gain = 10_f32.powf(output_gain_db(head) / 20.0);
        Ok(Self { streams: streams.map_err(damaged)?, channels, gain, pcm: vec![0; PACKET_FRAMES * channels] })
    }
}

impl PacketDecoder for OpusDecoder {
    fn decode(&mut self, packet: &Packet, samples: &mut Vec<f32>) -> Result<Spec, PacketError> {
        let packet = &packet.data[..];
        if packet.is_empty() {
            return Err(PacketError::Damaged("opus: empty packet".to_owned()));
        }
        let decoded = match &mut self.streams {
            Streams::Single(decoder) => decoder.decode(Some(packet), &mut self.pcm, PACKET_FRAMES as i32, false),
            Streams::Multi(decoder) => {
                decoder.decode(Some(packet), packet.len() as i32, &mut self.pcm, PACKET_FRAMES as i32, false)
            }
        };
        let frames = decoded.map_err(|_| PacketError::Damaged("opus: corrupt packet".to_owned()))?;
        samples.clear();
        samples
            .extend(self.pcm[..frames as usize * self.channels].iter().map(|&s| f32::from(s) / 32_768.0 * self.gain));
        Ok(Spec { rate_hz: RATE_HZ, channels: self.channels })
    }
}

/// Gain in dB that the header asks for. The field has the byte order of the container: version 0 is that of MP4.
fn output_gain_db(head: &[u8]) -> f32 {
    let Some(&[low, high]) = head.get(GAIN_AT..GAIN_AT + 2) else { return 0.0 };
    let is_mp4 = head.get(VERSION_AT) == Some(&0);
    let gain = if is_mp4 { i16::from_be_bytes([low, high]) } else { i16::from_le_bytes([low, high]) };
    f32::from(gain) / 256.0
}

/// Frames to skip at the start, as an Opus identification header states them (48 kHz). `big_endian` means that the
/// header is the `dOps` box of MP4.
fn pre_skip(head: &[u8], big_endian: bool) -> u64 {
    let Some(&[low, high]) = head.get(PRE_SKIP_AT..PRE_SKIP_AT + 2) else { return 0 };
    u64::from(if big_endian { u16::from_be_bytes([low, high]) } else { u16::from_le_bytes([low, high]) })
}
