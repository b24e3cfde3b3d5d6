//! WAV files, and samples as bytes.

use std::path::Path;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

/// The content of a WAV file, interleaved, full scale at 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Wav {
    /// Sample rate in Hz.
    pub rate_hz: u32,
    /// Number of channels.
    pub channels: u16,
    /// Interleaved samples.
    pub samples: Vec<f32>,
}

impl Wav {
    /// One channel.
    #[must_use]
    pub fn mono(rate_hz: u32, samples: Vec<f32>) -> Self {
        Self { rate_hz, channels: 1, samples }
    }

    /// Reads a file with 16-bit or float samples.
    ///
    /// # Panics
    /// If it is unreadable; names the file.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let mut reader = WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let WavSpec { channels, sample_rate, sample_format, .. } = reader.spec();
        let samples = match sample_format {
            SampleFormat::Float => reader.samples::<f32>().map(Result::unwrap).collect(),
            SampleFormat::Int => reader.samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect(),
        };
        Self { rate_hz: sample_rate, channels, samples }
    }

    /// Reads a file that must be mono with this sample rate.
    ///
    /// # Panics
    /// If it is not; names the file.
    #[must_use]
    pub fn read_mono(path: &Path, rate_hz: u32) -> Vec<f32> {
        let wav = Self::read(path);
        assert_eq!((wav.rate_hz, wav.channels), (rate_hz, 1), "{}", path.display());
        wav.samples
    }

    /// Writes a file with 16-bit samples. Samples that were read from such a file are written unchanged.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, path: &Path) {
        let spec = WavSpec {
            channels: self.channels,
            sample_rate: self.rate_hz,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let mut writer = WavWriter::create(path, spec).unwrap();
        let quantized = |sample: &f32| (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16;
        self.samples.iter().for_each(|sample| writer.write_sample(quantized(sample)).unwrap());
        writer.finalize().unwrap();
    }
}

/// Little-endian f32 samples.
#[must_use]
pub fn f32_samples(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|sample| f32::from_le_bytes(*sample)).collect()
}
