//! Silero VAD at 16 kHz: the architecture of <https://github.com/snakers4/silero-vad> since version 5, restated from
//! its published description (`tinygrad_model.py`).
//!
//! A frame of 512 samples with the 64 before it and 64 mirrored after it passes a short-time Fourier transform, four
//! convolutions, an LSTM cell and a sigmoid. Only the cell knows the past, so that all frames of a block are convolved
//! at once and just the cell runs frame by frame.

mod decoder;
mod encoder;

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use kernels::LstmState;

use crate::{ModelError, Weights};
use decoder::Decoder;
use encoder::Encoder;

/// Samples in a frame.
pub const FRAME: usize = 512;
/// Samples of the past that a frame sees again.
const CONTEXT: usize = 64;
/// Samples mirrored at a frame's end.
const MIRRORED: usize = 64;
/// Frames that are convolved at once: 4 s.
const BATCH: usize = 128;
/// Samples that the network sees of a frame.
const SEEN: usize = CONTEXT + FRAME + MIRRORED;
/// Features of a frame, and inputs of the cell.
const HIDDEN: usize = 128;

const EMBEDDED_NAME: &str = "the embedded Silero VAD";
const EMBEDDED: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/vad/silero_vad_16k.safetensors"));

/// The network with its weights, on the CPU in f32.
#[derive(Debug)]
pub struct Silero {
    encoder: Encoder,
    decoder: Decoder,
    sha256: String,
}

impl Silero {
    /// The weights that are part of the program.
    ///
    /// # Errors
    /// As [`Silero::load`].
    pub fn embedded() -> Result<Self, ModelError> {
        Self::from_weights(&Weights::embedded(EMBEDDED_NAME, EMBEDDED), EMBEDDED_NAME)
    }

    /// Loads and checks the weights in a safetensors file.
    ///
    /// # Errors
    /// A [`ModelError`] that names the file: it is unreadable, truncated, or has the tensors of another model.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        Self::from_weights(&Weights::from_files(&[path.to_owned()])?, &path.display().to_string())
    }

    fn from_weights(weights: &Weights, name: &str) -> Result<Self, ModelError> {
        weights.open()?.check_values()?;
        let tensors = weights.load(DType::F32, &Device::Cpu)?;
        Self::from_tensors(&tensors, weights.sha256()?).map_err(|reason| {
            let expected = "the 16 kHz Silero VAD v5";
            ModelError::Tensor { model: name.to_owned(), expected, reason: reason.into() }
        })
    }

    fn from_tensors(tensors: &VarBuilder<'_>, sha256: &str) -> candle_core::Result<Self> {
        let (encoder, decoder) = (Encoder::load(tensors)?, Decoder::load(tensors)?);
        Ok(Self { encoder, decoder, sha256: sha256.to_owned() })
    }

    /// SHA-256 of the weights, as hex.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The detector at the start of a channel.
    #[must_use]
    pub fn stream(&self) -> SileroStream<'_> {
        SileroStream {
            network: self,
            pending: vec![0.0; CONTEXT],
            state: self.decoder.start(),
            probabilities: Vec::new(),
        }
    }
}

/// The detector in the middle of a channel.
#[derive(Debug)]
pub struct SileroStream<'a> {
    network: &'a Silero,
    /// The context of the next frame and the samples after it.
    pending: Vec<f32>,
    state: LstmState,
    probabilities: Vec<f32>,
}

impl SileroStream<'_> {
    /// Detects speech in the next samples; blocks may have any length.
    ///
    /// # Errors
    /// [`ModelError::Inference`] where the network fails on them.
    pub fn push(&mut self, samples: &[f32]) -> Result<(), ModelError> {
        for block in samples.chunks(BATCH * FRAME) {
            self.pending.extend_from_slice(block);
            while self.whole_frames() >= BATCH {
                self.detect(BATCH)?;
            }
        }
        Ok(())
    }

    /// The probabilities of speech in all frames of [`FRAME`] samples, 0 to 1; the last frame may have been short.
    ///
    /// # Errors
    /// As [`SileroStream::push`].
    pub fn finish(mut self) -> Result<Vec<f32>, ModelError> {
        let samples = self.pending.len() - CONTEXT;
        self.pending.resize(CONTEXT + samples.next_multiple_of(FRAME), 0.0);
        match self.whole_frames() {
            0 => {}
            frames => self.detect(frames)?,
        }
        Ok(self.probabilities)
    }

    /// Computes `count` frames from the start of `pending`.
    fn detect(&mut self, count: usize) -> candle_core::Result<()> {
        let mut frames = Vec::with_capacity(count * SEEN);
        for frame in 0..count {
            let seen = &self.pending[frame * FRAME..frame * FRAME + CONTEXT + FRAME];
            frames.extend_from_slice(seen);
            frames.extend(seen.iter().rev().skip(1).take(MIRRORED));
        }
        let frames = Tensor::from_vec(frames, (count, SEEN), &Device::Cpu)?;
        let features = self.network.encoder.forward(&frames)?;
        self.probabilities.extend(self.network.decoder.forward(&features, &mut self.state)?);
        self.pending.drain(..count * FRAME);
        Ok(())
    }

    fn whole_frames(&self) -> usize {
        (self.pending.len() - CONTEXT) / FRAME
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::path::PathBuf;
    use std::process::Command;

    use super::*;

    fn crate_path(relative: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
    }

    fn probabilities(vad: &Silero, blocks: std::slice::Chunks<'_, f32>) -> Vec<f32> {
        let mut stream = vad.stream();
        blocks.for_each(|block| stream.push(block).unwrap());
        stream.finish().unwrap()
    }

    /// A mono file, as integers or floats.
    fn read(wav: &Path) -> Vec<f32> {
        let mut reader = hound::WavReader::open(wav).unwrap();
        match reader.spec().sample_format {
            hound::SampleFormat::Float => reader.samples::<f32>().map(Result::unwrap).collect(),
            hound::SampleFormat::Int => reader.samples::<i16>().map(|x| f32::from(x.unwrap()) / 32_768.0).collect(),
        }
    }

    /// The package's executable model and ours, on the weights of the package.
    #[test]
    fn silero_gives_the_probabilities_of_its_package() {
        let python =
            env::var_os("EARWITNESS_ORACLE_PYTHON").map_or_else(|| crate_path("../../.venv/bin/python"), PathBuf::from);
        let wavs =
            ["vad/test.wav", "vad/nsn.wav", "diar/dev00.wav", "diar/sample.wav", "en/jfk.wav", "ko/azure_ko.wav"]
                .map(|name| crate_path("../../../shared/data").join(name));
        if let Some(missing) = wavs.iter().chain([&python]).find(|path| !path.is_file()) {
            eprintln!("skipped: {} is missing", missing.display());
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let weights = folder.path().join("package.safetensors");
        let script = crate_path("tests/oracle/silero.py");
        let oracle = Command::new(python).arg(script).arg(&weights).args(&wavs).output().unwrap();
        assert!(oracle.status.success(), "{}", String::from_utf8_lossy(&oracle.stderr));
        let expected: Vec<Vec<f32>> = serde_json::from_slice(&oracle.stdout).unwrap();
        let vad = Silero::load(&weights).unwrap();
        for (wav, expected) in wavs.iter().zip(&expected) {
            let samples = read(wav);
            let found = probabilities(&vad, samples.chunks(samples.len()));
            assert_eq!(found.len(), expected.len(), "{}", wav.display());
            let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-3, "{}: largest difference {worst}", wav.display());
        }
        assert_eq!(expected.len(), wavs.len());
    }

    #[test]
    fn silero_gives_the_same_for_blocks_of_any_length() {
        let vad = Silero::embedded().unwrap();
        let samples: Vec<f32> = (0..100_000).map(|n| (n as f32 * 0.05).sin() * (n as f32 * 0.0007).sin()).collect();
        let whole = probabilities(&vad, samples.chunks(samples.len()));
        let cut = probabilities(&vad, samples.chunks(777));
        assert_eq!(whole.len(), samples.len().div_ceil(FRAME));
        let worst = whole.iter().zip(&cut).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-6, "largest difference {worst}");
        assert!(probabilities(&vad, [].chunks(1)).is_empty());
    }
}
