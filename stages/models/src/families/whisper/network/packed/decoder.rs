//! The decoder: each step takes the new tokens of some lanes and returns the logits of the last token of each lane.

use crate::{LayerWeights, Tensors};
use candle_core::{DType, Device, Result, Tensor, bail};
use kernels::probe::span_of;
use kernels::{AttentionMask, CpuPrecision, Epilogue, KvCache, Linear, Mlp, Norm, Queries, Sequence, ops};
use rayon::prelude::*;

use super::cache::{Audio, Cache, Shape};
use super::{mlp, norm, queries_kv_cache, query_scale};
use crate::families::whisper::model_config::WhisperConfig;
use crate::families::whisper::network::Row;

/// The decoder of the network.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Maps states to logits. Its weights are also the token embeddings.
    embedding: Linear,
    /// `[positions, width]`.
    positions: Tensor,
    layers: Vec<Layer>,
    norm: Norm,
    shape: Shape,
}

#[derive(Debug)]
struct Layer {
    self_norm: Norm,
    /// Queries, keys and values, concatenated.
    projections: Linear,
    self_out: Linear,
    cross_norm: Norm,
    query: Linear,
    /// Keys and values of the encoder states, concatenated.
    audio: Linear,
    cross_out: Linear,
    /// Cross-attention heads whose weights locate tokens in the audio.
    alignment_heads: Vec<usize>,
    mlp: Mlp,
}

/// The rows of a step, and how they are grouped for attention.
struct Steps<'a> {
    rows: &'a [Row],
    /// Number of new tokens per row.
    n: usize,
}

impl Decoder {
    /// Reads the tensors under `model.decoder`.
    pub(super) fn new(
        tensors: &Tensors<'_>,
        config: &WhisperConfig,
        alignment_heads: &[(usize, usize)],
        precision: CpuPrecision,
    ) -> Result<Self> {
        let (width, heads) = (config.d_model, config.decoder_attention_heads);
        let layer = |index: usize| {
            let of_layer = alignment_heads.iter().filter(|head| head.0 == index).map(|head| head.1).collect();
            Layer::new(&tensors.pp("layers").pp(index), config, of_layer, precision)
        };
        Ok(Self {
            embedding: LayerWeights::without_bias(&tensors.pp("embed_tokens"), width, config.vocab_size)?
                .pack(precision),
            positions: tensors.tensor("embed_positions.weight", &[config.max_target_positions, width])?,
            layers: (0..config.decoder_layers).into_par_iter().map(layer).collect::<Result<_>>()?,
            norm: norm(&tensors.pp("layer_norm"), width)?,
            shape: Shape { layers: config.decoder_layers, heads, head_width: width / heads, precision },
        })
    }

    /// Keys and values of a window's states (`[positions, width]`), which are normalized with `norm` first.
    pub(super) fn kv_cache(&self, states: &Tensor, norm: &Norm) -> Result<Audio> {
        let (positions, width) = states.dims2()?;
        let Shape { heads, head_width, precision, .. } = self.shape;
        let projected = Tensor::zeros((positions, 2 * width), DType::F32, &Device::Cpu)?;
        let layer = |layer: &Layer| {
            ops::linear(&layer.audio, Some(norm), Epilogue::Store, states, &projected)?;
            let mut kv_cache = KvCache::new(heads, head_width, positions, precision);
            ops::append(&mut kv_cache, &projected, 0..positions, (0, width))?;
            Ok(kv_cache)
        };
        Ok(Audio(self.layers.iter().map(layer).collect::<Result<_>>()?))
    }

    pub(super) fn cache(&self, slots: usize, lanes: usize, tokens: usize) -> Cache {
        Cache::new(self.shape, slots, lanes, tokens)
    }

    /// Logits (`[rows, vocabulary]`) after the last of the new tokens (`[rows * n]`) of each row.
    pub(super) fn step(&self, rows: &[Row], tokens: &[u32], cache: &mut Cache) -> Result<Tensor> {
        let n = tokens.len() / rows.len().max(1);
        let starts: Vec<_> = rows.iter().map(|row| cache.row_len(*row)).collect();
        let x = self.embed(tokens, n, &starts)?;
        let buffers = Buffers::new(&x)?;
        for (index, layer) in self.layers.iter().enumerate() {
            span_of("step.self_attention", tokens.len(), &Device::Cpu, || {
                layer.project(&x, &buffers)?;
                for (i, row) in rows.iter().enumerate() {
                    append(&mut cache.lane_mut(*row)[index], &buffers, i * n..(i + 1) * n)?;
                }
                let own =
                    |(i, row): (usize, &Row)| Sequence { kv_cache: &cache.lane(*row)[index], rows: i * n..(i + 1) * n };
                let own: Vec<_> = rows.iter().enumerate().map(own).collect();
                layer.attend_tokens(&x, &buffers, &own)
            })?;
            let audio = Steps { rows, n }.by_window(|slot| Ok(&cache.audio(slot)?.0[index]))?;
            span_of("step.cross_attention", audio.len(), &Device::Cpu, || layer.attend_audio(&x, &buffers, &audio))?;
            span_of("step.mlp", tokens.len(), &Device::Cpu, || ops::mlp(&layer.mlp, &x))?;
        }
        let last: Vec<u32> = (0..rows.len()).map(|row| (row * n + n - 1) as u32).collect();
        let last = x.index_select(&Tensor::new(last.as_slice(), &Device::Cpu)?, 0)?;
        span_of("step.logits", rows.len(), &Device::Cpu, || self.logits(&last))
    }

    /// Logits (`[n, vocabulary]`) after each token of a text.
    pub(super) fn logits_after(&self, audio: &Audio, tokens: &[u32]) -> Result<Tensor> {
        self.logits(&self.feed(audio, tokens, |_, _, _| Ok(()))?)
    }

    /// The cross-attention weights (`[heads, n, positions]`) of the alignment heads, for every token of a text.
    pub(super) fn attention(&self, audio: &Audio, tokens: &[u32]) -> Result<Tensor> {
        let n = tokens.len();
        let mut weights = Vec::new();
        self.feed(audio, tokens, |layer, queries, audio| {
            let values = queries.flatten_all()?.to_vec1()?;
            let queries = Queries { values: &values, stride: queries.dim(1)?, count: n };
            for head in &layer.alignment_heads {
                let mut of_head = vec![0.0; n * audio.len()];
                kernels::weights(audio, *head, queries, &mut of_head);
                weights.push(Tensor::from_vec(of_head, (n, audio.len()), &Device::Cpu)?);
            }
            Ok(())
        })?;
        Tensor::stack(&weights, 0)
    }

    /// States (`[n, width]`) after each token of a text. `see` is called with each layer, its cross-attention queries,
    /// and the keys and values that they attend to.
    fn feed(
        &self,
        audio: &Audio,
        tokens: &[u32],
        mut see: impl FnMut(&Layer, &Tensor, &KvCache) -> Result<()>,
    ) -> Result<Tensor> {
        let n = tokens.len();
        let mut lane = self.shape.lane(n);
        let x = self.embed(tokens, n, &[0])?;
        let buffers = Buffers::new(&x)?;
        for ((layer, lane), audio) in self.layers.iter().zip(&mut lane).zip(&audio.0) {
            layer.project(&x, &buffers)?;
            append(lane, &buffers, 0..n)?;
            let sequence = |kv_cache| [Sequence { kv_cache, rows: 0..n }];
            layer.attend_tokens(&x, &buffers, &sequence(lane))?;
            layer.attend_audio(&x, &buffers, &sequence(audio))?;
            ops::mlp(&layer.mlp, &x)?;
            see(layer, &buffers.query, audio)?;
        }
        Ok(x)
    }

    /// Embedded tokens (`[rows * n, width]`), at positions that begin at each row's start.
    fn embed(&self, tokens: &[u32], n: usize, starts: &[usize]) -> Result<Tensor> {
        let width = self.embedding.inputs();
        let mut embedded = vec![0.0; tokens.len() * width];
        for (token, row) in tokens.iter().zip(embedded.chunks_exact_mut(width)) {
            if *token as usize >= self.embedding.outputs() {
                bail!("token {token} is not in the vocabulary");
            }
            self.embedding.weights_of(*token as usize, row);
        }
        let positions: Vec<_> = starts.iter().flat_map(|start| (0..n).map(move |i| (start + i) as u32)).collect();
        let positions = self.positions.index_select(&Tensor::new(positions, &Device::Cpu)?, 0)?;
        Tensor::from_vec(embedded, (tokens.len(), width), &Device::Cpu)? + positions
    }

    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        let logits = Tensor::zeros((x.dim(0)?, self.embedding.outputs()), DType::F32, &Device::Cpu)?;
        ops::linear(&self.embedding, Some(&self.norm), Epilogue::Store, x, &logits)?;
        Ok(logits)
    }
}

impl<'a> Steps<'a> {
    /// Groups neighboring rows of the same window into sequences.
    fn by_window<'k>(&self, kv_cache: impl Fn(usize) -> Result<&'k KvCache>) -> Result<Vec<Sequence<'k>>> {
        let mut next = 0;
        let of_window = |rows: &'a [Row]| {
            let start = next;
            next += rows.len() * self.n;
            Ok(Sequence { kv_cache: kv_cache(rows[0].slot)?, rows: start..next })
        };
        self.rows.chunk_by(|a, b| a.slot == b.slot).map(of_window).collect()
    }
}

/// The buffers of a step, which all layers share.
struct Buffers {
    /// `[rows, 3 * width]`.
    projected: Tensor,
    /// `[rows, width]`: the queries of cross-attention.
    query: Tensor,
    /// `[rows, width]`.
    mixed: Tensor,
}

impl Buffers {
    fn new(x: &Tensor) -> Result<Self> {
        let (rows, width) = x.dims2()?;
        let zeros = |columns| Tensor::zeros((rows, columns), DType::F32, &Device::Cpu);
        Ok(Self { projected: zeros(3 * width)?, query: zeros(width)?, mixed: zeros(width)? })
    }
}

fn append(kv_cache: &mut KvCache, buffers: &Buffers, rows: std::ops::Range<usize>) -> Result<()> {
    let width = buffers.query.dim(1)?;
    ops::append(kv_cache, &buffers.projected, rows, (width, 2 * width))
}

impl Layer {
    fn new(
        tensors: &Tensors<'_>,
        config: &WhisperConfig,
        alignment_heads: Vec<usize>,
        precision: CpuPrecision,
    ) -> Result<Self> {
        let (width, heads) = (config.d_model, config.decoder_attention_heads);
        let square = |name: &str| LayerWeights::read(&tensors.pp(name), width, width);
        let key = LayerWeights::without_bias(&tensors.pp("encoder_attn.k_proj"), width, width)?;
        let value = square("encoder_attn.v_proj")?;
        Ok(Self {
            self_norm: norm(&tensors.pp("self_attn_layer_norm"), width)?,
            projections: queries_kv_cache(&tensors.pp("self_attn"), width, heads)?.pack(precision),
            self_out: square("self_attn.out_proj")?.pack(precision),
            cross_norm: norm(&tensors.pp("encoder_attn_layer_norm"), width)?,
            query: square("encoder_attn.q_proj")?.scaled(query_scale(width, heads)).pack(precision),
            audio: LayerWeights::side_by_side(vec![key, value]).pack(precision),
            cross_out: square("encoder_attn.out_proj")?.pack(precision),
            alignment_heads,
            mlp: mlp(tensors, width, config.decoder_ffn_dim, precision)?,
        })
    }

    fn project(&self, x: &Tensor, buffers: &Buffers) -> Result<()> {
        ops::linear(&self.projections, Some(&self.self_norm), Epilogue::Store, x, &buffers.projected)
    }

    /// Self-attention after the projections. The new keys and values are already in the cache.
    fn attend_tokens(&self, x: &Tensor, buffers: &Buffers, own: &[Sequence<'_>]) -> Result<()> {
        ops::attend(own, AttentionMask::Causal, &buffers.projected, &buffers.mixed)?;
        ops::linear(&self.self_out, None, Epilogue::Add, &buffers.mixed, x)
    }

    fn attend_audio(&self, x: &Tensor, buffers: &Buffers, audio: &[Sequence<'_>]) -> Result<()> {
        let Buffers { query, mixed, .. } = buffers;
        ops::linear(&self.query, Some(&self.cross_norm), Epilogue::Store, x, query)?;
        ops::attend(audio, AttentionMask::All, query, mixed)?;
        ops::linear(&self.cross_out, None, Epilogue::Add, mixed, x)
    }
}
