//! Where decoded frames go, in one pass: the hash over the decoder's output, and the samples at 16 kHz.

use stage_core::{Pcm, PcmWriter, Sha256Stream};

use crate::DecodeConfig;
use crate::codec::Spec;
use crate::error::DecodeError;
use crate::resample::Resampler;

/// Silence is written in blocks of so many frames.
const SILENCE_FRAMES: usize = 1 << 14;

/// Takes the recording's frames in order.
pub(crate) struct Sink {
    spec: Spec,
    hash: Sha256Stream,
    bytes: Vec<u8>,
    resampler: Resampler,
    writer: PcmWriter,
    frames: u64,
    not_finite: u64,
}

/// What a finished [`Sink`] knows.
pub(crate) struct Collected {
    pub(crate) pcm: Pcm,
    pub(crate) pcm_sha256: String,
    pub(crate) source_frames: u64,
    /// Samples that were NaN or infinite.
    pub(crate) not_finite: u64,
}

impl Sink {
    pub(crate) fn new(spec: Spec, config: &DecodeConfig) -> Result<Self, DecodeError> {
        Ok(Self {
            spec,
            hash: Sha256Stream::default(),
            bytes: Vec::new(),
            resampler: Resampler::new(spec.rate_hz, spec.channels)?,
            writer: PcmWriter::new(spec.channels, config.memory_budget_bytes, &config.spill_dir),
            frames: 0,
            not_finite: 0,
        })
    }

    pub(crate) const fn spec(&self) -> Spec {
        self.spec
    }

    /// Adds interleaved frames. NaN and infinity become silence, before they are hashed.
    pub(crate) fn push(&mut self, samples: &mut [f32]) -> Result<(), DecodeError> {
        for sample in samples.iter_mut().filter(|sample| !sample.is_finite()) {
            *sample = 0.0;
            self.not_finite += 1;
        }
        self.bytes.clear();
        self.bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        self.hash.update(&self.bytes);
        self.frames += (samples.len() / self.spec.channels) as u64;
        let writer = &mut self.writer;
        self.resampler.push(samples, &mut |planes: &[&[f32]]| writer.push(planes).map_err(DecodeError::Spill))
    }

    /// Adds frames of silence.
    pub(crate) fn push_silence(&mut self, mut frames: u64) -> Result<(), DecodeError> {
        let mut block = vec![0.0; frames.min(SILENCE_FRAMES as u64) as usize * self.spec.channels];
        while frames > 0 {
            let len = frames.min(SILENCE_FRAMES as u64);
            self.push(&mut block[..len as usize * self.spec.channels])?;
            frames -= len;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Collected, DecodeError> {
        let mut writer = self.writer;
        self.resampler.finish(&mut |planes: &[&[f32]]| writer.push(planes).map_err(DecodeError::Spill))?;
        Ok(Collected {
            pcm: writer.finish().map_err(DecodeError::Spill)?,
            pcm_sha256: self.hash.finish_hex(),
            source_frames: self.frames,
            not_finite: self.not_finite,
        })
    }
}
