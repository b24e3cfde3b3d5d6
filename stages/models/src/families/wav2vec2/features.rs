//! The feature extractor: convolutions from samples to frames, and the projection to the encoder's width.
//!
//! Frames are rows, so a convolution is a linear layer over overlapping rows.

use candle_core::Result;
use kernels::{CpuPrecision, Epilogue, Linear, Norm, Rows, Then};

use super::model_config::{FeatureNorm, Wav2Vec2Config};
use crate::weights::{LayerWeights, Tensors, norm};

/// Epsilon of the norms between the convolutions.
const EPSILON: f32 = 1e-5;

/// Converts samples to frames.
#[derive(Debug)]
pub(super) struct FeatureExtractor {
    layers: Vec<Convolution>,
    norm: Norm,
    projection: Linear,
}

#[derive(Debug)]
struct Convolution {
    linear: Linear,
    taps: usize,
    stride: usize,
    channels: usize,
    norm: ConvolutionNorm,
}

/// The norm between a convolution and its GELU.
#[derive(Debug)]
enum ConvolutionNorm {
    Nothing,
    /// Normalizes each channel over time.
    Channels(Norm),
    /// Normalizes each frame over the channels.
    Frames(Norm),
}

impl FeatureExtractor {
    /// Reads the tensors under `feature_extractor` and `feature_projection`.
    pub(super) fn new(tensors: &Tensors<'_>, config: &Wav2Vec2Config) -> Result<Self> {
        let layer = |index: usize| {
            let tensors = tensors.pp("feature_extractor.conv_layers").pp(index);
            let channels = if index == 0 { 1 } else { config.conv_dim[index - 1] };
            let (taps, outputs) = (config.conv_kernel[index], config.conv_dim[index]);
            let weights = LayerWeights::convolution(&tensors.pp("conv"), (channels, taps), outputs, config.conv_bias)?;
            let norm = || norm(&tensors.pp("layer_norm"), outputs, EPSILON);
            Ok(Convolution {
                linear: weights.pack(CpuPrecision::F32),
                taps,
                stride: config.conv_stride[index],
                channels,
                norm: match config.feat_extract_norm {
                    FeatureNorm::Layer => ConvolutionNorm::Frames(norm()?),
                    FeatureNorm::Group if index == 0 => ConvolutionNorm::Channels(norm()?),
                    FeatureNorm::Group => ConvolutionNorm::Nothing,
                },
            })
        };
        let layers = (0..config.conv_dim.len()).map(layer).collect::<Result<Vec<_>>>()?;
        let width = layers.last().map_or(1, |layer| layer.linear.outputs());
        let projection = tensors.pp("feature_projection");
        Ok(Self {
            layers,
            norm: norm(&projection.pp("layer_norm"), width, config.layer_norm_eps as f32)?,
            projection: LayerWeights::read(&projection.pp("projection"), width, config.hidden_size)?
                .pack(CpuPrecision::F32),
        })
    }

    /// Computes the frames (`[frames, hidden]`) of the samples of one window and appends them to `out`.
    pub(super) fn extend(&self, samples: &[f32], out: &mut Vec<f32>) {
        let mut layers = self.layers.iter();
        let first = layers.next().map_or_else(|| samples.to_vec(), |layer| layer.forward(samples));
        let frames = layers.fold(first, |x, layer| layer.forward(&x));
        let rows = Rows::dense(&frames, self.norm.weight.len());
        let start = out.len();
        out.resize(start + rows.count * self.projection.outputs(), 0.0);
        self.projection.forward(rows, Some(&self.norm), Epilogue::Store, &mut out[start..]);
    }
}

impl Convolution {
    fn forward(&self, x: &[f32]) -> Vec<f32> {
        let len = x.len() / self.channels;
        let count = if len < self.taps { 0 } else { (len - self.taps) / self.stride + 1 };
        let mut out = vec![0.0; count * self.linear.outputs()];
        let finish = if matches!(self.norm, ConvolutionNorm::Nothing) { Epilogue::Gelu } else { Epilogue::Store };
        self.linear.forward(Rows { values: x, stride: self.stride * self.channels, count }, None, finish, &mut out);
        match &self.norm {
            ConvolutionNorm::Nothing => {}
            ConvolutionNorm::Channels(norm) => norm.columns(&mut out, Then::Gelu),
            ConvolutionNorm::Frames(norm) => norm.rows(&mut out, Then::Gelu),
        }
        out
    }
}
