//! The decoder: each step takes the new tokens of some lanes and returns the logits of the last token of each lane.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{LayerNorm, Module, VarBuilder};
use kernels::fused::product_f32;

use super::attention::Attention;
use super::cache::{Audio, Cache, Shape};
use super::layers::{Mlp, layer_norm, matrix};
use crate::families::whisper::model_config::WhisperConfig;
use crate::families::whisper::network::{Row, Text};

/// The decoder of the network.
#[derive(Debug)]
pub(super) struct Decoder {
    /// `[vocabulary, width]`. The output layer is its transpose.
    embedding: Tensor,
    /// `[positions, width]`.
    positions: Tensor,
    layers: Vec<Layer>,
    norm: LayerNorm,
    heads: usize,
}

#[derive(Debug)]
struct Layer {
    self_norm: LayerNorm,
    self_attention: Attention,
    cross_norm: LayerNorm,
    cross_attention: Attention,
    /// Cross-attention heads (u32) whose weights locate tokens in the audio, if this layer has any.
    alignment_heads: Option<Tensor>,
    mlp: Mlp,
}

impl Decoder {
    /// Reads the tensors under `model.decoder`.
    pub(super) fn new(
        tensors: &VarBuilder<'_>,
        config: &WhisperConfig,
        alignment_heads: &[(usize, usize)],
    ) -> Result<Self> {
        let width = config.d_model;
        let heads_of = |layer: usize| -> Vec<u32> {
            alignment_heads.iter().filter(|head| head.0 == layer).map(|head| head.1 as u32).collect()
        };
        let layer = |index: usize| Layer::new(&tensors.pp("layers").pp(index), config, &heads_of(index));
        Ok(Self {
            embedding: matrix(&tensors.pp("embed_tokens"), width, config.vocab_size)?,
            positions: tensors.get((config.max_target_positions, width), "embed_positions.weight")?,
            layers: (0..config.decoder_layers).map(layer).collect::<Result<_>>()?,
            norm: layer_norm(&tensors.pp("layer_norm"), width)?,
            heads: config.decoder_attention_heads,
        })
    }

    /// Keys and values of a batch of states (`[batch, positions, width]`), per window.
    pub(super) fn kv_cache(&self, states: &Tensor) -> Result<Vec<Audio>> {
        let layers = self.layers.iter().map(|layer| layer.cross_attention.keys_and_values(states));
        let layers = layers.collect::<Result<Vec<_>>>()?;
        let of_window = |window: usize| {
            let one = |tensor: &Tensor| tensor.narrow(0, window, 1)?.contiguous();
            let of_layer = |(keys, values): &(Tensor, Tensor)| Ok((one(keys)?, one(values)?));
            Ok(Audio(layers.iter().map(of_layer).collect::<Result<_>>()?))
        };
        (0..states.dim(0)?).map(of_window).collect()
    }

    pub(super) fn cache(&self, slots: usize, lanes: usize, tokens: usize) -> Result<Cache> {
        let (layers, heads) = (self.layers.len(), self.heads);
        let (dtype, device) = (self.embedding.dtype(), self.embedding.device().clone());
        let head_width = self.embedding.dim(1)? / heads;
        Cache::new(Shape { layers, heads, head_width, tokens, dtype, device }, slots, lanes)
    }

    /// Logits (`[rows, vocabulary]`) after the last of the new tokens (`[rows * n]`) of each row.
    pub(super) fn step(&self, rows: &[Row], tokens: &[u32], cache: &mut Cache) -> Result<Tensor> {
        let n = tokens.len() / rows.len().max(1);
        let starts: Vec<_> = rows.iter().map(|row| cache.row_len(*row)).collect();
        let longest = starts.iter().max().map_or(0, |start| start + n);
        let mut x = self.embed(tokens, n, &starts)?;
        let mask = causal_mask(&starts, n, longest, &x)?;
        let places = cache.places(rows, n)?;
        let grid = Grid::new(rows, cache, x.device())?;
        for (index, layer) in self.layers.iter().enumerate() {
            let normed = layer.self_norm.forward(&x)?;
            cache.layers[index].append(&layer.self_attention.keys_and_values(&normed)?, &places)?;
            let (keys, values) = cache.tokens(index, rows, longest)?;
            x = layer.attend_tokens(&x, &normed, (&keys, &values), &mask)?;
            let queries = grid.spread(&layer.queries(&x)?)?;
            let (mixed, _) = layer.cross_attention.attend(&queries, cache.audio(index)?, None)?;
            x = layer.finish(&x, &grid.gather(&mixed, n)?)?;
        }
        cache.extend(rows, n);
        self.logits(&x.narrow(1, n - 1, 1)?.squeeze(1)?.contiguous()?)
    }

    /// Logits (`[n, vocabulary]`) after each token of a text, and the cross-attention weights of the alignment heads
    /// (`[heads, n, positions]`).
    pub(super) fn attend(&self, Text { slot, tokens }: Text<'_>, cache: &Cache) -> Result<(Tensor, Tensor)> {
        let mut x = self.embed(tokens, tokens.len(), &[0])?;
        let mask = causal_mask(&[0], tokens.len(), tokens.len(), &x)?;
        let mut weights = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            let normed = layer.self_norm.forward(&x)?;
            let (keys, values) = layer.self_attention.keys_and_values(&normed)?;
            x = layer.attend_tokens(&x, &normed, (&keys, &values), &mask)?;
            let (keys, values) = cache.audio(index)?;
            let audio = (&keys.narrow(0, slot, 1)?, &values.narrow(0, slot, 1)?);
            let (mixed, of_layer) = layer.cross_attention.attend(&layer.queries(&x)?, audio, None)?;
            x = layer.finish(&x, &mixed)?;
            if let Some(heads) = &layer.alignment_heads {
                weights.push(of_layer.squeeze(0)?.index_select(heads, 0)?.to_dtype(DType::F32)?);
            }
        }
        Ok((self.logits(&x.squeeze(0)?)?, Tensor::cat(&weights, 0)?))
    }

    /// Embedded tokens (`[rows, n, width]`), at positions that begin at each row's start.
    fn embed(&self, tokens: &[u32], n: usize, starts: &[usize]) -> Result<Tensor> {
        let device = self.embedding.device();
        let positions: Vec<_> = starts.iter().flat_map(|start| (0..n).map(move |i| (start + i) as u32)).collect();
        let positions = self.positions.index_select(&Tensor::new(positions, device)?, 0)?;
        let embedded = self.embedding.index_select(&Tensor::new(tokens, device)?, 0)?;
        (embedded + positions)?.reshape((starts.len(), n, ()))
    }

    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        product_f32(&self.norm.forward(x)?, &self.embedding)
    }
}

/// Maps rows to all lanes of all slots. Cross-attention runs over all lanes, so that no window's keys are copied.
struct Grid {
    slots: usize,
    /// The row of every lane (any row if the lane has none). `None` if the rows are all lanes in order.
    row_of_lane: Option<Tensor>,
    lane_of_row: Tensor,
}

impl Grid {
    fn new(rows: &[Row], cache: &Cache, device: &Device) -> Result<Self> {
        let lanes: Vec<_> = rows.iter().map(|row| cache.index(*row) as u32).collect();
        let all = cache.slots * cache.lanes;
        let in_order = lanes.len() == all && lanes.is_sorted();
        let mut row_of_lane = vec![0u32; all];
        lanes.iter().enumerate().for_each(|(row, lane)| row_of_lane[*lane as usize] = row as u32);
        let row_of_lane = if in_order { None } else { Some(Tensor::new(row_of_lane, device)?) };
        Ok(Self { slots: cache.slots, row_of_lane, lane_of_row: Tensor::new(lanes, device)? })
    }

    /// Maps `[rows, n, width]` to `[slots, lanes * n, width]`.
    fn spread(&self, x: &Tensor) -> Result<Tensor> {
        let width = x.dim(2)?;
        match &self.row_of_lane {
            Some(index) => x.index_select(index, 0)?.reshape((self.slots, (), width)),
            None => x.reshape((self.slots, (), width)),
        }
    }

    /// Maps `[slots, lanes * n, width]` to `[rows, n, width]`.
    fn gather(&self, x: &Tensor, n: usize) -> Result<Tensor> {
        let x = x.reshape(((), n, x.dim(2)?))?;
        if self.row_of_lane.is_some() { x.index_select(&self.lane_of_row, 0) } else { Ok(x) }
    }
}

impl Layer {
    fn new(tensors: &VarBuilder<'_>, config: &WhisperConfig, alignment_heads: &[u32]) -> Result<Self> {
        let (width, heads) = (config.d_model, config.decoder_attention_heads);
        let alignment_heads = match alignment_heads {
            [] => None,
            heads => Some(Tensor::new(heads, tensors.device())?),
        };
        Ok(Self {
            self_norm: layer_norm(&tensors.pp("self_attn_layer_norm"), width)?,
            self_attention: Attention::new(&tensors.pp("self_attn"), width, heads)?,
            cross_norm: layer_norm(&tensors.pp("encoder_attn_layer_norm"), width)?,
            cross_attention: Attention::new(&tensors.pp("encoder_attn"), width, heads)?,
            alignment_heads,
            mlp: Mlp::new(tensors, width, config.decoder_ffn_dim)?,
        })
    }

    fn attend_tokens(&self, x: &Tensor, normed: &Tensor, cached: (&Tensor, &Tensor), mask: &Tensor) -> Result<Tensor> {
        let queries = self.self_attention.queries(normed)?;
        let (mixed, _) = self.self_attention.attend(&queries, cached, Some(mask))?;
        x + self.self_attention.project(&mixed)?
    }

    /// Queries of the cross-attention.
    fn queries(&self, x: &Tensor) -> Result<Tensor> {
        self.cross_attention.queries(&self.cross_norm.forward(x)?)
    }

    fn finish(&self, x: &Tensor, mixed: &Tensor) -> Result<Tensor> {
        self.mlp.forward(&(x + self.cross_attention.project(mixed)?)?)
    }
}

/// The mask `[rows, 1, n, keys]`, with device and type of `like`: minus infinity where a new token would attend to a
/// later one. New token `i` of row `r` is token `starts[r] + i` of the row.
fn causal_mask(starts: &[usize], n: usize, keys: usize, like: &Tensor) -> Result<Tensor> {
    let device = like.device();
    let own: Vec<_> = starts.iter().flat_map(|start| (0..n).map(move |i| (start + i) as u32)).collect();
    let own = Tensor::from_vec(own, (starts.len(), 1, n, 1), device)?;
    let keys = Tensor::arange(0, keys as u32, device)?.reshape((1, 1, 1, keys))?;
    let visible = keys.broadcast_le(&own)?;
    let zero = Tensor::zeros(visible.shape(), like.dtype(), device)?;
    let hidden = Tensor::full(f32::NEG_INFINITY, visible.shape(), device)?.to_dtype(like.dtype())?;
    visible.where_cond(&zero, &hidden)
}
