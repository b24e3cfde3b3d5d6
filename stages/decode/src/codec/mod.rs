//! Decodes packets to interleaved f32. A codec is one entry of [`CODECS`] with its name, its rules and its decoder.

mod aac;
mod generic;
pub(crate) mod gsm;
pub(crate) mod names;
mod opus;
mod vorbis;

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::Track;
use symphonia::core::packet::Packet;

pub(crate) use self::aac::require_low_complexity_adts;
pub(crate) use self::gsm::{CODEC_ID_GSM, CODEC_ID_GSM_MS};
use crate::error::DecodeError;

/// All codecs. The first one that decodes a track is used. The last one covers all codecs that symphonia supports.
const CODECS: &[&dyn Codec] = &[&opus::Opus, &aac::Aac, &vorbis::Vorbis, &gsm::Gsm, &generic::Generic];

/// Sample rate to use while neither container nor packets state one. It is that of Opus, whose packets do not state it.
pub(crate) const DEFAULT_RATE_HZ: u32 = 48_000;

/// Properties of a codec that the decode stage needs.
pub(crate) trait Codec: Send + Sync {
    /// Whether this codec decodes tracks with these parameters.
    fn decodes(&self, params: &AudioCodecParameters) -> bool;

    /// Short name in records (`pcm_s16le`, `aac`, `opus`).
    fn name(&self, params: &AudioCodecParameters) -> String;

    /// Whether the codec is lossless.
    fn is_lossless(&self, _params: &AudioCodecParameters) -> bool {
        false
    }

    /// Number of frames to skip at the start, as stated in the codec's own header; `None` without such a header.
    /// `big_endian` means that the header has the byte order of MP4.
    fn delay_frames(&self, _params: &AudioCodecParameters, _big_endian: bool) -> Option<u64> {
        None
    }

    /// A setting in the codec's own header that changes the level, as a tag; it is applied.
    fn level_tag(&self, _params: &AudioCodecParameters) -> Option<(String, String)> {
        None
    }

    /// Creates a decoder for the track.
    ///
    /// # Errors
    /// There is no decoder, or it cannot decode the track in full.
    fn open(&self, track: &Track, params: &AudioCodecParameters) -> Result<Box<dyn PacketDecoder>, DecodeError>;
}

/// Decodes the packets of one track, in order.
pub(crate) trait PacketDecoder: Send {
    /// Decodes one packet into `samples`, interleaved. Replaces the previous content of `samples`.
    ///
    /// # Errors
    /// The packet is damaged (the next one may be fine), or it shows that the track cannot be decoded.
    fn decode(&mut self, packet: &Packet, samples: &mut Vec<f32>) -> Result<Spec, PacketError>;
}

/// Rate and channels of a decoded block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) rate_hz: u32,
    pub(crate) channels: usize,
}

/// Reason why a packet has no samples.
#[derive(Debug)]
pub(crate) enum PacketError {
    /// The packet cannot be decoded, for this reason.
    Damaged(String),
    /// The whole track cannot be decoded.
    Track(DecodeError),
}

impl From<SymphoniaError> for PacketError {
    fn from(error: SymphoniaError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// The codec of a track with these parameters.
pub(crate) fn codec_of(params: &AudioCodecParameters) -> &'static dyn Codec {
    CODECS.iter().copied().find(|codec| codec.decodes(params)).unwrap_or(&generic::Generic)
}

#[cfg(test)]
mod tests {
    use symphonia::core::codecs::audio::well_known::{
        CODEC_ID_AAC, CODEC_ID_ALAC, CODEC_ID_FLAC, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_PCM_ALAW, CODEC_ID_PCM_F32LE,
        CODEC_ID_PCM_S16LE, CODEC_ID_VORBIS,
    };

    use super::*;

    #[test]
    fn codecs_have_names_and_say_whether_they_are_lossless() {
        for (id, name, lossless) in [
            (CODEC_ID_OPUS, "opus", false),
            (CODEC_ID_AAC, "aac", false),
            (CODEC_ID_VORBIS, "vorbis", false),
            (CODEC_ID_MP3, "mp3", false),
            (CODEC_ID_PCM_ALAW, "pcm_alaw", false),
            (CODEC_ID_PCM_S16LE, "pcm_s16le", true),
            (CODEC_ID_PCM_F32LE, "pcm_f32le", true),
            (CODEC_ID_FLAC, "flac", true),
            (CODEC_ID_ALAC, "alac", true),
            (CODEC_ID_GSM, "gsm", false),
            (CODEC_ID_GSM_MS, "gsm_ms", false),
        ] {
            let mut params = AudioCodecParameters::new();
            params.for_codec(id);
            let codec = codec_of(&params);
            assert_eq!((codec.name(&params).as_str(), codec.is_lossless(&params)), (name, lossless));
        }
    }
}
