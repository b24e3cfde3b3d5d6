//! A detector of overlap (two people speak at once) and of speaker changes, in frames of 20 ms: mel energies -> input
//! layer -> five residual blocks of a dilated depthwise convolution and two linear layers -> two probabilities.
//!
//! The network was trained by this project on simulated telephone conversations
//! (`fixtures/models/speaker-change/README.md`). It finds a quarter of the overlap at a precision of two thirds: a hint
//! for listeners, not a measurement.

use candle_nn::VarBuilder;
use kernels::{CpuPrecision, Epilogue, Linear, Norm, Rows, Then};

use crate::mel::{HOP, MelBands};
use crate::{ModelError, Weights};

/// Samples per frame at 16 kHz: 20 ms.
pub const FRAME: usize = MELS_PER_FRAME * HOP;
/// Samples over which the mean energy of each band is removed: 10 s.
pub const CHUNK: usize = CHUNK_MELS * HOP;
/// An output depends on this many samples on each side, and on nothing further but the means of the chunks.
pub const CONTEXT: usize = 124 * FRAME;

const BANDS: usize = 40;
const MELS_PER_FRAME: usize = 2;
const CHUNK_MELS: usize = 1_000;
const WIDTH: usize = 64;
const HIDDEN: usize = 2 * WIDTH;
const KERNEL: usize = 9;
const DILATIONS: [usize; 5] = [1, 2, 4, 8, 16];
const NORM_EPSILON: f32 = 1e-5;
/// Level to which active frames are scaled, and the floor of the power in a band after it.
const ACTIVE_LEVEL: f64 = 0.04;
const FLOOR: f64 = 1e-8;

const EMBEDDED_NAME: &str = "the embedded detector of overlap";
const EMBEDDED: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../fixtures/models/speaker-change/speaker_change.safetensors"
));

/// The network with its weights, on the CPU in f32.
///
/// # Example
///
/// ```
/// use models::speaker_change::{FRAME, SpeakerChange};
///
/// let detector = SpeakerChange::embedded()?;
/// let found = detector.probabilities(&vec![0.0; 16_000]);
/// assert_eq!(found.len(), 16_000 / FRAME);
/// assert!(found.iter().all(|frame| frame.overlap < 0.1), "nobody speaks");
/// # Ok::<(), models::ModelError>(())
/// ```
#[derive(Debug)]
pub struct SpeakerChange {
    bands: MelBands,
    input: Linear,
    blocks: Vec<Block>,
    norm: Norm,
    output: Linear,
    sha256: String,
    file: String,
}

/// What the network finds in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FrameProbabilities {
    /// Probability that two people speak at once.
    pub overlap: f32,
    /// Probability that the speaker changes within 0.1 s.
    pub change: f32,
}

/// `x += down(gelu(up(mix(norm(x)))))`.
#[derive(Debug)]
struct Block {
    norm: Norm,
    mix: Depthwise,
    up: Linear,
    down: Linear,
}

/// A convolution over time of each column by itself. Frames outside are zero.
#[derive(Debug)]
struct Depthwise {
    /// `[tap][column]`.
    taps: Vec<Vec<f32>>,
    bias: Vec<f32>,
    dilation: usize,
}

impl SpeakerChange {
    /// Loads and checks the weights that are embedded in the program.
    ///
    /// # Errors
    /// A [`ModelError`] if the program was built with the tensors of another model.
    pub fn embedded() -> Result<Self, ModelError> {
        let weights = Weights::embedded(EMBEDDED_NAME, EMBEDDED);
        weights.load_network(EMBEDDED_NAME, "the detector of overlap and speaker change", Self::from_tensors)
    }

    fn from_tensors(tensors: &VarBuilder<'_>, sha256: &str, file: &str) -> candle_core::Result<Self> {
        let blocks = DILATIONS.iter().enumerate();
        Ok(Self {
            bands: MelBands::new(BANDS),
            input: linear(&tensors.pp("input"), MELS_PER_FRAME * BANDS, WIDTH)?,
            blocks: blocks
                .map(|(index, dilation)| Block::load(&tensors.pp("blocks").pp(index), *dilation))
                .collect::<Result<_, _>>()?,
            norm: norm(&tensors.pp("norm"))?,
            output: linear(&tensors.pp("output"), WIDTH, 2)?,
            sha256: sha256.to_owned(),
            file: file.to_owned(),
        })
    }

    /// The name of the file of the weights.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// SHA-256 of the weights, as hex.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The probabilities of each frame of samples at 16 kHz. Blocks of a recording that begin at a multiple of [`CHUNK`]
    /// give the same values as the whole, except within [`CONTEXT`] of their ends and for the level, which is estimated
    /// from these samples. Where no sample differs from zero nobody speaks: 0.
    #[must_use]
    pub fn probabilities(&self, samples: &[f32]) -> Vec<FrameProbabilities> {
        let Some(gain) = active_gain(samples) else {
            return vec![FrameProbabilities::default(); samples.len() / FRAME];
        };
        let features = self.features(samples, gain);
        let frames = features.len() / (MELS_PER_FRAME * BANDS);
        let mut x = vec![0.0; frames * WIDTH];
        self.input.forward(Rows::dense(&features, MELS_PER_FRAME * BANDS), None, Epilogue::Gelu, &mut x);
        for block in &self.blocks {
            block.add(&mut x);
        }
        let mut logits = vec![0.0; frames * 2];
        self.output.forward(Rows::dense(&x, WIDTH), Some(&self.norm), Epilogue::Store, &mut logits);
        let frame = |logits: &[f32]| FrameProbabilities { overlap: sigmoid(logits[0]), change: sigmoid(logits[1]) };
        logits.chunks_exact(2).map(frame).collect()
    }

    /// Logarithmic mel energies less the mean of each band over each chunk; two mel frames in each row.
    fn features(&self, samples: &[f32], gain: f64) -> Vec<f32> {
        let mut mels = self.bands.rows::<BANDS>(samples);
        mels.truncate(samples.len() / HOP);
        let energy = |power: f32| (f64::from(power) * gain * gain).max(FLOOR).log10() as f32;
        mels.iter_mut().flatten().for_each(|power| *power = energy(*power));
        let count = ((mels.len() + CHUNK_MELS / 2) / CHUNK_MELS).max(1);
        let mut rest = mels.as_mut_slice();
        for chunk in 0..count {
            let length = if chunk + 1 == count { rest.len() } else { CHUNK_MELS };
            let (own, others) = rest.split_at_mut(length);
            center(own);
            rest = others;
        }
        mels.truncate(mels.len() / MELS_PER_FRAME * MELS_PER_FRAME);
        mels.into_flattened()
    }
}

/// Subtracts the mean of each band.
fn center(mels: &mut [[f32; BANDS]]) {
    for band in 0..BANDS {
        let mean = mels.iter().map(|mel| f64::from(mel[band])).sum::<f64>() / mels.len().max(1) as f64;
        mels.iter_mut().for_each(|mel| mel[band] -= mean as f32);
    }
}

/// The gain that gives frames of 10 ms with more than a tenth of the mean energy an RMS of [`ACTIVE_LEVEL`]. `None` if there is no such
/// frame.
fn active_gain(samples: &[f32]) -> Option<f64> {
    let energy = |frame: &[f32]| frame.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>() / HOP as f64;
    let energies: Vec<f64> = samples.chunks_exact(HOP).map(energy).collect();
    let mean = |energies: &[f64]| energies.iter().sum::<f64>() / energies.len().max(1) as f64;
    let least = 0.1 * mean(&energies);
    let active: Vec<f64> = energies.into_iter().filter(|energy| *energy > least).collect();
    (!active.is_empty()).then(|| ACTIVE_LEVEL / mean(&active).sqrt())
}

impl Block {
    fn load(tensors: &VarBuilder<'_>, dilation: usize) -> candle_core::Result<Self> {
        Ok(Self {
            norm: norm(&tensors.pp("norm"))?,
            mix: Depthwise::load(&tensors.pp("mix"), dilation)?,
            up: linear(&tensors.pp("up"), WIDTH, HIDDEN)?,
            down: linear(&tensors.pp("down"), HIDDEN, WIDTH)?,
        })
    }

    fn add(&self, x: &mut [f32]) {
        let mut normed = x.to_vec();
        self.norm.rows(&mut normed, Then::Nothing);
        let mixed = self.mix.forward(&normed);
        let mut hidden = vec![0.0; x.len() / WIDTH * HIDDEN];
        self.up.forward(Rows::dense(&mixed, WIDTH), None, Epilogue::Gelu, &mut hidden);
        self.down.forward(Rows::dense(&hidden, HIDDEN), None, Epilogue::Add, x);
    }
}

impl Depthwise {
    fn load(tensors: &VarBuilder<'_>, dilation: usize) -> candle_core::Result<Self> {
        let weight = tensors.get((WIDTH, 1, KERNEL), "weight")?.flatten_all()?.to_vec1::<f32>()?;
        let tap = |tap: usize| (0..WIDTH).map(|column| weight[column * KERNEL + tap]).collect();
        let bias = tensors.get(WIDTH, "bias")?.to_vec1()?;
        Ok(Self { taps: (0..KERNEL).map(tap).collect(), bias, dilation })
    }

    fn forward(&self, x: &[f32]) -> Vec<f32> {
        let mut out = self.bias.repeat(x.len() / WIDTH);
        for (frame, row) in out.chunks_exact_mut(WIDTH).enumerate() {
            for (tap, weights) in self.taps.iter().enumerate() {
                let place = (frame + tap * self.dilation).checked_sub(KERNEL / 2 * self.dilation);
                let Some(input) = place.and_then(|place| x.get(place * WIDTH..(place + 1) * WIDTH)) else { continue };
                let terms = row.iter_mut().zip(weights).zip(input);
                terms.for_each(|((sum, weight), input)| *sum += weight * input);
            }
        }
        out
    }
}

fn linear(tensors: &VarBuilder<'_>, inputs: usize, outputs: usize) -> candle_core::Result<Linear> {
    let weight = tensors.get((outputs, inputs), "weight")?.flatten_all()?.to_vec1::<f32>()?;
    let bias = tensors.get(outputs, "bias")?.to_vec1::<f32>()?;
    Ok(Linear::new(&weight, Some(&bias), inputs, CpuPrecision::F32))
}

fn norm(tensors: &VarBuilder<'_>) -> candle_core::Result<Norm> {
    let values = |name: &str| tensors.get(WIDTH, name)?.to_vec1();
    Ok(Norm { weight: values("weight")?, bias: values("bias")?, epsilon: NORM_EPSILON })
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use testkit::Wav;

    use super::*;

    #[test]
    fn speaker_change_gives_the_probabilities_of_its_reference() {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/speaker_change.py");
        let wavs = ["en/jfk.wav", "ko/azure_ko.wav"].map(|name| testkit::fixture("speech").join(name));
        let Some(output) = testkit::python(script, &wavs.each_ref().map(|path| path.as_os_str())) else { return };
        let expected: Vec<Vec<[f32; 2]>> = serde_json::from_slice(&output).unwrap();
        let detector = SpeakerChange::embedded().unwrap();
        let mut worst = 0.0f32;
        for (wav, expected) in wavs.iter().zip(&expected) {
            let found = detector.probabilities(&Wav::read_mono(wav, 16_000));
            assert_eq!(found.len(), expected.len());
            let off = found.iter().zip(expected).map(|(a, b)| (a.overlap - b[0]).abs().max((a.change - b[1]).abs()));
            worst = off.fold(worst, f32::max);
        }
        assert_eq!(expected.len(), wavs.len());
        println!("largest difference: {worst:.1e}");
        assert!(worst < 1e-3, "largest difference {worst}");
    }

    #[test]
    fn speaker_change_of_a_block_is_that_of_the_whole() {
        let samples = Wav::read_mono(&testkit::fixture("speech").join("ko/azure_ko.wav"), 16_000);
        let samples: Vec<f32> = samples.iter().copied().cycle().take(5 * CHUNK).collect();
        let detector = SpeakerChange::embedded().unwrap();
        let whole = detector.probabilities(&samples);
        let block = detector.probabilities(&samples[CHUNK..4 * CHUNK]);
        for (a, b) in whole[CHUNK / FRAME..].iter().zip(&block).skip(CONTEXT / FRAME).take(CHUNK / FRAME) {
            assert!((a.overlap - b.overlap).abs() < 0.02 && (a.change - b.change).abs() < 0.02, "{a:?} {b:?}");
        }
    }

    #[test]
    fn speaker_change_of_almost_nothing_is_empty() {
        let detector = SpeakerChange::embedded().unwrap();
        for length in [0, 1, 319] {
            assert!(detector.probabilities(&vec![0.1; length]).is_empty());
        }
        assert_eq!(detector.probabilities(&[0.1; 640]).len(), 2);
    }
}
