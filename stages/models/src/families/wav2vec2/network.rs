//! The network of transformers' implementation, in f32 on the CPU. Supports the layouts of base (group norm, norms
//! after each half) and of large and XLSR (layer norms, before each half).

use std::borrow::Cow;
use std::ops::Range;

use candle_core::Result;
use kernels::{CpuPrecision, Epilogue, Linear, Rows, log_sum_exp};

use super::encoder::Encoder;
use super::features::FeatureExtractor;
use super::model_config::Wav2Vec2Config;
use crate::weights::{LayerWeights, Tensors};

/// Frames that are encoded at once (40 s).
pub(super) const BLOCK: usize = 2000;
/// Context frames that are encoded on either side of a block of a longer window (2 s).
const CONTEXT: usize = 100;

/// Log-probabilities (natural) of every symbol at every frame of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct LogProbs {
    /// `[frames, symbols]`.
    pub values: Vec<f32>,
    /// Number of symbols in the vocabulary.
    pub symbols: usize,
    /// The blank symbol.
    pub blank: usize,
}

impl LogProbs {
    /// Number of frames in the window.
    #[must_use]
    pub const fn frames(&self) -> usize {
        self.values.len() / self.symbols
    }
}

/// The network with packed weights.
#[derive(Debug)]
pub struct Wav2Vec2 {
    features: FeatureExtractor,
    encoder: Encoder,
    head: Linear,
    pub(super) config: Wav2Vec2Config,
    do_normalize: bool,
}

impl Wav2Vec2 {
    /// Packs the tensors of the network.
    pub(super) fn new(tensors: &Tensors<'_>, config: &Wav2Vec2Config, do_normalize: bool) -> Result<Self> {
        let body = tensors.pp("wav2vec2");
        Ok(Self {
            features: FeatureExtractor::new(&body, config)?,
            encoder: Encoder::new(&body.pp("encoder"), config)?,
            head: LayerWeights::read(&tensors.pp("lm_head"), config.hidden_size, config.vocab_size)?
                .pack(CpuPrecision::F32),
            config: config.clone(),
            do_normalize,
        })
    }

    /// Logits of several windows of prepared samples, `[frames, vocabulary]` each. The logits of a window are the same
    /// in every batch. A window shorter than the receptive field has no frames.
    pub(super) fn logits(&self, windows: &[&[f32]]) -> Vec<Vec<f32>> {
        let width = self.config.hidden_size;
        let (mut x, mut ranges) = (Vec::new(), Vec::new());
        for samples in windows {
            let start = x.len() / width;
            self.features.extend(samples, &mut x);
            ranges.push(start..x.len() / width);
        }
        let filled: Vec<_> = ranges.iter().filter(|range| !range.is_empty()).cloned().collect();
        self.encoder.forward(&mut x, &filled);
        let symbols = self.head.outputs();
        let mut logits = vec![0.0; x.len() / width * symbols];
        self.head.forward(Rows::dense(&x, width), None, Epilogue::Store, &mut logits);
        ranges.into_iter().map(|range| logits[range.start * symbols..range.end * symbols].to_vec()).collect()
    }

    /// Log-probabilities of several windows of samples at 16 kHz, each as if it were alone. A window longer than 40 s
    /// is encoded in overlapping blocks.
    #[must_use]
    pub fn emissions(&self, windows: &[&[f32]]) -> Vec<LogProbs> {
        let prepared: Vec<Cow<'_, [f32]>> = windows.iter().map(|samples| self.prepare(samples)).collect();
        let blocks: Vec<Vec<Block>> = prepared.iter().map(|samples| self.blocks(samples.len())).collect();
        let encoded: Vec<&[f32]> = prepared
            .iter()
            .zip(&blocks)
            .flat_map(|(samples, blocks)| blocks.iter().map(|block| &samples[block.samples.clone()]))
            .collect();
        let (mut logits, symbols) = (self.logits(&encoded).into_iter(), self.head.outputs());
        let stitched = |blocks: &Vec<Block>| {
            let kept = blocks.iter().zip(&mut logits);
            let kept = kept.map(|(block, rows)| rows[block.kept.start * symbols..block.kept.end * symbols].to_vec());
            let values = log_softmax(kept.collect::<Vec<_>>().concat(), symbols);
            LogProbs { values, symbols, blank: self.config.pad_token_id as usize }
        };
        blocks.iter().map(stitched).collect()
    }

    pub(super) fn prepare<'a>(&self, samples: &'a [f32]) -> Cow<'a, [f32]> {
        if self.do_normalize { normalized(samples).into() } else { samples.into() }
    }

    /// Splits a window of this many samples into blocks.
    pub(super) fn blocks(&self, samples: usize) -> Vec<Block> {
        let (frames, hop, field) = (self.config.frames(samples), self.config.hop(), self.config.receptive_field());
        if frames <= BLOCK {
            return vec![Block { samples: 0..samples, kept: 0..frames }];
        }
        (0..frames)
            .step_by(BLOCK - 2 * CONTEXT)
            .map(|first| {
                let end = (first + BLOCK - 2 * CONTEXT).min(frames);
                let range = first.saturating_sub(CONTEXT)..(end + CONTEXT).min(frames);
                Block {
                    samples: range.start * hop..(range.end - 1) * hop + field,
                    kept: first - range.start..end - range.start,
                }
            })
            .collect()
    }
}

/// A part of a window that is encoded at once.
pub(super) struct Block {
    pub(super) samples: Range<usize>,
    /// The frames whose results are used; the others are context.
    pub(super) kept: Range<usize>,
}

fn log_softmax(mut values: Vec<f32>, symbols: usize) -> Vec<f32> {
    for row in values.chunks_exact_mut(symbols) {
        let total = log_sum_exp(row);
        row.iter_mut().for_each(|x| *x = (f64::from(*x) - total) as f32);
    }
    values
}

/// Normalizes samples to mean 0 and variance 1, like transformers' feature extractor.
fn normalized(samples: &[f32]) -> Vec<f32> {
    let count = samples.len().max(1) as f64;
    let mean = samples.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
    let variance = samples.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / count;
    let scale = (variance + 1e-7).sqrt().recip();
    samples.iter().map(|x| ((f64::from(*x) - mean) * scale) as f32).collect()
}
