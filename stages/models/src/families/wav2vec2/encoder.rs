//! The encoder: transformer layers with the norms before each half (stable) or after it.
//!
//! The frames of all windows of a batch are consecutive rows without padding. Only attention and positions read other
//! rows, and only those of the same window. The result of a window therefore does not depend on the batch.

use std::ops::Range;

use candle_core::Result;
use kernels::{
    AttentionMask, CpuPrecision, Epilogue, KvCache, Linear, Mlp, Norm, QkvView, Queries, Rows, Sequence, Then, attend,
};

use rayon::prelude::*;

use super::model_config::Wav2Vec2Config;
use super::positions::Positions;
use crate::weights::{LayerWeights, Tensors, norm};

/// The layers between features and logits.
#[derive(Debug)]
pub(super) struct Encoder {
    positions: Positions,
    /// Applied after the layers if they are stable, otherwise before them.
    norm: Norm,
    layers: Vec<Layer>,
    heads: usize,
    stable: bool,
}

#[derive(Debug)]
struct Layer {
    /// Applied before attention if the layers are stable, otherwise after it.
    norm: Norm,
    /// Queries, keys and values, concatenated.
    projections: Linear,
    out: Linear,
    /// Its norm is applied first if the layers are stable, otherwise last.
    mlp: Mlp,
}

impl Encoder {
    /// Reads the tensors under `encoder`.
    pub(super) fn new(tensors: &Tensors<'_>, config: &Wav2Vec2Config) -> Result<Self> {
        let (width, epsilon) = (config.hidden_size, config.layer_norm_eps as f32);
        let layer = |index: usize| {
            let tensors = tensors.pp("layers").pp(index);
            let attention = |name: &str| LayerWeights::read(&tensors.pp("attention").pp(name), width, width);
            let scale = ((width / config.num_attention_heads) as f32).sqrt().recip();
            let projections = vec![attention("q_proj")?.scaled(scale), attention("k_proj")?, attention("v_proj")?];
            let feed_forward = tensors.pp("feed_forward");
            let wide = config.intermediate_size;
            let up = LayerWeights::read(&feed_forward.pp("intermediate_dense"), width, wide)?;
            let down = LayerWeights::read(&feed_forward.pp("output_dense"), wide, width)?;
            Ok(Layer {
                norm: norm(&tensors.pp("layer_norm"), width, epsilon)?,
                projections: LayerWeights::side_by_side(projections).pack(CpuPrecision::F32),
                out: attention("out_proj")?.pack(CpuPrecision::F32),
                mlp: Mlp {
                    norm: norm(&tensors.pp("final_layer_norm"), width, epsilon)?,
                    up: up.pack(CpuPrecision::F32),
                    down: down.pack(CpuPrecision::F32),
                },
            })
        };
        Ok(Self {
            positions: Positions::new(&tensors.pp("pos_conv_embed.conv"), config)?,
            norm: norm(&tensors.pp("layer_norm"), width, epsilon)?,
            layers: (0..config.num_hidden_layers).into_par_iter().map(layer).collect::<Result<_>>()?,
            heads: config.num_attention_heads,
            stable: config.do_stable_layer_norm,
        })
    }

    /// Runs `x` (`[frames, hidden]`) through all layers. `windows` are the frames of each window, in order and without
    /// gaps.
    pub(super) fn forward(&self, x: &mut [f32], windows: &[Range<usize>]) {
        let width = self.norm.weight.len();
        if x.is_empty() {
            return;
        }
        for window in windows {
            self.positions.add(&mut x[window.start * width..window.end * width]);
        }
        if !self.stable {
            self.norm.rows(x, Then::Nothing);
        }
        let new = |window: &Range<usize>| KvCache::new(self.heads, width / self.heads, window.len(), CpuPrecision::F32);
        let mut attention = Attention {
            windows,
            width,
            kv_cache: windows.iter().map(new).collect(),
            projected: vec![0.0; 3 * x.len()],
            mixed: vec![0.0; x.len()],
        };
        let mut hidden = Vec::new();
        for layer in &self.layers {
            let before = self.stable.then_some(&layer.norm);
            layer.projections.forward(Rows::dense(x, width), before, Epilogue::Store, &mut attention.projected);
            attention.mix();
            layer.out.forward(Rows::dense(&attention.mixed, width), None, Epilogue::Add, x);
            if self.stable {
                layer.mlp.add(x);
            } else {
                layer.norm.rows(x, Then::Nothing);
                layer.feed_forward(x, &mut hidden);
                layer.mlp.norm.rows(x, Then::Nothing);
            }
        }
        if self.stable {
            self.norm.rows(x, Then::Nothing);
        }
    }
}

impl Layer {
    /// Adds the output of the MLP, without its norm, to the rows.
    fn feed_forward(&self, x: &mut [f32], hidden: &mut Vec<f32>) {
        let (width, wide) = (self.mlp.up.inputs(), self.mlp.up.outputs());
        hidden.resize(x.len() / width * wide, 0.0);
        self.mlp.up.forward(Rows::dense(x, width), None, Epilogue::Gelu, hidden);
        self.mlp.down.forward(Rows::dense(hidden, wide), None, Epilogue::Add, x);
    }
}

/// Attention within each window, with buffers that all layers share.
struct Attention<'a> {
    windows: &'a [Range<usize>],
    width: usize,
    kv_cache: Vec<KvCache>,
    /// `[frames, 3 * hidden]`.
    projected: Vec<f32>,
    /// `[frames, hidden]`.
    mixed: Vec<f32>,
}

impl Attention<'_> {
    /// Computes `mixed` from `projected`.
    fn mix(&mut self) {
        let (width, stride) = (self.width, 3 * self.width);
        for (kv_cache, window) in self.kv_cache.iter_mut().zip(self.windows) {
            let rows = &self.projected[window.start * stride..window.end * stride];
            kv_cache.truncate(0);
            kv_cache.append(QkvView { rows, stride, keys: width, values: 2 * width, count: window.len() });
        }
        let sequence = |(kv_cache, rows): (_, &Range<usize>)| Sequence { kv_cache, rows: rows.clone() };
        let sequences: Vec<_> = self.kv_cache.iter().zip(self.windows).map(sequence).collect();
        let count = self.projected.len() / stride;
        attend(&sequences, Queries { values: &self.projected, stride, count }, AttentionMask::All, &mut self.mixed);
    }
}
