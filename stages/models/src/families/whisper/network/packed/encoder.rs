//! The encoder: two convolutions, stored position embeddings, pre-norm layers. Its buffers are reused between windows.

use std::sync::{Mutex, PoisonError};

use crate::{LayerWeights, Tensors};
use candle_core::{DType, Device, Result, Tensor};
use kernels::probe::span;
use kernels::{AttentionMask, CpuPrecision, Epilogue, KvCache, Linear, Mlp, Norm, Sequence, ops};
use rayon::prelude::*;

use super::{mlp, norm, queries_kv_cache};
use crate::families::whisper::model_config::WhisperConfig;

/// The encoder of the network.
#[derive(Debug)]
pub(super) struct Encoder {
    conv1: Linear,
    conv2: Linear,
    /// `[positions, width]`.
    positions: Tensor,
    layers: Vec<Layer>,
    norm: Norm,
    sizes: Sizes,
    /// Buffers that are not in use.
    buffers: Mutex<Vec<Buffers>>,
}

#[derive(Debug)]
struct Layer {
    norm: Norm,
    /// Queries, keys and values, concatenated.
    projections: Linear,
    out: Linear,
    mlp: Mlp,
}

#[derive(Debug, Clone, Copy)]
struct Sizes {
    bands: usize,
    positions: usize,
    width: usize,
    heads: usize,
    precision: CpuPrecision,
}

/// The encoder's buffers for one window.
#[derive(Debug)]
struct Buffers {
    /// `[1 + frames + 1, bands]`: one frame of zero padding on either side.
    mel: Tensor,
    /// `[1 + frames, width]`: one frame of zero padding at the start.
    convolved: Tensor,
    /// `[positions, width]`.
    x: Tensor,
    /// `[positions, 3 * width]`.
    projected: Tensor,
    /// `[positions, width]`.
    mixed: Tensor,
    kv_cache: KvCache,
}

impl Encoder {
    /// Reads the tensors under `model.encoder`.
    pub(super) fn new(tensors: &Tensors<'_>, config: &WhisperConfig, precision: CpuPrecision) -> Result<Self> {
        let (width, heads) = (config.d_model, config.encoder_attention_heads);
        // The input of the first convolution has too wide a range for 8 bits, and that convolution costs little.
        let first = if precision == CpuPrecision::Int8 { CpuPrecision::Bf16 } else { precision };
        let layer = |index: usize| {
            let tensors = tensors.pp("layers").pp(index);
            Ok(Layer {
                norm: norm(&tensors.pp("self_attn_layer_norm"), width)?,
                projections: queries_kv_cache(&tensors.pp("self_attn"), width, heads)?.pack(precision),
                out: LayerWeights::read(&tensors.pp("self_attn.out_proj"), width, width)?.pack(precision),
                mlp: mlp(&tensors, width, config.encoder_ffn_dim, precision)?,
            })
        };
        Ok(Self {
            conv1: LayerWeights::convolution(&tensors.pp("conv1"), (config.num_mel_bins, 3), width, true)?.pack(first),
            conv2: LayerWeights::convolution(&tensors.pp("conv2"), (width, 3), width, true)?.pack(precision),
            positions: tensors.tensor("embed_positions.weight", &[config.max_source_positions, width])?,
            layers: (0..config.encoder_layers).into_par_iter().map(layer).collect::<Result<_>>()?,
            norm: norm(&tensors.pp("layer_norm"), width)?,
            sizes: Sizes {
                bands: config.num_mel_bins,
                positions: config.max_source_positions,
                width,
                heads,
                precision,
            },
            buffers: Mutex::default(),
        })
    }

    /// Computes the states (`[positions, width]`, before the final norm) of a window's features (`[2 * positions,
    /// bands]`) and passes them to `use_states`, together with that norm.
    pub(super) fn with_states<T>(
        &self,
        features: &[f32],
        use_states: impl FnOnce(&Tensor, &Norm) -> Result<T>,
    ) -> Result<T> {
        let free = || self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = free().pop();
        let mut buffers = kept.map_or_else(|| Buffers::new(self.sizes), Ok)?;
        self.encode(features, &mut buffers)?;
        let result = use_states(&buffers.x, &self.norm);
        free().push(buffers);
        result
    }

    fn encode(&self, features: &[f32], buffers: &mut Buffers) -> Result<()> {
        let Sizes { bands, positions, width, .. } = self.sizes;
        let Buffers { mel, convolved, x, projected, mixed, kv_cache } = buffers;
        let frames = 2 * positions;

        span("encoder.stem", &Device::Cpu, || {
            mel.slice_set(&Tensor::from_slice(features, (frames, bands), &Device::Cpu)?, 0, 1)?;
            ops::strided(&self.conv1, None, Epilogue::Gelu, (mel, bands), &convolved.narrow(0, 1, frames)?)?;
            ops::strided(&self.conv2, None, Epilogue::Gelu, (convolved, 2 * width), x)?;
            ops::add(&self.positions, x)
        })?;
        for layer in &self.layers {
            span("encoder.projections", &Device::Cpu, || {
                ops::linear(&layer.projections, Some(&layer.norm), Epilogue::Store, x, projected)
            })?;
            span("encoder.attention", &Device::Cpu, || {
                kv_cache.truncate(0);
                ops::append(kv_cache, projected, 0..positions, (width, 2 * width))?;
                ops::attend(&[Sequence { kv_cache, rows: 0..positions }], AttentionMask::All, projected, mixed)
            })?;
            span("encoder.projections", &Device::Cpu, || ops::linear(&layer.out, None, Epilogue::Add, mixed, x))?;
            span("encoder.mlp", &Device::Cpu, || ops::mlp(&layer.mlp, x))?;
        }
        Ok(())
    }
}

impl Buffers {
    fn new(Sizes { bands, positions, width, heads, precision }: Sizes) -> Result<Self> {
        let zeros = |rows, columns| Tensor::zeros((rows, columns), DType::F32, &Device::Cpu);
        Ok(Self {
            mel: zeros(2 * positions + 2, bands)?,
            convolved: zeros(2 * positions + 1, width)?,
            x: zeros(positions, width)?,
            projected: zeros(positions, 3 * width)?,
            mixed: zeros(positions, width)?,
            kv_cache: KvCache::new(heads, width / heads, positions, precision),
        })
    }
}
