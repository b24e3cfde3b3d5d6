//! AAC with symphonia's decoder, restricted to the profile that it decodes in full.

mod profile;
mod sbr;

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;
use symphonia::core::formats::Track;
use symphonia::core::packet::Packet;
use symphonia::core::units::TimeBase;

use self::profile::require_low_complexity;
pub(crate) use self::profile::require_low_complexity_adts;
use self::sbr::SbrDetector;
use super::generic::SymphoniaDecoder;
use super::{Codec, PacketDecoder, PacketError, Spec};
use crate::error::DecodeError;
use crate::timeline::frames_of;

/// AAC-LC.
pub(super) struct Aac;

impl Codec for Aac {
    fn decodes(&self, params: &AudioCodecParameters) -> bool {
        params.codec == CODEC_ID_AAC
    }

    fn name(&self, _params: &AudioCodecParameters) -> String {
        "aac".to_owned()
    }

    fn open(&self, track: &Track, params: &AudioCodecParameters) -> Result<Box<dyn PacketDecoder>, DecodeError> {
        require_low_complexity(params)?;
        let decoder = SymphoniaDecoder::new(params)?;
        Ok(Box::new(AacDecoder { decoder, sbr: SbrDetector::default(), time_base: track.time_base }))
    }
}

/// Symphonia's decoder with a detector for spectral band replication, which that decoder skips.
struct AacDecoder {
    decoder: SymphoniaDecoder,
    sbr: SbrDetector,
    time_base: Option<TimeBase>,
}

impl PacketDecoder for AacDecoder {
    fn decode(&mut self, packet: &Packet, samples: &mut Vec<f32>) -> Result<Spec, PacketError> {
        let spec = self.decoder.decode(packet, samples)?;
        let frames = (samples.len() / spec.channels.max(1)) as u64;
        let doubled = frames > 0 && frames_of(packet.block_dur(), self.time_base, spec.rate_hz) == 2 * frames;
        self.sbr.inspect(&packet.data, doubled);
        if self.sbr.found() {
            let profile = "HE-AAC (spectral band replication, which its header does not announce)";
            return Err(PacketError::Track(DecodeError::UnsupportedProfile(profile.to_owned())));
        }
        Ok(spec)
    }
}
