//! Silero VAD at 16 kHz: the architecture of <https://github.com/snakers4/silero-vad> since version 5, restated from its
//! published description (`tinygrad_model.py`).
//!
//! A frame of 512 samples with the 64 before it and 64 mirrored after it passes a short-time Fourier transform, four
//! convolutions, an LSTM cell and a sigmoid. Only the cell knows the past, so that all frames of a block are convolved
//! at once and just the cell runs frame by frame.

use std::path::Path;

use candle_core::{D, DType, Device, Tensor};
use candle_nn::{Conv1d, Conv1dConfig, Module, VarBuilder, conv1d, conv1d_no_bias};
use nn::Weights;
use stage_core::VadIdentity;

use super::{Listener, Vad};
use crate::config::SILERO;
use crate::error::SegmentError;

/// Samples in a frame.
const FRAME: usize = 512;
/// Samples of the past that a frame sees again.
const CONTEXT: usize = 64;
/// Samples mirrored at a frame's end.
const MIRRORED: usize = 64;
/// Frames that are convolved at once: 4 s.
const BATCH: usize = 128;
const FFT: usize = 256;
const BINS: usize = FFT / 2 + 1;
const HIDDEN: usize = 128;

const EMBEDDED_NAME: &str = "the embedded Silero VAD";
const EMBEDDED: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/vad/silero_vad_16k.safetensors"));

/// The detector with its weights, on the CPU in f32.
#[derive(Debug)]
pub(crate) struct SileroVad {
    encoder: Encoder,
    cell: LstmCell,
    output: Vec<f32>,
    output_bias: f32,
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
        let tensors = weights.load(DType::F32, &Device::Cpu)?;
        Self::from_tensors(&tensors, weights.sha256()?)
            .map_err(|reason| SegmentError::Tensors { path: path.to_owned(), reason })
    }

    fn from_tensors(tensors: &VarBuilder<'_>, sha256: &str) -> candle_core::Result<Self> {
        Ok(Self {
            encoder: Encoder::load(tensors)?,
            cell: LstmCell::load(&tensors.pp("lstm_cell"))?,
            output: tensors.get((1, HIDDEN, 1), "final_conv.weight")?.flatten_all()?.to_vec1()?,
            output_bias: tensors.get(1, "final_conv.bias")?.to_vec1::<f32>()?[0],
            sha256: sha256.to_owned(),
        })
    }

    fn probability(&self, hidden: &[f32]) -> f32 {
        let logit = self.output.iter().zip(hidden).map(|(w, h)| w * h.max(0.0)).sum::<f32>() + self.output_bias;
        sigmoid(logit)
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
            state: CellState::default(),
            probabilities: Vec::new(),
        })
    }
}

/// Short-time Fourier transform and convolutions: frames to features.
#[derive(Debug)]
struct Encoder {
    stft: Conv1d,
    convolutions: [Conv1d; 4],
}

impl Encoder {
    fn load(tensors: &VarBuilder<'_>) -> candle_core::Result<Self> {
        let strided = |stride, padding| Conv1dConfig { stride, padding, ..Default::default() };
        let layer = |inputs, outputs, stride, name| conv1d(inputs, outputs, 3, strided(stride, 1), tensors.pp(name));
        Ok(Self {
            stft: conv1d_no_bias(1, 2 * BINS, FFT, strided(FFT / 2, 0), tensors.pp("stft_conv"))?,
            convolutions: [
                layer(BINS, 128, 1, "conv1")?,
                layer(128, 64, 2, "conv2")?,
                layer(64, 64, 2, "conv3")?,
                layer(64, HIDDEN, 1, "conv4")?,
            ],
        })
    }

    /// Frames (n, 1, 640) to features (n, 128).
    fn forward(&self, frames: &Tensor) -> candle_core::Result<Tensor> {
        let spectrum = self.stft.forward(frames)?;
        let (real, imaginary) = (spectrum.narrow(1, 0, BINS)?, spectrum.narrow(1, BINS, BINS)?);
        let magnitude = (real.sqr()? + imaginary.sqr()?)?.sqrt()?;
        let features = self.convolutions.iter().try_fold(magnitude, |x, layer| layer.forward(&x)?.relu())?;
        features.squeeze(D::Minus1)
    }
}

/// An LSTM cell with PyTorch's order of gates: input, forget, cell, output.
#[derive(Debug)]
struct LstmCell {
    /// (128, 512), so that features times it are gates.
    from_input: Tensor,
    /// Both biases together, (512).
    bias: Tensor,
    /// (128, 512) by rows.
    from_hidden: Vec<f32>,
}

#[derive(Debug, Clone)]
struct CellState {
    hidden: Vec<f32>,
    cell: Vec<f32>,
}

impl Default for CellState {
    fn default() -> Self {
        Self { hidden: vec![0.0; HIDDEN], cell: vec![0.0; HIDDEN] }
    }
}

impl LstmCell {
    fn load(tensors: &VarBuilder<'_>) -> candle_core::Result<Self> {
        let shape = (4 * HIDDEN, HIDDEN);
        let transposed = |name| tensors.get(shape, name)?.t()?.contiguous();
        Ok(Self {
            from_input: transposed("weight_ih")?,
            bias: (tensors.get(4 * HIDDEN, "bias_ih")? + tensors.get(4 * HIDDEN, "bias_hh")?)?,
            from_hidden: transposed("weight_hh")?.flatten_all()?.to_vec1()?,
        })
    }

    /// The input's share of the gates: features (n, 128) to (n, 512).
    fn gates(&self, features: &Tensor) -> candle_core::Result<Vec<Vec<f32>>> {
        features.matmul(&self.from_input)?.broadcast_add(&self.bias)?.to_vec2()
    }

    fn step(&self, mut gates: Vec<f32>, state: &mut CellState) {
        for (h, row) in state.hidden.iter().zip(self.from_hidden.chunks_exact(4 * HIDDEN)) {
            gates.iter_mut().zip(row).for_each(|(gate, weight)| *gate += h * weight);
        }
        for unit in 0..HIDDEN {
            let gate = |index: usize| gates[index * HIDDEN + unit];
            state.cell[unit] = sigmoid(gate(1)) * state.cell[unit] + sigmoid(gate(0)) * gate(2).tanh();
            state.hidden[unit] = sigmoid(gate(3)) * state.cell[unit].tanh();
        }
    }
}

struct SileroListener<'a> {
    vad: &'a SileroVad,
    /// The context of the next frame and what came after it.
    pending: Vec<f32>,
    state: CellState,
    probabilities: Vec<f32>,
}

impl SileroListener<'_> {
    /// Hears `count` frames from the start of `pending`.
    fn hear(&mut self, count: usize) -> candle_core::Result<()> {
        let mut frames = Vec::with_capacity(count * (CONTEXT + FRAME + MIRRORED));
        for frame in 0..count {
            let seen = &self.pending[frame * FRAME..frame * FRAME + CONTEXT + FRAME];
            frames.extend_from_slice(seen);
            frames.extend(seen.iter().rev().skip(1).take(MIRRORED));
        }
        let frames = Tensor::from_vec(frames, (count, 1, CONTEXT + FRAME + MIRRORED), &Device::Cpu)?;
        for gates in self.vad.cell.gates(&self.vad.encoder.forward(&frames)?)? {
            self.vad.cell.step(gates, &mut self.state);
            self.probabilities.push(self.vad.probability(&self.state.hidden));
        }
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

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
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

    /// The package's executable model and ours, on the weights of the package.
    #[test]
    fn probabilities_are_those_of_the_silero_vad_package() {
        let python =
            env::var_os("EARWITNESS_ORACLE_PYTHON").map_or_else(|| crate_path("../../.venv/bin/python"), PathBuf::from);
        let wav = crate_path("../../../shared/data/vad/test.wav");
        if let Some(missing) = [&python, &wav].into_iter().find(|path| !path.is_file()) {
            eprintln!("skipped: {} is missing", missing.display());
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let weights = folder.path().join("package.safetensors");
        let script = crate_path("tests/oracle/silero.py");
        let oracle = Command::new(python).arg(script).arg(&weights).arg(&wav).output().unwrap();
        assert!(oracle.status.success(), "{}", String::from_utf8_lossy(&oracle.stderr));
        let expected: Vec<f32> =
            String::from_utf8(oracle.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect();
        let samples: Vec<f32> = hound::WavReader::open(wav)
            .unwrap()
            .samples::<i16>()
            .map(|sample| f32::from(sample.unwrap()) / 32_768.0)
            .collect();
        let found = probabilities(&SileroVad::load(&weights).unwrap(), samples.chunks(samples.len()));
        assert_eq!(found.len(), expected.len());
        let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-3, "largest difference {worst}");
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
