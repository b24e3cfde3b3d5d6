//! WAV files of a known length: the smallest sample format that holds samples exactly, and the header.
//!
//! `hound` is not used for writing, because some of its headers would be wrong here: it states loudspeaker positions for
//! the channels of a recording (the left one for a single channel of 24 bits), writes no `fact` chunk, which formats other
//! than integers need, and has no RF64 for more than 4 GiB.

/// How a WAV file stores samples. A format holds all samples that an earlier one holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SampleFormat {
    Int16,
    Int24,
    Int32,
    Float32,
}

/// A recording that a WAV file cannot hold.
#[derive(Debug, thiserror::Error)]
#[error("a WAV file cannot hold {channels} channels at {rate_hz} Hz in this format")]
pub(crate) struct TooWide {
    channels: u16,
    rate_hz: u32,
}

/// Loudspeaker positions: the center for one channel, left and right for two, and none for more, because the channels of a
/// recording are speakers and tracks.
const fn channel_mask(channels: u16) -> u32 {
    match channels {
        1 => 4,
        2 => 3,
        _ => 0,
    }
}

/// The end of the identifiers of sample formats, after the format tag.
const SUB_FORMAT: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];
const TAG_INTEGER: u16 = 1;
const TAG_FLOAT: u16 = 3;
const TAG_EXTENSIBLE: u16 = 0xfffe;
/// In RF64 files, stands for a size that is in the chunk `ds64`.
const IN_DS64: u32 = u32::MAX;

impl SampleFormat {
    /// The first format that holds the sample exactly, this one or a later one.
    pub(super) fn widened_to(self, sample: f32) -> Self {
        let mut format = self;
        loop {
            format = match format {
                Self::Int16 if !is_integer(sample, 16) => Self::Int24,
                Self::Int24 if !is_integer(sample, 24) => Self::Int32,
                Self::Int32 if !is_integer(sample, 32) => Self::Float32,
                fits => return fits,
            };
        }
    }

    /// Name of the codec (`pcm_s16le`).
    pub(crate) const fn codec(self) -> &'static str {
        match self {
            Self::Int16 => "pcm_s16le",
            Self::Int24 => "pcm_s24le",
            Self::Int32 => "pcm_s32le",
            Self::Float32 => "pcm_f32le",
        }
    }

    /// Why this format was chosen for samples.
    pub(super) fn reason(self) -> String {
        match self {
            Self::Float32 => {
                "some samples are not integers of 16, 24 or 32 bits; 32-bit float is the output of the decoder".into()
            }
            integer => {
                let bits = integer.bits();
                format!("all samples are integers of {bits} bits, divided by 2^{}, and are stored exactly", bits - 1)
            }
        }
    }

    /// Bits of one sample.
    pub(crate) const fn bits(self) -> u16 {
        match self {
            Self::Int16 => 16,
            Self::Int24 => 24,
            Self::Int32 | Self::Float32 => 32,
        }
    }

    const fn bytes(self) -> u16 {
        self.bits() / 8
    }

    /// Appends samples that the format holds exactly.
    pub(super) fn encode(self, samples: &[f32], bytes: &mut Vec<u8>) {
        match self {
            Self::Float32 => bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes())),
            integer => {
                let (scale, width) = (scale(integer.bits()), usize::from(integer.bytes()));
                for sample in samples {
                    bytes.extend_from_slice(&((f64::from(*sample) * scale) as i32).to_le_bytes()[..width]);
                }
            }
        }
    }
}

/// Full scale of integer samples.
fn scale(bits: u16) -> f64 {
    f64::from(1_u32 << (bits - 1))
}

/// Whether an integer of these bits stands for the sample. Negative zero is not one, because its sign would be lost.
fn is_integer(sample: f32, bits: u16) -> bool {
    let (value, limit) = (f64::from(sample) * scale(bits), scale(bits));
    value.fract() == 0.0 && (-limit..limit).contains(&value) && !(sample == 0.0 && sample.is_sign_negative())
}

/// Format, rate, channels and length of a WAV file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WavSpec {
    pub(crate) format: SampleFormat,
    pub(crate) rate_hz: u32,
    pub(crate) channels: u16,
    pub(crate) frames: u64,
}

impl WavSpec {
    /// The bytes before the samples: a RIFF header, or an RF64 header for more than 4 GiB.
    ///
    /// # Errors
    /// A field of the header is too small.
    pub(super) fn header(&self) -> Result<Vec<u8>, TooWide> {
        let too_wide = TooWide { channels: self.channels, rate_hz: self.rate_hz };
        let (format, fact) = (self.format_chunk().ok_or(too_wide)?, self.fact_chunk());
        let data_bytes = self.data_bytes();
        // What follows the size of the file: the name WAVE, the chunks, and the header of the samples.
        let file_bytes = 4 + (format.len() + fact.len()) as u64 + 8 + data_bytes + self.padding().len() as u64;
        let mut header = Vec::new();
        let data_size = match (u32::try_from(file_bytes), u32::try_from(data_bytes)) {
            (Ok(file_size), Ok(data_size)) if file_size < IN_DS64 => {
                header.extend(chunk_header(b"RIFF", file_size));
                header.extend(b"WAVE");
                data_size
            }
            _ => {
                header.extend(chunk_header(b"RF64", IN_DS64));
                header.extend(b"WAVE");
                header.extend(chunk_header(b"ds64", 28));
                for size in [file_bytes + 36, data_bytes, self.frames] {
                    header.extend(size.to_le_bytes());
                }
                header.extend(0_u32.to_le_bytes());
                IN_DS64
            }
        };
        header.extend(format);
        header.extend(fact);
        header.extend(chunk_header(b"data", data_size));
        Ok(header)
    }

    /// The bytes after the samples: chunks have an even length.
    pub(super) const fn padding(&self) -> &'static [u8] {
        if self.data_bytes().is_multiple_of(2) { &[] } else { &[0] }
    }

    const fn data_bytes(&self) -> u64 {
        self.frames * self.channels as u64 * self.format.bytes() as u64
    }

    /// The chunk `fmt `: the plain form for 16 bits and at most two channels, and otherwise the extensible form, which the
    /// format requires. `None` if a field is too small.
    fn format_chunk(&self) -> Option<Vec<u8>> {
        let Self { format, rate_hz, channels, .. } = *self;
        let block = channels.checked_mul(format.bytes())?;
        let byte_rate = rate_hz.checked_mul(u32::from(block))?;
        let is_plain = format == SampleFormat::Int16 && channels <= 2;
        let tag = if format == SampleFormat::Float32 { TAG_FLOAT } else { TAG_INTEGER };
        let mut body = Vec::new();
        body.extend(if is_plain { tag } else { TAG_EXTENSIBLE }.to_le_bytes());
        body.extend(channels.to_le_bytes());
        body.extend(rate_hz.to_le_bytes());
        body.extend(byte_rate.to_le_bytes());
        body.extend(block.to_le_bytes());
        body.extend(format.bits().to_le_bytes());
        if !is_plain {
            body.extend(22_u16.to_le_bytes());
            body.extend(format.bits().to_le_bytes());
            body.extend(channel_mask(channels).to_le_bytes());
            body.extend(tag.to_le_bytes());
            body.extend(SUB_FORMAT);
        }
        Some([&chunk_header(b"fmt ", body.len() as u32)[..], &body].concat())
    }

    /// The chunk `fact`, the number of frames, which formats other than integers need.
    fn fact_chunk(&self) -> Vec<u8> {
        if self.format != SampleFormat::Float32 {
            return Vec::new();
        }
        let frames = u32::try_from(self.frames).unwrap_or(IN_DS64);
        [&chunk_header(b"fact", 4)[..], &frames.to_le_bytes()].concat()
    }
}

fn chunk_header(name: &[u8; 4], size: u32) -> [u8; 8] {
    let mut header = [0; 8];
    header[..4].copy_from_slice(name);
    header[4..].copy_from_slice(&size.to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const FORMATS: [SampleFormat; 4] =
        [SampleFormat::Int16, SampleFormat::Int24, SampleFormat::Int32, SampleFormat::Float32];

    fn file(format: SampleFormat, channels: u16, samples: &[f32]) -> Vec<u8> {
        let spec = WavSpec { format, rate_hz: 8_000, channels, frames: samples.len() as u64 / u64::from(channels) };
        let mut file = spec.header().unwrap();
        format.encode(samples, &mut file);
        file.extend(spec.padding());
        file
    }

    fn format_of(samples: &[f32]) -> SampleFormat {
        samples.iter().fold(SampleFormat::Int16, |format, sample| format.widened_to(*sample))
    }

    #[test]
    fn format_is_the_smallest_that_holds_the_samples() {
        let unit = |bits: i32| 2f32.powi(1 - bits);
        assert_eq!(format_of(&[]), SampleFormat::Int16);
        assert_eq!(format_of(&[0.0, -1.0, 0.5, 1.0 - unit(16)]), SampleFormat::Int16);
        assert_eq!(format_of(&[unit(24), -1.0, 1.0 - unit(24)]), SampleFormat::Int24);
        assert_eq!(format_of(&[unit(32), -1.0]), SampleFormat::Int32);
        for sample in [1.0, -0.0, unit(33), -1.0 - unit(16), f32::MIN_POSITIVE, 2.0] {
            assert_eq!(format_of(&[0.0, sample]), SampleFormat::Float32, "{sample:?}");
        }
        assert_eq!(format_of(&[1.0, 0.0]), SampleFormat::Float32, "a later sample does not narrow the format");
    }

    #[test]
    fn wav_file_reads_with_the_samples_that_were_written() {
        let samples = [0.0, -1.0, 0.5, 0.25, -0.125, 1.0 - 1.0 / 32_768.0, 3.0 / 32_768.0];
        for format in FORMATS {
            for channels in [1, 7] {
                let file = file(format, channels, &samples);
                let mut reader = hound::WavReader::new(Cursor::new(&file)).unwrap();
                let spec = reader.spec();
                assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (channels, 8_000, format.bits()));
                let read: Vec<f32> = match spec.sample_format {
                    hound::SampleFormat::Float => reader.samples().map(Result::unwrap).collect(),
                    hound::SampleFormat::Int => {
                        let scaled = |sample: i32| (f64::from(sample) / scale(format.bits())) as f32;
                        reader.samples().map(|sample| scaled(sample.unwrap())).collect()
                    }
                };
                assert_eq!(read, samples, "{format:?}, {channels} channels");
                let stated = u32::from_le_bytes(file[4..8].try_into().unwrap());
                assert_eq!(file.len(), stated as usize + 8, "{format:?}");
                assert_eq!(file.len() % 2, 0);
            }
        }
    }

    #[test]
    fn header_is_rf64_where_riff_has_no_size() {
        let spec = |frames| WavSpec { format: SampleFormat::Float32, rate_hz: 48_000, channels: 2, frames };
        let word = |header: &[u8], at: usize| u64::from_le_bytes(header[at..at + 8].try_into().unwrap());
        let largest = (u64::from(u32::MAX) - 73) / 8;
        assert!(spec(largest).header().unwrap().starts_with(b"RIFF"));
        for frames in [largest + 1, 1 << 40] {
            let header = spec(frames).header().unwrap();
            assert!(header.starts_with(b"RF64\xff\xff\xff\xffWAVEds64"));
            assert_eq!(
                [20, 28, 36].map(|at| word(&header, at)),
                [header.len() as u64 - 8 + frames * 8, frames * 8, frames]
            );
            assert!(header.ends_with(b"data\xff\xff\xff\xff"));
        }
    }

    #[test]
    fn header_that_would_overflow_is_refused() {
        for (rate_hz, channels) in [(8_000, u16::MAX), (u32::MAX, 2)] {
            let spec = WavSpec { format: SampleFormat::Int24, rate_hz, channels, frames: 1 };
            assert!(spec.header().is_err());
        }
    }
}
