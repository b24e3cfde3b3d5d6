//! Attention of queries to the keys and values of one sequence.
//!
//! Keys and values are packed once for the tile products: keys as columns over the width of a head, values as columns
//! over the keys. Queries are processed one tile at a time, so that their scores stay in the core's private cache. A
//! tile's attention weights are the left operand of the product with the values.

use std::ops::Range;

use rayon::prelude::*;

use crate::aligned_buf::AlignedBuf;
use crate::isa::prefetch;
use crate::kv_cache::{Head, KvCache, Store};
use crate::rows::Quantized;
use crate::shared::{SharedSlice, rows_fit};
use crate::softmax::{Attended, Scored};
use crate::tile::{Bf16, F32, Int8, PANEL, ROWS, Sums};

/// Queries per task of a thread.
const CHUNK: usize = 16 * ROWS;

/// Queries: head `h` of row `i` begins at `i * stride + h * width`.
#[derive(Debug, Clone, Copy)]
pub struct Queries<'a> {
    /// The values, already scaled by 1 / sqrt(width of a head).
    pub values: &'a [f32],
    /// Distance between the starts of two rows, in numbers.
    pub stride: usize,
    /// Number of rows.
    pub count: usize,
}

/// Which keys each query attends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttentionMask {
    /// All keys.
    All,
    /// The queries belong to the last keys: each attends to its own key and the keys before it.
    Causal,
}

impl AttentionMask {
    const fn keys(self, row: usize, queries: usize, keys: usize) -> usize {
        match self {
            Self::All => keys,
            Self::Causal => keys - (queries - 1 - row),
        }
    }
}

/// The keys and values of a sequence, and the queries that attend to them.
#[derive(Debug, Clone)]
pub struct Sequence<'a> {
    /// The keys and values.
    pub kv_cache: &'a KvCache,
    /// The rows of the sequence's queries.
    pub rows: Range<usize>,
}

/// Computes the attention of every sequence's queries, into dense rows of `out` (`[queries, heads * width]`). All
/// sequences have the same heads and disjoint queries. The work is split over sequences, heads and queries.
///
/// # Panics
/// Sequences differ in heads or width, share a query or lack keys that a query must attend to, or `queries` or `out` is
/// too short.
pub fn attend(sequences: &[Sequence<'_>], queries: Queries<'_>, visible: AttentionMask, out: &mut [f32]) {
    if let Some(reason) = misfit(sequences, queries.count, visible, out.len()) {
        panic!("attention: {reason}");
    }
    let Some(first) = sequences.first() else { return };
    let (heads, width) = (first.kv_cache.heads(), first.kv_cache.head_width());
    assert!(queries.fit(heads * width), "attention: queries that end early");
    let chunks: Vec<_> = sequences
        .iter()
        .flat_map(|Sequence { kv_cache, rows }| {
            let chunk = |start: usize| (*kv_cache, rows.clone(), start..(start + CHUNK).min(rows.end));
            rows.clone().step_by(CHUNK).map(chunk)
        })
        .collect();
    let out = SharedSlice::new(out);
    let tasks = (0..heads * chunks.len()).into_par_iter();
    tasks.for_each_init(Buffers::default, |buffers, task| {
        let (head, (kv_cache, all, rows)) = (task / chunks.len(), &chunks[task % chunks.len()]);
        let view = View { kv_cache, head, queries, all: all.clone(), visible };
        // SAFETY: no other task writes this head of these rows: the sequences have disjoint rows and the same heads, so
        // that the ranges of different heads are disjoint.
        unsafe { view.attend(rows.clone(), &out, buffers) };
    });
}

/// The reason why the sequences do not fit each other, `queries` queries, or an output of `out` numbers; `None` if they
/// fit.
pub(crate) fn misfit(sequences: &[Sequence<'_>], queries: usize, visible: AttentionMask, out: usize) -> Option<String> {
    let shape = |of: &Sequence<'_>| (of.kv_cache.heads(), of.kv_cache.head_width());
    let (heads, width) = shape(sequences.first()?);
    if let Some(other) = sequences.iter().map(shape).find(|shape| *shape != (heads, width)) {
        return Some(format!("{heads} heads of {width} in one sequence, {} of {} in another", other.0, other.1));
    }
    if Some(out) != queries.checked_mul(heads * width) {
        return Some(format!("{queries} queries of {heads} heads of {width} into {out} numbers"));
    }
    let mut free = 0;
    sequences.iter().find_map(|Sequence { kv_cache, rows }| {
        if rows.start < free || rows.end < rows.start || rows.end > queries {
            return Some(format!("rows {rows:?} of {queries}, of which {free} are taken"));
        }
        free = rows.end;
        let needed = if visible == AttentionMask::Causal { rows.len() } else { rows.len().min(1) };
        (kv_cache.len() < needed).then(|| format!("{} keys for {} {visible:?} queries", kv_cache.len(), rows.len()))
    })
}

/// Computes the attention weights of one head, into dense rows of `out` (`[queries, keys]`); each row sums to 1.
///
/// # Panics
/// The head does not exist, there are no keys, `queries` is too short, or `out` has the wrong length.
pub fn weights(kv_cache: &KvCache, head: usize, queries: Queries<'_>, out: &mut [f32]) {
    let (heads, keys) = (kv_cache.heads(), kv_cache.len());
    assert!(head < heads, "head {head} of {heads}");
    assert!(queries.fit((head + 1) * kv_cache.head_width()), "queries that end early");
    assert_eq!(Some(out.len()), queries.count.checked_mul(keys), "an output row for each query");
    assert!(keys > 0 || queries.count == 0, "queries without keys");
    if out.is_empty() {
        return;
    }
    let all = 0..queries.count;
    let view = View { kv_cache, head, queries, all: all.clone(), visible: AttentionMask::All };
    match &kv_cache.store {
        Store::F32(heads) => view.weights(&heads[head], out),
        Store::Bf16(heads) => view.weights(&heads[head], out),
        Store::Int8(heads) => view.weights(&heads[head], out),
    }
}

impl Queries<'_> {
    /// Whether every row has `width` numbers.
    fn fit(&self, width: usize) -> bool {
        rows_fit(self.count, self.stride, width, self.values.len())
    }
}

/// One head of a sequence.
struct View<'a> {
    kv_cache: &'a KvCache,
    head: usize,
    queries: Queries<'a>,
    /// All queries of the sequence.
    all: Range<usize>,
    visible: AttentionMask,
}

/// The buffers of a thread, one per format.
#[derive(Default)]
struct Buffers {
    in_f32: Tile<F32, F32>,
    in_bf16: Tile<Bf16, Bf16>,
    in_int8: Tile<Int8, Bf16>,
}

/// The buffers of one tile of queries.
struct Tile<K: Scored, V: Attended> {
    /// `[rows][width]`, padded to whole groups.
    queries: AlignedBuf<K::Row>,
    /// The scales of the quantized queries.
    scales: [Quantized; ROWS],
    /// `[rows][keys]`, padded to whole panels.
    scores: AlignedBuf<f32>,
    /// The attention weights, in the shape of `scores`.
    weights: AlignedBuf<V::Row>,
}

impl<K: Scored, V: Attended> Default for Tile<K, V> {
    fn default() -> Self {
        let scales = [Quantized::default(); ROWS];
        Self { queries: AlignedBuf::default(), scales, scores: AlignedBuf::default(), weights: AlignedBuf::default() }
    }
}

impl View<'_> {
    /// Computes the attention of the queries in `rows`, into their ranges of `out`.
    ///
    /// # Safety
    /// No other thread accesses this head of these rows of `out`.
    unsafe fn attend(&self, rows: Range<usize>, out: &SharedSlice<'_>, buffers: &mut Buffers) {
        let (heads, width) = (self.kv_cache.heads(), self.kv_cache.head_width());
        let write = |row: usize, values: &[f32], column: usize| {
            let start = (row * heads + self.head) * width + column;
            // SAFETY: the caller guarantees it.
            unsafe { out.range(start..start + values.len()) }.copy_from_slice(values);
        };
        match &self.kv_cache.store {
            Store::F32(heads) => self.tiles(&heads[self.head], rows, &mut buffers.in_f32, write),
            Store::Bf16(heads) => self.tiles(&heads[self.head], rows, &mut buffers.in_bf16, write),
            Store::Int8(heads) => self.tiles(&heads[self.head], rows, &mut buffers.in_int8, write),
        }
    }

    /// Computes all tiles of `rows`. `write` gets a row, the values of consecutive columns and the first of these
    /// columns.
    fn tiles<K: Scored, V: Attended>(
        &self,
        head: &Head<K, V>,
        rows: Range<usize>,
        tile: &mut Tile<K, V>,
        mut write: impl FnMut(usize, &[f32], usize),
    ) {
        let (isa, width, keys) = (self.kv_cache.isa, self.kv_cache.head_width(), self.kv_cache.len());
        let (values, stride) = (&head.values, keys.next_multiple_of(PANEL));
        tile.weights.reserve(ROWS * stride);
        let mut sums = Sums::default();
        for first in rows.clone().step_by(ROWS) {
            let count = ROWS.min(rows.end - first);
            let tops = self.score(head, first, count, tile);
            let mut totals = [0.0; ROWS];
            for (row, scores) in tile.scores.chunks_exact(stride).take(count).enumerate() {
                let weights = &mut tile.weights[row * stride..][..stride];
                totals[row] = V::exponentials(isa, &scores[..self.seen(first + row)], tops[row], weights);
            }
            for panel in 0..width.div_ceil(PANEL) {
                let columns = PANEL.min(width - panel * PANEL);
                let values = (values.panel(panel), keys.div_ceil(V::GROUP));
                V::tile(isa, count, (&tile.weights, stride), values, (&mut sums.0, PANEL));
                for (row, sums) in sums.0.chunks_exact_mut(PANEL).take(count).enumerate() {
                    sums.iter_mut().for_each(|x| *x /= totals[row]);
                    write(first + row, &sums[..columns], panel * PANEL);
                }
            }
        }
    }

    /// Computes the attention weights of all queries, into `out` (`[queries, keys]`).
    fn weights<K: Scored, V: Attended>(&self, head: &Head<K, V>, out: &mut [f32]) {
        let (isa, keys) = (self.kv_cache.isa, self.kv_cache.len());
        let mut tile = Tile::<K, V>::default();
        for (index, out) in out.chunks_mut(ROWS * keys).enumerate() {
            let (first, count) = (index * ROWS, out.len() / keys);
            let tops = self.score(head, first, count, &mut tile);
            let scores = tile.scores.chunks_exact(keys.next_multiple_of(PANEL));
            for (row, (out, scores)) in out.chunks_exact_mut(keys).zip(scores).enumerate() {
                let total = F32::exponentials(isa, &scores[..self.seen(first + row)], tops[row], out);
                out.iter_mut().for_each(|weight| *weight /= total);
            }
        }
    }

    /// Number of keys that a query attends to.
    fn seen(&self, row: usize) -> usize {
        self.visible.keys(row - self.all.start, self.all.len(), self.kv_cache.len())
    }

    /// Computes the scores of a tile's queries with all keys. Returns the highest score of each query.
    fn score<K: Scored, V: Attended>(
        &self,
        head: &Head<K, V>,
        first: usize,
        count: usize,
        tile: &mut Tile<K, V>,
    ) -> [f32; ROWS] {
        let (isa, width) = (self.kv_cache.isa, self.kv_cache.head_width());
        let (padded, stride) = (width.next_multiple_of(K::GROUP), self.kv_cache.len().next_multiple_of(PANEL));
        tile.queries.reserve(ROWS * padded);
        tile.scores.reserve(ROWS * stride);
        let query = |row: usize| &self.queries.values[row * self.queries.stride + self.head * width..][..width];
        for (row, out) in tile.queries.chunks_exact_mut(padded).take(count).enumerate() {
            let query = query(first + row);
            tile.scales[row] = K::convert(isa, query, &mut out[..width]);
            out[width..].fill(K::Row::default());
        }
        (first + ROWS..self.all.end.min(first + 2 * ROWS)).for_each(|row| prefetch(query(row)));
        let keys = &head.keys;
        for panel in 0..stride / PANEL {
            let out = &mut K::sums(&mut tile.scores)[panel * PANEL..];
            K::tile(isa, count, (&tile.queries, padded), (keys.panel(panel), keys.groups), (out, stride));
        }
        let mut tops = [0.0; ROWS];
        for (row, scores) in tile.scores.chunks_exact_mut(stride).take(count).enumerate() {
            tops[row] = K::top(isa, &mut scores[..self.seen(first + row)], tile.scales[row], &head.scales);
        }
        tops
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CpuPrecision, QkvView};

    fn cache(heads: usize, head_width: usize, keys: usize, precision: CpuPrecision) -> KvCache {
        let (width, mut cache) = (heads * head_width, KvCache::new(heads, head_width, 9, precision));
        let rows = vec![0.5; keys * 2 * width];
        cache.append(QkvView { rows: &rows, stride: 2 * width, keys: 0, values: width, count: keys });
        cache
    }

    const fn of(kv_cache: &KvCache, rows: Range<usize>) -> Sequence<'_> {
        Sequence { kv_cache, rows }
    }

    /// Attention of `count` queries of 32 numbers, from a buffer of `values` numbers.
    fn run(sequences: &[Sequence<'_>], count: usize, visible: AttentionMask, values: usize) {
        let queries = Queries { values: &vec![0.25; values], stride: 32, count };
        attend(sequences, queries, visible, &mut vec![0.0; count * 32]);
    }

    #[test]
    #[should_panic(expected = "2 heads of 16 in one sequence, 4 of 8 in another")]
    fn attend_refuses_sequences_with_other_heads() {
        let (a, b) = (cache(2, 16, 3, CpuPrecision::F32), cache(4, 8, 3, CpuPrecision::F32));
        run(&[of(&a, 0..3), of(&b, 3..6)], 6, AttentionMask::All, 6 * 32);
    }

    #[test]
    #[should_panic(expected = "2 heads of 16 in one sequence, 2 of 24 in another")]
    fn attend_refuses_sequences_with_another_width() {
        let (a, b) = (cache(2, 16, 3, CpuPrecision::Int8), cache(2, 24, 3, CpuPrecision::Int8));
        run(&[of(&a, 0..3), of(&b, 3..6)], 6, AttentionMask::All, 6 * 32);
    }

    #[test]
    #[should_panic(expected = "rows 2..5 of 6, of which 3 are taken")]
    fn attend_refuses_shared_queries() {
        let a = cache(2, 16, 3, CpuPrecision::Bf16);
        run(&[of(&a, 0..3), of(&a, 2..5)], 6, AttentionMask::All, 6 * 32);
    }

    #[test]
    #[should_panic(expected = "rows 5..3 of 6, of which 4 are taken")]
    #[allow(clippy::reversed_empty_ranges, reason = "it would let the next sequence share queries with the first")]
    fn attend_refuses_a_reversed_range() {
        let a = cache(2, 16, 4, CpuPrecision::F32);
        run(&[of(&a, 0..4), of(&a, 5..3), of(&a, 3..6)], 6, AttentionMask::All, 6 * 32);
    }

    #[test]
    #[should_panic(expected = "rows 3..7 of 6")]
    fn attend_refuses_rows_beyond_the_queries() {
        let a = cache(2, 16, 4, CpuPrecision::F32);
        run(&[of(&a, 0..3), of(&a, 3..7)], 6, AttentionMask::All, 6 * 32);
    }

    #[test]
    #[should_panic(expected = "queries that end early")]
    fn attend_refuses_queries_that_end_early() {
        run(&[of(&cache(2, 16, 6, CpuPrecision::F32), 0..6)], 6, AttentionMask::All, 6 * 32 - 1);
    }

    #[test]
    #[should_panic(expected = "3 keys for 6 Causal queries")]
    fn attend_refuses_causal_queries_without_keys_of_their_own() {
        run(&[of(&cache(2, 16, 3, CpuPrecision::F32), 0..6)], 6, AttentionMask::Causal, 6 * 32);
    }

    #[test]
    #[should_panic(expected = "0 keys for 2 All queries")]
    fn attend_refuses_an_empty_cache() {
        run(&[of(&cache(2, 16, 0, CpuPrecision::Int8), 0..2)], 2, AttentionMask::All, 2 * 32);
    }

    #[test]
    fn attend_of_no_queries_needs_no_keys() {
        run(&[of(&cache(2, 16, 0, CpuPrecision::Int8), 0..0)], 0, AttentionMask::Causal, 0);
        run(&[], 0, AttentionMask::All, 0);
    }

    #[test]
    #[should_panic(expected = "head 2 of 2")]
    fn weights_refuse_a_head_that_is_not_there() {
        let queries = Queries { values: &[0.0; 64], stride: 32, count: 2 };
        weights(&cache(2, 16, 3, CpuPrecision::F32), 2, queries, &mut [0.0; 6]);
    }

    #[test]
    #[should_panic(expected = "queries without keys")]
    fn weights_refuse_an_empty_cache() {
        let queries = Queries { values: &[0.0; 64], stride: 32, count: 2 };
        weights(&cache(2, 16, 0, CpuPrecision::F32), 0, queries, &mut []);
    }
}
