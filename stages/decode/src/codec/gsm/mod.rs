//! GSM 06.10 full rate (ETSI EN 300 961), bit exact: 13 kbit/s, frames of 160 samples at 8 kHz.
//!
//! Two packings are in use. A raw stream has 33 bytes per frame, which begin with the four bits of [`SIGNATURE`] and hold
//! the most significant bit first. WAV files (format tag 0x31, "WAV49") have 65 bytes for two frames, without a
//! signature and with the least significant bit first.

mod frame;
mod synthesis;

use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};
use symphonia::core::common::FourCc;
use symphonia::core::formats::Track;
use symphonia::core::packet::Packet;

use self::frame::{Bits, Frame, Order};
use self::synthesis::Synthesis;
use super::{Codec, PacketDecoder, PacketError, Spec};
use crate::error::DecodeError;

/// GSM 06.10 in frames of 33 bytes, each with its signature.
pub(crate) const CODEC_ID_GSM: AudioCodecId = AudioCodecId::new(FourCc::new(*b"GSM "));
/// GSM 06.10 in blocks of 65 bytes with two frames, as WAV files hold it.
pub(crate) const CODEC_ID_GSM_MS: AudioCodecId = AudioCodecId::new(FourCc::new(*b"GSM1"));

/// Bytes of a frame of a raw stream.
pub(crate) const FRAME_BYTES: usize = 33;
/// Bytes of a block of two frames in a WAV file.
pub(crate) const BLOCK_BYTES: usize = 65;
/// Samples of a frame.
pub(crate) const FRAME_SAMPLES: usize = 160;
/// Sample rate of the codec. A container may state another one.
pub(crate) const RATE_HZ: u32 = 8_000;
/// The first four bits of each frame of a raw stream.
pub(crate) const SIGNATURE: u8 = 0xd;

/// Frames that a file needs to be recognized as a raw stream: 16^16 random files have one such file.
const SURE_FRAMES: usize = 16;
/// Positions within a frame at which every frame of a real stream may have the signature by chance. Other data, such as
/// the silence of raw A-law (0xd5), has it at all 33.
const SIGNED_POSITIONS_MAX: usize = 4;

/// Whether `head`, the first bytes of a file, is a raw stream of GSM frames: each of its frames, and at least 16 of
/// them, begins with the signature, and the bytes between do not look like it.
pub(crate) fn is_raw_stream(head: &[u8]) -> bool {
    let is_signed =
        |position: usize| head.iter().skip(position).step_by(FRAME_BYTES).all(|byte| byte >> 4 == SIGNATURE);
    head.len() >= SURE_FRAMES * FRAME_BYTES
        && is_signed(0)
        && (0..FRAME_BYTES).filter(|&position| is_signed(position)).count() <= SIGNED_POSITIONS_MAX
}

/// GSM 06.10, which symphonia does not decode.
pub(super) struct Gsm;

impl Codec for Gsm {
    fn decodes(&self, params: &AudioCodecParameters) -> bool {
        [CODEC_ID_GSM, CODEC_ID_GSM_MS].contains(&params.codec)
    }

    fn name(&self, params: &AudioCodecParameters) -> String {
        if params.codec == CODEC_ID_GSM_MS { "gsm_ms" } else { "gsm" }.to_owned()
    }

    fn open(&self, _track: &Track, params: &AudioCodecParameters) -> Result<Box<dyn PacketDecoder>, DecodeError> {
        let channels = params.channels.as_ref().map_or(1, symphonia::core::audio::Channels::count);
        if channels != 1 {
            return Err(DecodeError::UnsupportedProfile(format!("GSM 06.10 with {channels} channels")));
        }
        let packing = if params.codec == CODEC_ID_GSM_MS { Packing::Blocks } else { Packing::Frames };
        let rate_hz = params.sample_rate.filter(|&rate_hz| rate_hz > 0).unwrap_or(RATE_HZ);
        Ok(Box::new(GsmDecoder { packing, rate_hz, synthesis: Synthesis::default() }))
    }
}

/// How frames are packed into bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    /// [`FRAME_BYTES`] each.
    Frames,
    /// [`BLOCK_BYTES`] for two.
    Blocks,
}

struct GsmDecoder {
    packing: Packing,
    rate_hz: u32,
    synthesis: Synthesis,
}

impl GsmDecoder {
    /// Decodes all frames in `data`. Fewer bytes than a frame at the end are ignored.
    fn decode_all(&mut self, data: &[u8], samples: &mut Vec<f32>) -> Result<(), PacketError> {
        samples.clear();
        match self.packing {
            Packing::Frames => {
                for bytes in data.chunks_exact(FRAME_BYTES) {
                    let mut bits = Bits::new(bytes, Order::MostSignificantFirst);
                    if bits.take(4) != u16::from(SIGNATURE) {
                        return Err(PacketError::Damaged("gsm: a frame without its signature".to_owned()));
                    }
                    self.frame(&mut bits, samples);
                }
            }
            Packing::Blocks => {
                for bytes in data.chunks(BLOCK_BYTES) {
                    let mut bits = Bits::new(bytes, Order::LeastSignificantFirst);
                    for _ in 0..bytes.len() * 8 / Frame::BITS {
                        self.frame(&mut bits, samples);
                    }
                }
            }
        }
        if samples.is_empty() {
            return Err(PacketError::Damaged("gsm: a packet shorter than a frame".to_owned()));
        }
        Ok(())
    }

    fn frame(&mut self, bits: &mut Bits<'_>, samples: &mut Vec<f32>) {
        let decoded = self.synthesis.decode(&Frame::read(bits));
        samples.extend(decoded.iter().map(|&sample| f32::from(sample) / 32_768.0));
    }
}

impl PacketDecoder for GsmDecoder {
    fn decode(&mut self, packet: &Packet, samples: &mut Vec<f32>) -> Result<Spec, PacketError> {
        self.decode_all(&packet.data, samples)?;
        Ok(Spec { rate_hz: self.rate_hz, channels: 1 })
    }
}

#[cfg(test)]
mod tests;
