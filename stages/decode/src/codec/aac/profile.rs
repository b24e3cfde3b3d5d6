//! Finds AAC profiles that can be decoded in full: Low Complexity, without spectral band replication.
//!
//! The profile is read from the AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1), including SBR that is signaled in the
//! backward compatible way after an LC configuration, or from the ADTS header (1.A.2.2). A decoder that skips SBR
//! outputs only the lower half of the band and reports no error, so the profile is checked first.

use symphonia::core::codecs::audio::AudioCodecParameters;

use crate::error::DecodeError;

const AAC_LC: u32 = 2;
const SBR: u32 = 5;
const PS: u32 = 29;
/// Marks the extension that follows a complete LC configuration.
const SYNC_EXTENSION_SBR: u32 = 0x2b7;

/// Returns an error that names the profile unless the configuration is plain AAC-LC with 1024 samples per frame.
pub(super) fn require_low_complexity(params: &AudioCodecParameters) -> Result<(), DecodeError> {
    let Some(config) = &params.extra_data else { return Ok(()) };
    match profile(config) {
        Some("AAC-LC") => Ok(()),
        Some(profile) => Err(DecodeError::UnsupportedProfile(profile.to_owned())),
        None => Err(DecodeError::DamagedContainer("its AAC configuration is cut short")),
    }
}

/// Checks the header of an ADTS frame, which states the profile.
pub(crate) fn require_low_complexity_adts(header: &[u8]) -> Result<(), DecodeError> {
    match unsupported_adts_profile(header) {
        Some(profile) => Err(DecodeError::UnsupportedProfile(profile.to_owned())),
        None => Ok(()),
    }
}

/// Name of the profile in an ADTS header, if it is not LC.
fn unsupported_adts_profile(header: &[u8]) -> Option<&'static str> {
    let mut bits = Bits::at(header, 0);
    (bits.read(12)? == 0xfff).then_some(())?;
    bits.read(4)?;
    let object_type = bits.read(2)? + 1;
    (object_type != AAC_LC).then(|| object_type_name(object_type))
}

/// Profile that an AudioSpecificConfig states, or `None` if it ends too early.
fn profile(config: &[u8]) -> Option<&'static str> {
    let mut bits = Bits::at(config, 0);
    let object_type = read_object_type(&mut bits)?;
    read_rate(&mut bits)?;
    let channel_config = bits.read(4)?;
    if object_type != AAC_LC {
        return Some(object_type_name(object_type));
    }
    let short_frames = bits.read(1)? == 1;
    if bits.read(1)? == 1 {
        bits.read(14)?;
    }
    bits.read(1)?;
    if short_frames {
        return Some("AAC-LC with 960 samples per frame");
    }
    if channel_config == 0 {
        return Some("AAC with its channels in a program configuration element");
    }
    Some(extension(bits).unwrap_or("AAC-LC"))
}

/// SBR or PS, signaled after the LC configuration.
fn extension(mut bits: Bits<'_>) -> Option<&'static str> {
    if bits.left() < 16 || bits.read(11)? != SYNC_EXTENSION_SBR || read_object_type(&mut bits)? != SBR {
        return None;
    }
    (bits.read(1)? == 1).then_some("HE-AAC (spectral band replication)")
}

fn read_object_type(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.read(5)? {
        31 => Some(32 + bits.read(6)?),
        object_type => Some(object_type),
    }
}

fn read_rate(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.read(4)? {
        15 => bits.read(24),
        index => Some(index),
    }
}

const fn object_type_name(object_type: u32) -> &'static str {
    match object_type {
        1 => "AAC Main",
        AAC_LC => "AAC-LC",
        3 => "AAC SSR",
        4 => "AAC LTP",
        SBR => "HE-AAC (spectral band replication)",
        PS => "HE-AAC v2 (parametric stereo)",
        23 => "AAC-LD",
        39 => "AAC-ELD",
        42 => "xHE-AAC (USAC)",
        _ => "this MPEG-4 audio object type",
    }
}

/// A cursor over the bits of a byte slice, most significant bit first. Reading beyond the end returns `None`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Bits<'a> {
    pub(super) const fn at(bytes: &'a [u8], position: usize) -> Self {
        Self { bytes, position }
    }

    /// Reads the next `count` bits (at most 32).
    pub(super) fn read(&mut self, count: usize) -> Option<u32> {
        let end = self.position + count;
        if end > self.bytes.len() * 8 {
            return None;
        }
        let value = (self.position..end).fold(0, |value, bit| value << 1 | self.bit(bit));
        self.position = end;
        Some(value)
    }

    pub(super) const fn left(&self) -> usize {
        self.bytes.len() * 8 - self.position
    }

    fn bit(&self, position: usize) -> u32 {
        u32::from(self.bytes[position / 8] >> (7 - position % 8) & 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_is_read_from_the_configuration() {
        assert_eq!(profile(&[0x12, 0x10]), Some("AAC-LC")); // 44.1 kHz stereo
        assert_eq!(profile(&[0x13, 0x88]), Some("AAC-LC")); // 22.05 kHz mono
        assert_eq!(profile(&[0x2b, 0x92, 0x08, 0x00]), Some("HE-AAC (spectral band replication)"));
        assert_eq!(profile(&[0xeb, 0x8a, 0x08, 0x00]), Some("HE-AAC v2 (parametric stereo)"));
        // LC at 24 kHz, then 0x2b7, object type 5, SBR present, 48 kHz. Most encoders write this form.
        assert_eq!(profile(&[0x13, 0x08, 0x56, 0xe5, 0x98]), Some("HE-AAC (spectral band replication)"));
        // The same extension, without SBR.
        assert_eq!(profile(&[0x13, 0x08, 0x56, 0xe5, 0x00]), Some("AAC-LC"));
        assert_eq!(profile(&[0x0a, 0x10]), Some("AAC Main"));
        assert_eq!(profile(&[0x12, 0x14]), Some("AAC-LC with 960 samples per frame"));
        assert_eq!(profile(&[0x12]), None);
    }

    #[test]
    fn profile_is_read_from_the_adts_header() {
        assert_eq!(unsupported_adts_profile(&[0xff, 0xf1, 0x50, 0x80]), None);
        assert_eq!(unsupported_adts_profile(&[0xff, 0xf1, 0x10, 0x80]), Some("AAC Main"));
    }
}
