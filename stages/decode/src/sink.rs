//! Consumes the decoded frames and builds the planes at 16 kHz.

use stage_core::{Pcm, PcmWriter, SAMPLE_RATE_HZ};

use crate::codec::Spec;
use crate::config::DecodeConfig;
use crate::error::DecodeError;
use crate::resample::Resampler;

/// Receives the frames of the recording in order.
pub(crate) struct Sink {
    spec: Spec,
    resampler: Resampler,
    writer: PcmWriter,
    frames: u64,
}

/// Results of a finished [`Sink`].
pub(crate) struct Collected {
    pub(crate) pcm: Pcm,
    pub(crate) source_frames: u64,
}

impl Sink {
    pub(crate) fn new(spec: Spec, config: &DecodeConfig) -> Result<Self, DecodeError> {
        Ok(Self {
            spec,
            resampler: Resampler::new(spec.rate_hz, SAMPLE_RATE_HZ, spec.channels)?,
            writer: PcmWriter::new(spec.channels, config.memory_budget_bytes, &config.spill_dir),
            frames: 0,
        })
    }

    /// Adds interleaved frames.
    pub(crate) fn push(&mut self, samples: &[f32]) -> Result<(), DecodeError> {
        self.frames += (samples.len() / self.spec.channels) as u64;
        let writer = &mut self.writer;
        self.resampler.push(samples, &mut |planes: &[&[f32]]| writer.push(planes).map_err(DecodeError::Spill))
    }

    pub(crate) fn finish(self) -> Result<Collected, DecodeError> {
        let mut writer = self.writer;
        self.resampler.finish(&mut |planes: &[&[f32]]| writer.push(planes).map_err(DecodeError::Spill))?;
        Ok(Collected { pcm: writer.finish().map_err(DecodeError::Spill)?, source_frames: self.frames })
    }
}
