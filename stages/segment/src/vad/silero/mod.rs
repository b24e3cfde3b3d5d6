//! Silero VAD at 16 kHz: the architecture of <https://github.com/snakers4/silero-vad> since version 5, restated from its
//! published description (`tinygrad_model.py`).
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
use nn::Weights;
use stage_core::VadIdentity;

use super::{Listener, Vad};
use crate::config::SILERO;
use crate::error::SegmentError;
use decoder::Decoder;
use encoder::Encoder;

/// Samples in a frame.
const FRAME: usize = 512;
/// Samples of the past that a frame sees again.
const CONTEXT: usize = 64;
/// Samples mirrored at a frame's end.
const MIRRORED: usize = 64;
/// Frames that are convolved at once: 4 s.
const BATCH: usize = 128;
/// Samples that the network sees of a frame.
const SEEN: usize = CONTEXT + FRAME + MIRRORED;
/// Features of a frame, and units of the cell.
const HIDDEN: usize = 128;

const EMBEDDED_NAME: &str = "the embedded Silero VAD";
const EMBEDDED: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/vad/silero_vad_16k.safetensors"));

/// The detector with its weights, on the CPU in f32.
#[derive(Debug)]
pub(crate) struct SileroVad {
    encoder: Encoder,
    decoder: Decoder,
    sha256: String,
}

impl SileroVad {
    /// The weights that are part of the program.
    pub(crate) fn embedded() -> Result<Self, SegmentError> {
        Self::from_weights(&Weights::embedded(EMBEDDED_NAME, EMBEDDED), Path::new(EMBEDDED_NAME))
    }

    /// Loads and checks the weights in a safetensors file.
    pub(crate) fn load(path: &Path) -> Result<Self, SegmentError> {
        Self::from_weights(&Weights::from_files(&[path.to_owned()])?, path)
    }

    fn from_weights(weights: &Weights, path: &Path) -> Result<Self, SegmentError> {
        weights.open()?.check_values()?;
        let tensors = weights.load(DType::F32, &Device::Cpu)?;
        Self::from_tensors(&tensors, weights.sha256()?)
            .map_err(|reason| SegmentError::Tensors { path: path.to_owned(), reason })
    }

    fn from_tensors(tensors: &VarBuilder<'_>, sha256: &str) -> candle_core::Result<Self> {
        let (encoder, decoder) = (Encoder::load(tensors)?, Decoder::load(tensors)?);
        Ok(Self { encoder, decoder, sha256: sha256.to_owned() })
    }
}

impl Vad for SileroVad {
    fn identity(&self) -> VadIdentity {
        VadIdentity { name: SILERO.to_owned(), model_sha256: Some(self.sha256.clone()) }
    }

    fn frame(&self) -> usize {
        FRAME
    }

    fn listener(&self) -> Box<dyn Listener + '_> {
        Box::new(SileroListener {
            vad: self,
            pending: vec![0.0; CONTEXT],
            state: self.decoder.start(),
            probabilities: Vec::new(),
        })
    }
}

struct SileroListener<'a> {
    vad: &'a SileroVad,
    /// The context of the next frame and what came after it.
    pending: Vec<f32>,
    state: LstmState,
    probabilities: Vec<f32>,
}

impl SileroListener<'_> {
    /// Hears `count` frames from the start of `pending`.
    fn hear(&mut self, count: usize) -> candle_core::Result<()> {
        let mut frames = Vec::with_capacity(count * SEEN);
        for frame in 0..count {
            let seen = &self.pending[frame * FRAME..frame * FRAME + CONTEXT + FRAME];
            frames.extend_from_slice(seen);
            frames.extend(seen.iter().rev().skip(1).take(MIRRORED));
        }
        let frames = Tensor::from_vec(frames, (count, SEEN), &Device::Cpu)?;
        let features = self.vad.encoder.forward(&frames)?;
        self.probabilities.extend(self.vad.decoder.forward(&features, &mut self.state)?);
        self.pending.drain(..count * FRAME);
        Ok(())
    }

    fn whole_frames(&self) -> usize {
        (self.pending.len() - CONTEXT) / FRAME
    }
}

impl Listener for SileroListener<'_> {
    fn push(&mut self, samples: &[f32]) -> Result<(), SegmentError> {
        for block in samples.chunks(BATCH * FRAME) {
            self.pending.extend_from_slice(block);
            while self.whole_frames() >= BATCH {
                self.hear(BATCH)?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, _levels: &[f32]) -> Result<Vec<f32>, SegmentError> {
        let samples = self.pending.len() - CONTEXT;
        self.pending.resize(CONTEXT + samples.next_multiple_of(FRAME), 0.0);
        match self.whole_frames() {
            0 => {}
            frames => self.hear(frames)?,
        }
        Ok(self.probabilities)
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

    fn probabilities(vad: &SileroVad, blocks: std::slice::Chunks<'_, f32>) -> Vec<f32> {
        let mut listener = vad.listener();
        blocks.for_each(|block| listener.push(block).unwrap());
        listener.finish(&[]).unwrap()
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
    fn probabilities_are_those_of_the_silero_vad_package() {
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
        let vad = SileroVad::load(&weights).unwrap();
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
    fn blocks_make_no_difference() {
        let vad = SileroVad::embedded().unwrap();
        let samples: Vec<f32> = (0..100_000).map(|n| (n as f32 * 0.05).sin() * (n as f32 * 0.0007).sin()).collect();
        let whole = probabilities(&vad, samples.chunks(samples.len()));
        let cut = probabilities(&vad, samples.chunks(777));
        assert_eq!(whole.len(), samples.len().div_ceil(FRAME));
        let worst = whole.iter().zip(&cut).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-6, "largest difference {worst}");
        assert!(probabilities(&vad, [].chunks(1)).is_empty());
    }
}
