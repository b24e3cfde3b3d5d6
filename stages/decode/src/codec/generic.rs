//! Symphonia's decoders, for all codecs without special rules.

use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::Track;
use symphonia::core::packet::Packet;

use super::{Codec, PacketDecoder, PacketError, Spec};
use crate::error::DecodeError;

/// Prefixes of the names of lossless codecs.
const LOSSLESS: [&str; 5] = ["pcm_s", "pcm_u", "pcm_f", "flac", "alac"];

/// Every codec that symphonia decodes: linear and companded PCM, ADPCM, flac, ALAC, mp1 to mp3.
pub(super) struct Generic;

impl Codec for Generic {
    fn decodes(&self, _params: &AudioCodecParameters) -> bool {
        true
    }

    fn name(&self, params: &AudioCodecParameters) -> String {
        symphonia::default::get_codecs()
            .get_audio_decoder(params.codec)
            .map_or_else(|| format!("{}", params.codec), |decoder| decoder.codec.info.short_name.to_owned())
    }

    fn is_lossless(&self, params: &AudioCodecParameters) -> bool {
        let name = self.name(params);
        LOSSLESS.iter().any(|prefix| name.starts_with(prefix))
    }

    fn open(&self, _track: &Track, params: &AudioCodecParameters) -> Result<Box<dyn PacketDecoder>, DecodeError> {
        Ok(Box::new(SymphoniaDecoder::new(params)?))
    }
}

/// One of symphonia's decoders.
pub(super) struct SymphoniaDecoder(Box<dyn AudioDecoder>);

impl SymphoniaDecoder {
    /// # Errors
    /// Symphonia does not support the codec, or this variant of it.
    pub(super) fn new(params: &AudioCodecParameters) -> Result<Self, DecodeError> {
        // The project's timeline removes delay and padding, because it also counts them.
        let options = AudioDecoderOptions::default().gapless(false);
        let codecs = symphonia::default::get_codecs();
        let is_known = codecs.get_audio_decoder(params.codec).is_some();
        codecs.make_audio_decoder(params, &options).map(Self).map_err(|error| match error {
            SymphoniaError::Unsupported(what) if is_known => {
                DecodeError::UnsupportedProfile(format!("this kind of {} ({what})", Generic.name(params)))
            }
            SymphoniaError::DecodeError(what) => DecodeError::DamagedContainer(what),
            _ => DecodeError::UnsupportedCodec(Generic.name(params)),
        })
    }
}

impl PacketDecoder for SymphoniaDecoder {
    fn decode(&mut self, packet: &Packet, samples: &mut Vec<f32>) -> Result<Spec, PacketError> {
        let buffer = self.0.decode(packet)?;
        let spec = Spec { rate_hz: buffer.spec().rate(), channels: buffer.spec().channels().count() };
        buffer.copy_to_vec_interleaved(samples);
        Ok(spec)
    }
}
