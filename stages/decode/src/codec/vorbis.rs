//! Vorbis with symphonia's decoder and two additional rules.

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_VORBIS;
use symphonia::core::formats::Track;
use symphonia::core::packet::Packet;

use super::generic::SymphoniaDecoder;
use super::{Codec, PacketDecoder, PacketError, Spec};
use crate::error::DecodeError;

/// Vorbis with one or two channels.
pub(super) struct Vorbis;

impl Codec for Vorbis {
    fn decodes(&self, params: &AudioCodecParameters) -> bool {
        params.codec == CODEC_ID_VORBIS
    }

    fn name(&self, _params: &AudioCodecParameters) -> String {
        "vorbis".to_owned()
    }

    fn open(&self, _track: &Track, params: &AudioCodecParameters) -> Result<Box<dyn PacketDecoder>, DecodeError> {
        if params.channels.as_ref().is_some_and(|channels| channels.count() > 2) {
            // Symphonia 0.6.1 decoded four channels of a 5.1 file differently from ffmpeg; the cause is not known.
            return Err(DecodeError::UnsupportedProfile("Vorbis with more than two channels".to_owned()));
        }
        Ok(Box::new(VorbisDecoder { decoder: SymphoniaDecoder::new(params)?, is_first: true }))
    }
}

struct VorbisDecoder {
    decoder: SymphoniaDecoder,
    is_first: bool,
}

impl PacketDecoder for VorbisDecoder {
    fn decode(&mut self, packet: &Packet, samples: &mut Vec<f32>) -> Result<Spec, PacketError> {
        let spec = self.decoder.decode(packet, samples)?;
        // The first packet only fills the overlap buffer; its decoded samples are not audio.
        if std::mem::take(&mut self.is_first) {
            samples.clear();
        }
        Ok(spec)
    }
}
