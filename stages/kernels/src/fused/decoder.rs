//! The decoder's attention to a key-value cache.

use candle_core::{D, DType, Device, Result, Tensor, bail};

use super::operation::{Argument, Change, Launch, Make, suffix};
use super::{HEAD_WIDTH, numbers};

/// Maximum number of queries in a group.
const MOST_QUERIES: usize = 8;
/// Group sizes for which kernels exist.
const KERNELS: [usize; 3] = [1, 4, MOST_QUERIES];
const THREADS: usize = 128;

/// Queries, grouped by the cache entry that they attend to.
#[derive(Debug)]
pub struct Groups {
    /// `[groups, 3]`: first query, count, entry.
    groups: Tensor,
    /// `[queries]`: number of keys that each query attends to.
    keys: Tensor,
    /// `[queries, most keys]`: the entry of every key of each query; `None` if all keys of a query are in its own
    /// entry.
    sources: Option<Tensor>,
    largest: usize,
}

impl Groups {
    /// Groups queries, given in order, each with its entry in the cache and its number of keys (at least 1).
    /// Consecutive queries with the same entry share the reads of the cache.
    ///
    /// # Errors
    /// The device fails.
    pub fn new(queries: &[(u32, u32)], device: &Device) -> Result<Self> {
        let mut groups = Vec::new();
        let (mut first, mut largest) = (0, 0);
        for same in queries.chunk_by(|a, b| a.0 == b.0) {
            for part in same.chunks(MOST_QUERIES) {
                groups.extend([first as u32, part.len() as u32, part[0].0]);
                largest = largest.max(part.len());
                first += part.len();
            }
        }
        let keys = queries.iter().map(|query| query.1);
        let (count, keys_at) = (groups.len() / 3, groups.len());
        // One copy to the device for both.
        let all = Tensor::from_iter(groups.into_iter().chain(keys), device)?;
        let groups = all.narrow(0, 0, keys_at)?.reshape((count, 3))?;
        Ok(Self { groups, keys: all.narrow(0, keys_at, queries.len())?, sources: None, largest })
    }

    /// Groups queries, given in order, each with the entry of every key (at least one). Hypotheses with a common prefix
    /// share its keys without a copy.
    ///
    /// # Errors
    /// The device fails.
    pub fn with_sources(queries: &[&[u32]], device: &Device) -> Result<Self> {
        let longest = queries.iter().map(|sources| sources.len()).max().unwrap_or_default();
        let padded = queries.iter().flat_map(|sources| {
            let rest = std::iter::repeat_n(0, longest - sources.len());
            sources.iter().copied().chain(rest)
        });
        let sources = Tensor::from_iter(padded, device)?.reshape((queries.len(), longest))?;
        // Each query is a group by itself; the entry number is not used.
        let alone: Vec<_> = (0..).zip(queries).map(|(query, sources)| (query, sources.len() as u32)).collect();
        Ok(Self { sources: Some(sources), ..Self::new(&alone, device)? })
    }
}

/// Writes keys and values of new rows into a cache (`[entries, heads, capacity, 2, 64]`, contiguous). `rows` is `[rows,
/// columns]`, with the keys of all heads from column `offset` on, followed by their values. `places` (`[rows]`, u32) is
/// entry * capacity + position of each row, and must be within the cache.
///
/// # Errors
/// Shapes or types do not fit.
pub fn store_kv_cache(cache: &Tensor, rows: &Tensor, offset: usize, places: &Tensor) -> Result<()> {
    let (_, heads, capacity, two, head_width) = cache.dims5()?;
    let (count, columns) = rows.dims2()?;
    let width = heads * HEAD_WIDTH;
    let fits = (two, head_width) == (2, HEAD_WIDTH) && places.dims() == [count] && offset + 2 * width <= columns;
    if !fits || rows.dtype() != cache.dtype() || places.dtype() != DType::U32 {
        bail!("rows {:?} from {offset} on for a cache {:?}", rows.dims(), cache.dims());
    }
    let arguments = vec![
        Argument::Target,
        Argument::Tensor(rows),
        Argument::Tensor(places),
        Argument::Int(columns),
        Argument::Int(offset),
        Argument::Int(heads),
        Argument::Int(capacity),
    ];
    let launch = Launch {
        source: "elementwise",
        kernel: format!("store_kv_cache_{}", suffix(cache.dtype())?),
        grid: (count, 1, 1),
        threads: (width / 4).min(512),
        arguments,
    };
    let reference = |cache: &mut [f32]| {
        let (rows, places) = (numbers(rows)?, places.to_vec1::<u32>()?);
        for (row, place) in rows.chunks_exact(columns).zip(places) {
            let (entry, position) = (place as usize / capacity, place as usize % capacity);
            for (at, part) in row[offset..offset + 2 * width].chunks_exact(HEAD_WIDTH).enumerate() {
                let key = (entry * heads + at % heads) * capacity + position;
                cache[(2 * key + at / heads) * HEAD_WIDTH..][..HEAD_WIDTH].copy_from_slice(part);
            }
        }
        Ok(())
    };
    Change { launch, reference }.apply(cache)
}

/// Computes the attention of queries to a cache: `[queries, width]`. There must be at least one query, each with at
/// least one key, and all keys must be within the cache. The queries are the first columns of `queries` (`[queries, at
/// least width]`) and are already scaled. `biases` is as in [`encoder_attention`](super::encoder_attention).
///
/// # Errors
/// Shapes or types do not fit.
pub fn decoder_attention(queries: &Tensor, cache: &Tensor, biases: &Tensor, groups: &Groups) -> Result<Tensor> {
    let (_, heads, capacity, two, head_width) = cache.dims5()?;
    let ((count, columns), width) = (queries.dims2()?, heads * HEAD_WIDTH);
    let is_cache = (two, head_width) == (2, HEAD_WIDTH);
    let same_type = [cache, biases].iter().all(|other| other.dtype() == queries.dtype());
    if columns < width || biases.dims() != [2, width] || groups.keys.dims() != [count] || !is_cache || !same_type {
        bail!("{:?} queries with biases {:?} for a cache {:?}", queries.dims(), biases.dims(), cache.dims());
    }
    let variant = match (&groups.sources, KERNELS.into_iter().find(|size| *size >= groups.largest)) {
        (Some(_), _) => "shared".to_owned(),
        (None, Some(size)) => size.to_string(),
        (None, None) => bail!("a group of {} queries", groups.largest),
    };
    let (query_bias, value_bias) = (biases.get(0)?, biases.get(1)?);
    let arguments = vec![
        Argument::Tensor(queries),
        Argument::Tensor(cache),
        Argument::Tensor(&query_bias),
        Argument::Tensor(&value_bias),
        Argument::Tensor(&groups.groups),
        Argument::Tensor(&groups.keys),
        groups.sources.as_ref().map_or(Argument::Nothing, Argument::Tensor),
        Argument::Target,
        Argument::Int(columns),
        Argument::Int(capacity),
        Argument::Int(groups.sources.as_ref().map_or(Ok(0), |sources| sources.dim(1))?),
    ];
    let launch = Launch {
        source: "decoder_attention",
        kernel: format!("decoder_attention_{variant}_{}", suffix(queries.dtype())?),
        grid: (groups.groups.dim(0)?, heads, 1),
        threads: THREADS,
        arguments,
    };
    let reference = || decoder_attention_reference(queries, cache, biases, groups);
    Make { launch, shape: (count, width).into(), reference }.like(queries)
}

fn decoder_attention_reference(queries: &Tensor, cache: &Tensor, biases: &Tensor, groups: &Groups) -> Result<Vec<f32>> {
    let (_, heads, capacity, ..) = cache.dims5()?;
    let (columns, width) = (queries.dim(D::Minus1)?, heads * HEAD_WIDTH);
    let [queries, cache, biases] = [numbers(queries)?, numbers(cache)?, numbers(biases)?];
    let mut out = vec![0.0; queries.len() / columns * width];
    for (query, sources) in sources(groups)?.iter().enumerate() {
        for at in (0..width).step_by(HEAD_WIDTH) {
            let key_value = |(position, entry): (usize, &u32)| {
                let key = (*entry as usize * heads + at / HEAD_WIDTH) * capacity + position;
                cache[key * 2 * HEAD_WIDTH..][..2 * HEAD_WIDTH].split_at(HEAD_WIDTH)
            };
            let numbers = queries[query * columns + at..][..HEAD_WIDTH].iter().zip(&biases[at..]);
            let numbers: Vec<f32> = numbers.map(|(number, bias)| number + bias).collect();
            let score = |key: &[f32]| numbers.iter().zip(key).map(|(a, b)| a * b).sum::<f32>();
            let seen = sources.iter().enumerate().map(key_value);
            let scores: Vec<f32> = seen.clone().map(|(key, _)| score(key)).collect();
            let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let total: f32 = scores.iter().map(|score| (score - highest).exp()).sum();
            let out = &mut out[query * width + at..][..HEAD_WIDTH];
            out.copy_from_slice(&biases[width + at..][..HEAD_WIDTH]);
            for (score, (_, value)) in scores.iter().zip(seen) {
                let weight = (score - highest).exp() / total;
                out.iter_mut().zip(value).for_each(|(out, value)| *out += weight * value);
            }
        }
    }
    Ok(out)
}

/// The entry of every key of every query.
fn sources(groups: &Groups) -> Result<Vec<Vec<u32>>> {
    let keys = groups.keys.to_vec1::<u32>()?;
    let mut sources = match &groups.sources {
        Some(sources) => sources.to_vec2()?,
        None => {
            let own = |group: &Vec<u32>| (0..group[1]).map(|_| group[2]).collect::<Vec<_>>();
            let entries = groups.groups.to_vec2()?.iter().flat_map(own).collect::<Vec<_>>();
            entries.iter().zip(&keys).map(|(entry, keys)| vec![*entry; *keys as usize]).collect()
        }
    };
    sources.iter_mut().zip(keys).for_each(|(sources, keys): (&mut Vec<u32>, u32)| sources.truncate(keys as usize));
    Ok(sources)
}
