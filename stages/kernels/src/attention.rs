//! Attention of some queries to the keys and values of one sequence.
//!
//! Keys and values are packed for the tiles once: keys as columns over the width of a head, values as columns over the
//! keys. Queries are taken a tile at a time, so that their scores never leave the near cache; a tile's weights are the
//! left side of the product with the values.

use std::ops::Range;

use rayon::prelude::*;

use crate::isa::prefetch;
use crate::keys_values::{Head, KeysValues, Store};
use crate::lines::Lines;
use crate::rows::Quantised;
use crate::shared::SharedSlice;
use crate::softmax::{Attended, Scored};
use crate::tile::{Brain, Byte, PANEL, ROWS, Single, Sums};

/// Queries that one thread takes at a time.
const CHUNK: usize = 16 * ROWS;

/// Queries: head `h` of row `i` begins at `i * stride + h * width`.
#[derive(Debug, Clone, Copy)]
pub struct Queries<'a> {
    /// Already scaled by 1 / sqrt(width of a head).
    pub values: &'a [f32],
    /// From row to row.
    pub stride: usize,
    /// How many rows.
    pub count: usize,
}

/// How many of the keys each query sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visible {
    /// All.
    All,
    /// The queries are the last keys' own: each sees what is before it and itself.
    Causal,
}

impl Visible {
    const fn keys(self, row: usize, queries: usize, keys: usize) -> usize {
        match self {
            Self::All => keys,
            Self::Causal => keys - (queries - 1 - row),
        }
    }
}

/// Keys and values, and the queries that attend to them.
#[derive(Debug, Clone)]
pub struct Sequence<'a> {
    /// What is attended to.
    pub keys_values: &'a KeysValues,
    /// The rows of its queries.
    pub rows: Range<usize>,
}

/// What every sequence's queries attend to, into dense rows of `out` (`[queries, heads * width]`). The sequences have
/// heads alike and queries of their own; the threads share sequences, heads and queries.
///
/// # Panics
/// Where `out` has another length or sequences share a query.
pub fn attend(sequences: &[Sequence<'_>], queries: Queries<'_>, visible: Visible, out: &mut [f32]) {
    let Some(first) = sequences.first() else { return };
    let heads = first.keys_values.heads();
    assert_eq!(out.len(), queries.count * heads * first.keys_values.head_width(), "an output row for each query");
    assert!(sequences.windows(2).all(|pair| pair[0].rows.end <= pair[1].rows.start), "queries of one sequence each");
    let chunks: Vec<_> = sequences
        .iter()
        .flat_map(|Sequence { keys_values, rows }| {
            let chunk = |start: usize| (*keys_values, rows.clone(), start..(start + CHUNK).min(rows.end));
            rows.clone().step_by(CHUNK).map(chunk)
        })
        .collect();
    let out = SharedSlice::new(out);
    let tasks = (0..heads * chunks.len()).into_par_iter();
    tasks.for_each_init(Buffers::default, |buffers, task| {
        let (head, (keys_values, all, rows)) = (task / chunks.len(), &chunks[task % chunks.len()]);
        let view = View { keys_values, head, queries, all: all.clone(), visible };
        // SAFETY: no other task has this head and these rows.
        unsafe { view.attend(rows.clone(), &out, buffers) };
    });
}

/// The attention weights of one head, into dense rows of `out` (`[queries, keys]`); each row sums to 1.
///
/// # Panics
/// Where `out` has another length.
pub fn weights(keys_values: &KeysValues, head: usize, queries: Queries<'_>, out: &mut [f32]) {
    assert_eq!(out.len(), queries.count * keys_values.len(), "an output row for each query");
    let all = 0..queries.count;
    let view = View { keys_values, head, queries, all: all.clone(), visible: Visible::All };
    match &keys_values.store {
        Store::F32(heads) => view.weights(&heads[head], out),
        Store::Bf16(heads) => view.weights(&heads[head], out),
        Store::Int8(heads) => view.weights(&heads[head], out),
    }
}

/// One head of a sequence.
struct View<'a> {
    keys_values: &'a KeysValues,
    head: usize,
    queries: Queries<'a>,
    /// All queries of the sequence.
    all: Range<usize>,
    visible: Visible,
}

/// The buffers of a thread, one for each format.
#[derive(Default)]
struct Buffers {
    single: Tile<Single, Single>,
    brain: Tile<Brain, Brain>,
    byte: Tile<Byte, Brain>,
}

/// The buffers of one tile of queries.
struct Tile<K: Scored, V: Attended> {
    /// `[rows][width]`, filled up to whole groups.
    queries: Lines<K::Row>,
    /// What undoes the queries' quantisation.
    scales: [Quantised; ROWS],
    /// `[rows][keys]`, filled up to whole panels.
    scores: Lines<f32>,
    /// The same of the weights.
    weights: Lines<V::Row>,
}

impl<K: Scored, V: Attended> Default for Tile<K, V> {
    fn default() -> Self {
        let scales = [Quantised::default(); ROWS];
        Self { queries: Lines::default(), scales, scores: Lines::default(), weights: Lines::default() }
    }
}

impl View<'_> {
    /// What the queries of the given rows attend to, into their places in `out`.
    ///
    /// # Safety
    /// No other thread has this head of these rows of `out`.
    unsafe fn attend(&self, rows: Range<usize>, out: &SharedSlice<'_>, buffers: &mut Buffers) {
        let (heads, width) = (self.keys_values.heads(), self.keys_values.head_width());
        let write = |row: usize, values: &[f32], column: usize| {
            let start = (row * heads + self.head) * width + column;
            // SAFETY: the caller's.
            unsafe { out.range(start..start + values.len()) }.copy_from_slice(values);
        };
        match &self.keys_values.store {
            Store::F32(heads) => self.tiles(&heads[self.head], rows, &mut buffers.single, write),
            Store::Bf16(heads) => self.tiles(&heads[self.head], rows, &mut buffers.brain, write),
            Store::Int8(heads) => self.tiles(&heads[self.head], rows, &mut buffers.byte, write),
        }
    }

    /// All tiles of some rows; `write` gets a row, the values of some of its columns and the first of them.
    fn tiles<K: Scored, V: Attended>(
        &self,
        head: &Head<K, V>,
        rows: Range<usize>,
        tile: &mut Tile<K, V>,
        mut write: impl FnMut(usize, &[f32], usize),
    ) {
        let (isa, width, keys) = (self.keys_values.isa, self.keys_values.head_width(), self.keys_values.len());
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

    /// The attention weights of all queries, into `out` (`[queries, keys]`).
    fn weights<K: Scored, V: Attended>(&self, head: &Head<K, V>, out: &mut [f32]) {
        let (isa, keys) = (self.keys_values.isa, self.keys_values.len());
        let mut tile = Tile::<K, V>::default();
        for (index, out) in out.chunks_mut(ROWS * keys).enumerate() {
            let (first, count) = (index * ROWS, out.len() / keys);
            let tops = self.score(head, first, count, &mut tile);
            let scores = tile.scores.chunks_exact(keys.next_multiple_of(PANEL));
            for (row, (out, scores)) in out.chunks_exact_mut(keys).zip(scores).enumerate() {
                let total = Single::exponentials(isa, &scores[..self.seen(first + row)], tops[row], out);
                out.iter_mut().for_each(|weight| *weight /= total);
            }
        }
    }

    /// Keys that a query sees.
    fn seen(&self, row: usize) -> usize {
        self.visible.keys(row - self.all.start, self.all.len(), self.keys_values.len())
    }

    /// The scores of a tile's queries with all keys, and the highest of each.
    fn score<K: Scored, V: Attended>(
        &self,
        head: &Head<K, V>,
        first: usize,
        count: usize,
        tile: &mut Tile<K, V>,
    ) -> [f32; ROWS] {
        let (isa, width) = (self.keys_values.isa, self.keys_values.head_width());
        let (padded, stride) = (width.next_multiple_of(K::GROUP), self.keys_values.len().next_multiple_of(PANEL));
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
