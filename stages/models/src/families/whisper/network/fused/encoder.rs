//! The encoder: two convolutions, stored position embeddings, pre-norm layers.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use kernels::fused;
use kernels::probe::span;

use super::layers::{Mlp, Projections, ResidualNorm, norm_before};
use crate::families::whisper::model_config::WhisperConfig;
use crate::families::whisper::network::plain::conv::Conv;

/// The encoder of the network.
#[derive(Debug)]
pub(super) struct Encoder {
    conv1: Conv,
    conv2: Conv,
    /// `[positions, width]`.
    positions: Tensor,
    /// The norm of the stem's output, before the first layer.
    norm: ResidualNorm,
    layers: Vec<Layer>,
}

#[derive(Debug)]
struct Layer {
    /// `[width, 3 * width]`.
    projections: Tensor,
    biases: Tensor,
    out: Tensor,
    mlp_norm: ResidualNorm,
    mlp: Mlp,
    /// The norm of the next layer, or the encoder's final norm.
    next_norm: ResidualNorm,
}

impl Encoder {
    /// Reads the tensors under `model.encoder`.
    pub(super) fn new(tensors: &VarBuilder<'_>, config: &WhisperConfig) -> Result<Self> {
        let width = config.d_model;
        let norm_before = |layer| norm_before(tensors, layer, config.encoder_layers);
        let layer = |index: usize| {
            let tensors = tensors.pp("layers").pp(index);
            let attention = Projections::new(&tensors.pp("self_attn"), width)?;
            let mlp = Mlp::new(&tensors, width, config.encoder_ffn_dim)?;
            Ok(Layer {
                projections: attention.side_by_side()?,
                mlp_norm: ResidualNorm::new(&attention.out_bias, &tensors.pp("final_layer_norm"))?,
                next_norm: ResidualNorm::new(&mlp.down_bias, &norm_before(index + 1))?,
                biases: attention.biases,
                out: attention.out,
                mlp,
            })
        };
        Ok(Self {
            conv1: Conv::new(&tensors.pp("conv1"), config.num_mel_bins, width, 1)?,
            conv2: Conv::new(&tensors.pp("conv2"), width, width, 2)?,
            positions: tensors.get((config.max_source_positions, width), "embed_positions.weight")?,
            norm: ResidualNorm::without_bias(&norm_before(0), width)?,
            layers: (0..config.encoder_layers).map(layer).collect::<Result<_>>()?,
        })
    }

    /// Computes states `[windows, positions, width]` from log-mel features `[windows, 2 * positions, bands]`.
    pub(super) fn forward(&self, mel: &Tensor) -> Result<Tensor> {
        let device = mel.device();
        let (x, mut normed) = span("encoder.stem", device, || {
            let x = self.conv2.forward(&self.conv1.forward(&mel.to_dtype(self.positions.dtype())?)?)?;
            let positions = self.positions.broadcast_as(x.shape())?.contiguous()?;
            self.norm.forward(&x, &positions)
        })?;
        let (windows, positions, width) = x.dims3()?;
        let mut x = x.reshape(((), width))?;
        for layer in &self.layers {
            (x, normed) = span("encoder.attention", device, || {
                let rows = normed.reshape((windows * positions, width))?;
                let projections = rows.matmul(&layer.projections)?.reshape((windows, positions, 3 * width))?;
                let mixed = fused::encoder_attention(&projections, &layer.biases)?.reshape(((), width))?;
                layer.mlp_norm.forward(&x, &mixed.matmul(&layer.out)?)
            })?;
            (x, normed) = span("encoder.mlp", device, || layer.next_norm.forward(&x, &layer.mlp.forward(&normed)?))?;
        }
        normed.reshape((windows, positions, width))
    }
}
