//! Packets to interleaved f32: symphonia's decoders, and Opus beside them.

pub(crate) mod aac;
mod bits;
pub(crate) mod opus;
pub(crate) mod sbr;

use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_OPUS, CODEC_ID_VORBIS};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::packet::Packet;

use crate::error::DecodeError;

/// Rate and channels of a decoded block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) rate_hz: u32,
    pub(crate) channels: usize,
}

/// Decodes the packets of one track, in order.
pub(crate) enum PacketDecoder {
    Symphonia {
        decoder: Box<dyn AudioDecoder>,
        /// Vorbis: the first packet only primes the overlap; what is decoded from it is no audio.
        priming: bool,
    },
    Opus(opus::OpusDecoder),
}

impl PacketDecoder {
    /// A decoder for a track with these parameters.
    ///
    /// # Errors
    /// The codec is unknown, or its profile cannot be decoded in full.
    pub(crate) fn new(params: &AudioCodecParameters) -> Result<Self, DecodeError> {
        if params.codec == CODEC_ID_OPUS {
            return opus::OpusDecoder::new(params).map(Self::Opus);
        }
        if params.codec == CODEC_ID_AAC {
            aac::require_low_complexity(params)?;
        }
        if params.codec == CODEC_ID_VORBIS && params.channels.as_ref().is_some_and(|c| c.count() > 2) {
            // A 5.1 file came out wrong against ffmpeg on four of its channels (symphonia 0.6.1); the cause is not known.
            return Err(DecodeError::UnsupportedProfile("Vorbis with more than two channels".to_owned()));
        }
        // Delay and padding are removed by our own timeline, which also counts them.
        let options = AudioDecoderOptions::default().gapless(false);
        let decoder =
            symphonia::default::get_codecs().make_audio_decoder(params, &options).map_err(|error| match error {
                SymphoniaError::Unsupported(what) if is_known(params) => {
                    DecodeError::UnsupportedProfile(format!("this kind of {} ({what})", name(params)))
                }
                SymphoniaError::DecodeError(what) => DecodeError::DamagedContainer(what),
                _ => DecodeError::UnsupportedCodec(name(params)),
            })?;
        Ok(Self::Symphonia { decoder, priming: params.codec == CODEC_ID_VORBIS })
    }

    /// Decodes one packet into `samples`, interleaved.
    ///
    /// # Errors
    /// What is wrong with the packet; the next one may be fine.
    pub(crate) fn decode(&mut self, packet: &Packet, samples: &mut Vec<f32>) -> Result<Spec, SymphoniaError> {
        match self {
            Self::Opus(decoder) => decoder.decode(&packet.data, samples),
            Self::Symphonia { decoder, priming } => {
                let buffer = decoder.decode(packet)?;
                let spec = Spec { rate_hz: buffer.spec().rate(), channels: buffer.spec().channels().count() };
                buffer.copy_to_vec_interleaved(samples);
                if std::mem::take(priming) {
                    samples.clear();
                }
                Ok(spec)
            }
        }
    }
}

/// The codec's short name (`pcm_s16le`, `aac`, `opus`).
pub(crate) fn name(params: &AudioCodecParameters) -> String {
    if params.codec == CODEC_ID_OPUS {
        return "opus".to_owned();
    }
    symphonia::default::get_codecs()
        .get_audio_decoder(params.codec)
        .map_or_else(|| format!("{}", params.codec), |decoder| decoder.codec.info.short_name.to_owned())
}

fn is_known(params: &AudioCodecParameters) -> bool {
    symphonia::default::get_codecs().get_audio_decoder(params.codec).is_some()
}
