//! The decoder: runs the queries of any hypotheses through all layers together.

use candle_core::{D, DType, Device, Result, Tensor, bail};
use candle_nn::VarBuilder;
use candle_nn::ops::softmax_last_dim;
use kernels::fused::{self, Groups, HEAD_WIDTH};
use kernels::probe::span;

use super::cache::{Cache, Shape};
use super::layers::{Mlp, Projections, ResidualNorm, norm_before};
use crate::families::whisper::model_config::WhisperConfig;
use crate::families::whisper::network::plain::layers::matrix;
use crate::families::whisper::network::{DecoderCache, Row, Text};

/// Rows of logits are padded to a multiple of this, so that cuBLAS can use its aligned kernels.
const LOGITS_ALIGNMENT: usize = 16;

/// The decoder of the network.
#[derive(Debug)]
pub(super) struct Decoder {
    /// `[vocabulary, width]`, padded with rows of zeros. The output layer is its transpose.
    embedding: Tensor,
    vocabulary: usize,
    /// `[positions, width]`.
    positions: Tensor,
    /// The norm of the embedded tokens, before the first layer.
    norm: ResidualNorm,
    layers: Vec<Layer>,
    shape: Shape,
}

#[derive(Debug)]
struct Layer {
    /// `[width, 3 * width]`.
    projections: Tensor,
    self_biases: Tensor,
    self_out: Tensor,
    cross_norm: ResidualNorm,
    cross: Projections,
    mlp_norm: ResidualNorm,
    mlp: Mlp,
    /// The norm of the next layer, or the decoder's final norm.
    next_norm: ResidualNorm,
    /// Cross-attention heads whose weights locate tokens in the audio.
    alignment_heads: Vec<usize>,
}

/// A batch of new tokens with their positions, cache locations and attention groups.
struct Queries {
    tokens: Tensor,
    /// The position of each token in its text.
    positions: Tensor,
    /// Index of each token's key and value in the token cache.
    places: Tensor,
    own: Groups,
    audio: Groups,
}

/// One new token.
#[derive(Clone, Copy)]
struct Query {
    token: u32,
    /// Entry in the token cache.
    entry: usize,
    /// Position in its text.
    position: usize,
    slot: usize,
}

impl Queries {
    /// `capacity` is that of the token cache, `positions` is the number per window, and `own` are the tokens that each
    /// query attends to.
    fn new(queries: &[Query], own: Groups, capacity: usize, positions: usize, device: &Device) -> Result<Self> {
        let count = queries.len();
        let numbers = queries.iter().map(|query| query.token);
        let numbers = numbers.chain(queries.iter().map(|query| query.position as u32));
        let numbers = numbers.chain(queries.iter().map(|query| (query.entry * capacity + query.position) as u32));
        let numbers = Tensor::from_iter(numbers, device)?;
        let audio: Vec<_> = queries.iter().map(|query| (query.slot as u32, positions as u32)).collect();
        Ok(Self {
            tokens: numbers.narrow(0, 0, count)?,
            positions: numbers.narrow(0, count, count)?,
            places: numbers.narrow(0, 2 * count, count)?,
            own,
            audio: Groups::new(&audio, device)?,
        })
    }
}

/// Each query's own entry, up to its own position.
fn own_entries(queries: &[Query], device: &Device) -> Result<Groups> {
    let own: Vec<_> = queries.iter().map(|query| (query.entry as u32, query.position as u32 + 1)).collect();
    Groups::new(&own, device)
}

impl Decoder {
    /// Reads the tensors under `model.decoder`.
    pub(super) fn new(
        tensors: &VarBuilder<'_>,
        config: &WhisperConfig,
        alignment_heads: &[(usize, usize)],
    ) -> Result<Self> {
        let (width, layers) = (config.d_model, config.decoder_layers);
        let norm_before = |layer| norm_before(tensors, layer, layers);
        let layer = |index: usize| {
            let alignment_heads = alignment_heads.iter().filter(|head| head.0 == index).map(|head| head.1).collect();
            Layer::new(&tensors.pp("layers").pp(index), config, &norm_before(index + 1), alignment_heads)
        };
        let embedding = matrix(&tensors.pp("embed_tokens"), width, config.vocab_size)?;
        let (dtype, device) = (embedding.dtype(), embedding.device().clone());
        let padding = config.vocab_size.next_multiple_of(LOGITS_ALIGNMENT) - config.vocab_size;
        Ok(Self {
            embedding: embedding.pad_with_zeros(0, 0, padding)?,
            vocabulary: config.vocab_size,
            positions: tensors.get((config.max_target_positions, width), "embed_positions.weight")?,
            norm: ResidualNorm::without_bias(&norm_before(0), width)?,
            layers: (0..layers).map(layer).collect::<Result<_>>()?,
            shape: Shape { layers, heads: config.decoder_attention_heads, dtype, device },
        })
    }

    pub(super) fn cache(&self, slots: usize, lanes: usize, tokens: usize, positions: usize) -> Result<Cache> {
        Cache::new(&self.shape, slots, lanes, tokens, positions)
    }

    /// Computes the keys and values of states (`[windows, positions, width]`) and stores them in slots.
    pub(super) fn admit(&self, slots: &[usize], states: &Tensor, cache: &mut Cache) -> Result<()> {
        let (_, positions, width) = states.dims3()?;
        let first = slots.iter().map(|slot| slot * positions);
        let places = first.flat_map(|first| (first..first + positions).map(|place| place as u32));
        let places = Tensor::from_iter(places, &self.shape.device)?;
        let states = states.reshape(((), width))?;
        span("cross_kv_cache", &self.shape.device, || {
            for (layer, cache) in self.layers.iter().zip(&cache.audio) {
                fused::store_kv_cache(cache, &states.matmul(&layer.cross.kv_cache)?, 0, &places)?;
            }
            Ok(())
        })?;
        slots.iter().for_each(|slot| cache.clear(*slot));
        Ok(())
    }

    /// Logits (`[rows, vocabulary]`) after the last of the new tokens (`[rows * n]`) of each row.
    pub(super) fn step(&self, rows: &[Row], tokens: &[u32], cache: &mut Cache) -> Result<Tensor> {
        let n = tokens.len() / rows.len().max(1);
        if rows.iter().any(|row| !cache.has_room(*row, n)) {
            bail!(
                "{n} more tokens do not fit a cache of {} tokens for each of {} windows",
                cache.capacity(),
                cache.slots()
            );
        }
        let query = |(i, &token): (usize, &u32)| {
            let row = rows[i / n];
            Query { token, entry: cache.index(row), position: cache.row_len(row) + i % n, slot: row.slot }
        };
        let queries: Vec<_> = tokens.iter().enumerate().map(query).collect();
        cache.extend(rows, n);
        let device = &self.shape.device;
        let queries = span("step.input", device, || {
            let own = if cache.is_greedy() {
                own_entries(&queries, device)?
            } else {
                let seen = |(i, query): (usize, &Query)| &cache.sources(rows[i / n])[..=query.position];
                Groups::with_sources(&queries.iter().enumerate().map(seen).collect::<Vec<_>>(), device)?
            };
            Queries::new(&queries, own, cache.capacity(), cache.positions(), device)
        })?;
        let states = self.forward(&queries, |layer| &cache.tokens[layer], cache, &mut |_, _, _| Ok(()))?;
        let last = states.reshape((rows.len(), n, ()))?.narrow(1, n - 1, 1)?.squeeze(1)?.contiguous()?;
        span("step.logits", device, || self.logits(&last))
    }

    /// Logits (`[n, vocabulary]`) after each token of a text.
    pub(super) fn logits_after(&self, text: Text<'_>, cache: &Cache) -> Result<Tensor> {
        let states = self.forward_texts(&[text], cache, &mut |_, _, _| Ok(()))?;
        self.logits(&states)?.contiguous()
    }

    /// Logits of states (`[n, width]`). They are the first columns of padded rows.
    fn logits(&self, states: &Tensor) -> Result<Tensor> {
        fused::product_f32(states, &self.embedding)?.narrow(1, 0, self.vocabulary)
    }

    /// The cross-attention weights (`[heads, n, positions]`, f32) of the alignment heads, for every token of each text.
    pub(super) fn attention(&self, texts: &[Text<'_>], cache: &Cache) -> Result<Vec<Tensor>> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let mut weights: Vec<Vec<Tensor>> = vec![Vec::new(); texts.len()];
        self.forward_texts(texts, cache, &mut |layer, queries, audio| {
            let mut first = 0;
            for (text, weights) in texts.iter().zip(&mut weights) {
                let queries = queries.narrow(0, first, text.tokens.len())?;
                weights.extend(layer.alignment_weights(&queries, &audio.get(text.slot)?)?);
                first += text.tokens.len();
            }
            Ok(())
        })?;
        weights.iter().map(|weights| Tensor::cat(weights, 0)).collect()
    }

    /// States after each token of the texts. The texts are fed from their beginnings and do not change the cache.
    fn forward_texts(
        &self,
        texts: &[Text<'_>],
        cache: &Cache,
        on_cross_attention: &mut CrossAttentionHook<'_>,
    ) -> Result<Tensor> {
        let capacity = texts.iter().map(|text| text.tokens.len()).max().unwrap_or_default();
        let of_text = |(entry, text): (usize, &Text<'_>)| {
            let slot = text.slot;
            let query = move |(position, &token)| Query { token, entry, position, slot };
            text.tokens.iter().enumerate().map(query).collect::<Vec<_>>()
        };
        let queries: Vec<_> = texts.iter().enumerate().flat_map(of_text).collect();
        let own = own_entries(&queries, &self.shape.device)?;
        let queries = Queries::new(&queries, own, capacity, cache.positions(), &self.shape.device)?;
        let tokens = self.shape.layer(texts.len(), capacity)?;
        self.forward(&queries, |_| &tokens, cache, on_cross_attention)
    }

    /// Normalized states (`[queries, width]`) after the last layer. `tokens` returns the token cache of each layer,
    /// which the new keys and values are added to.
    fn forward<'a>(
        &self,
        queries: &Queries,
        tokens: impl Fn(usize) -> &'a Tensor,
        cache: &Cache,
        on_cross_attention: &mut CrossAttentionHook<'_>,
    ) -> Result<Tensor> {
        let device = &self.shape.device;
        let embedded = self.embedding.index_select(&queries.tokens, 0)?;
        let positions = self.positions.index_select(&queries.positions, 0)?;
        let (mut x, mut normed) = self.norm.forward(&embedded, &positions)?;
        for (index, (layer, audio)) in self.layers.iter().zip(&cache.audio).enumerate() {
            (x, normed) =
                span("step.self_attention", device, || layer.attend_tokens(&x, &normed, tokens(index), queries))?;
            (x, normed) = span("step.cross_attention", device, || {
                let of_layer = normed.matmul(&layer.cross.query)?;
                on_cross_attention(layer, &of_layer, audio)?;
                layer.attend_audio(&x, &of_layer, audio, &queries.audio)
            })?;
            (x, normed) = span("step.mlp", device, || layer.next_norm.forward(&x, &layer.mlp.forward(&normed)?))?;
        }
        Ok(normed)
    }
}

/// Called with a layer, its cross-attention queries (without their bias) and the windows' keys and values.
type CrossAttentionHook<'a> = dyn FnMut(&Layer, &Tensor, &Tensor) -> Result<()> + 'a;

impl Layer {
    fn new(
        tensors: &VarBuilder<'_>,
        config: &WhisperConfig,
        next_norm: &VarBuilder<'_>,
        alignment_heads: Vec<usize>,
    ) -> Result<Self> {
        let width = config.d_model;
        let own = Projections::new(&tensors.pp("self_attn"), width)?;
        let cross = Projections::new(&tensors.pp("encoder_attn"), width)?;
        let mlp = Mlp::new(tensors, width, config.decoder_ffn_dim)?;
        Ok(Self {
            projections: own.side_by_side()?,
            cross_norm: ResidualNorm::new(&own.out_bias, &tensors.pp("encoder_attn_layer_norm"))?,
            mlp_norm: ResidualNorm::new(&cross.out_bias, &tensors.pp("final_layer_norm"))?,
            next_norm: ResidualNorm::new(&mlp.down_bias, next_norm)?,
            self_biases: own.biases,
            self_out: own.out,
            cross,
            mlp,
            alignment_heads,
        })
    }

    fn attend_tokens(
        &self,
        x: &Tensor,
        normed: &Tensor,
        cache: &Tensor,
        queries: &Queries,
    ) -> Result<(Tensor, Tensor)> {
        let projected = normed.matmul(&self.projections)?;
        fused::store_kv_cache(cache, &projected, x.dim(D::Minus1)?, &queries.places)?;
        let mixed = fused::decoder_attention(&projected, cache, &self.self_biases, &queries.own)?;
        self.cross_norm.forward(x, &mixed.matmul(&self.self_out)?)
    }

    fn attend_audio(&self, x: &Tensor, queries: &Tensor, cache: &Tensor, groups: &Groups) -> Result<(Tensor, Tensor)> {
        let mixed = fused::decoder_attention(queries, cache, &self.cross.biases, groups)?;
        self.mlp_norm.forward(x, &mixed.matmul(&self.cross.out)?)
    }

    /// Weights `[heads, n, positions]` of the layer's alignment heads, if it has any, for queries (`[n, width]`,
    /// without their bias) and a window's keys and values (`[heads, positions, 2, 64]`). Computed in f32, because word
    /// times depend on them.
    fn alignment_weights(&self, queries: &Tensor, audio: &Tensor) -> Result<Option<Tensor>> {
        if self.alignment_heads.is_empty() {
            return Ok(None);
        }
        let bias = self.cross.biases.get(0)?;
        let of_head = |head: &usize| {
            let at = head * HEAD_WIDTH;
            let bias = bias.narrow(0, at, HEAD_WIDTH)?.to_dtype(DType::F32)?;
            let queries = queries.narrow(1, at, HEAD_WIDTH)?.to_dtype(DType::F32)?.broadcast_add(&bias)?;
            let keys = audio.get(*head)?.narrow(1, 0, 1)?.squeeze(1)?.to_dtype(DType::F32)?;
            softmax_last_dim(&queries.contiguous()?.matmul(&keys.contiguous()?.t()?)?)
        };
        let weights = self.alignment_heads.iter().map(of_head).collect::<Result<Vec<_>>>()?;
        Tensor::stack(&weights, 0).map(Some)
    }
}
