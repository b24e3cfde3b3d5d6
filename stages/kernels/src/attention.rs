//! Attention of some queries to the keys and values of one sequence.
//!
//! Keys and values are packed for the tiles once: keys as columns over the width of a head, values as columns over the
//! keys. Queries are taken a tile at a time, so that their scores never leave the near cache; a tile's weights are the
//! left side of the product with the values.

use std::ops::Range;

use rayon::prelude::*;

use crate::isa::multiversion;
use crate::keys_values::{Element, Heads, KeysValues, Store};
use crate::lines::Lines;
use crate::math::exp;
use crate::pack::Panels;
use crate::shared::SharedSlice;
use crate::tile::{PANEL, ROWS, Sums};

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
    (0..heads * chunks.len()).into_par_iter().for_each(|task| {
        let (head, (keys_values, all, rows)) = (task / chunks.len(), &chunks[task % chunks.len()]);
        let view = View { keys_values, head, queries, all: all.clone(), visible };
        // SAFETY: no other task has this head and these rows.
        unsafe { view.attend(rows.clone(), &out) };
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
        Store::F32(heads) => view.tiles(heads, all, Some(out), |_, _, _| ()),
        Store::Bf16(heads) => view.tiles(heads, all, Some(out), |_, _, _| ()),
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

impl View<'_> {
    /// What some of the queries attend to.
    ///
    /// # Safety
    /// No other thread writes or reads this head's columns of these rows of `out` meanwhile.
    unsafe fn attend(&self, rows: Range<usize>, out: &SharedSlice<'_>) {
        let width = self.keys_values.head_width();
        let row_len = self.keys_values.heads() * width;
        let write = |row: usize, values: &[f32], first: usize| {
            let start = row * row_len + self.head * width + first;
            // SAFETY: the caller's.
            unsafe { out.range(start..start + values.len()) }.copy_from_slice(values);
        };
        match &self.keys_values.store {
            Store::F32(heads) => self.tiles(heads, rows, None, write),
            Store::Bf16(heads) => self.tiles(heads, rows, None, write),
        }
    }

    /// Tile by tile: scores, weights (written to `weights_out` where they are wanted), then the values mixed by them,
    /// which `write` gets with their row and first column.
    fn tiles<F: Element>(
        &self,
        heads: &Heads<F>,
        rows: Range<usize>,
        mut weights_out: Option<&mut [f32]>,
        mut write: impl FnMut(usize, &[f32], usize),
    ) {
        let (isa, width, keys) = (self.keys_values.isa, self.keys_values.head_width(), self.keys_values.len());
        let values = &heads.values[self.head];
        let padded_keys = keys.next_multiple_of(PANEL);
        let mut tile = Tile::<F>::new(ROWS.min(rows.len()), width, padded_keys);
        let mut sums = [Sums([0.0; PANEL]); ROWS];
        for first in rows.clone().step_by(ROWS) {
            let count = ROWS.min(rows.end - first);
            self.score(&heads.keys[self.head], first, count, &mut tile);
            let mut totals = [0.0; ROWS];
            for (row, scores) in tile.scores.chunks_exact_mut(padded_keys).take(count).enumerate() {
                let seen = self.visible.keys(first + row - self.all.start, self.all.len(), keys);
                totals[row] = exponentials(isa, scores, seen);
                if let Some(out) = weights_out.as_deref_mut() {
                    let out = &mut out[(first + row) * keys..][..keys];
                    out.iter_mut().zip(&*scores).for_each(|(out, weight)| *out = weight / totals[row]);
                }
                F::convert(isa, scores, &mut tile.weights[row * padded_keys..][..padded_keys]);
            }
            for panel in 0..width.div_ceil(PANEL) {
                let groups = keys.div_ceil(F::GROUP);
                F::tile(isa, count, &tile.weights, padded_keys, values.panel(panel), groups, &mut sums);
                let columns = PANEL.min(width - panel * PANEL);
                for (row, sums) in sums[..count].iter_mut().enumerate() {
                    sums.0.iter_mut().for_each(|x| *x /= totals[row]);
                    write(first + row, &sums.0[..columns], panel * PANEL);
                }
            }
        }
    }

    /// The scores of a tile's queries with all keys.
    fn score<F: Element>(&self, keys: &Panels<F>, first: usize, count: usize, tile: &mut Tile<F>) {
        let (isa, width) = (self.keys_values.isa, self.keys_values.head_width());
        let padded_width = tile.padded_width;
        for (row, out) in tile.queries.chunks_exact_mut(padded_width).take(count).enumerate() {
            let query = &self.queries.values[(first + row) * self.queries.stride + self.head * width..][..width];
            F::convert(isa, query, &mut out[..width]);
        }
        let mut sums = [Sums([0.0; PANEL]); ROWS];
        for panel in 0..tile.padded_keys / PANEL {
            F::tile(isa, count, &tile.queries, padded_width, keys.panel(panel), keys.groups, &mut sums);
            for (row, sums) in sums[..count].iter().enumerate() {
                tile.scores[row * tile.padded_keys + panel * PANEL..][..PANEL].copy_from_slice(&sums.0);
            }
        }
    }
}

/// The buffers of one tile of queries.
struct Tile<F: Element> {
    queries: Lines<F::Row>,
    padded_width: usize,
    scores: Lines<f32>,
    weights: Lines<F::Row>,
    padded_keys: usize,
}

impl<F: Element> Tile<F> {
    fn new(rows: usize, width: usize, padded_keys: usize) -> Self {
        let padded_width = width.next_multiple_of(F::GROUP);
        Self {
            queries: Lines::zeros(rows * padded_width),
            padded_width,
            scores: Lines::zeros(rows * padded_keys),
            weights: Lines::zeros(rows * padded_keys),
            padded_keys,
        }
    }
}

multiversion! {
    /// Turns scores into exp(score - highest) and gives their sum; those beyond the first `seen` become 0.
    fn exponentials(scores: &mut [f32], seen: usize) -> f32 {
        let (seen, unseen) = scores.split_at_mut(seen);
        unseen.fill(0.0);
        let mut top = [f32::NEG_INFINITY; 16];
        let chunks = seen.chunks_exact(16);
        let rest = chunks.remainder().iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for chunk in chunks {
            for (top, x) in top.iter_mut().zip(chunk) {
                *top = if *x > *top { *x } else { *top };
            }
        }
        let top = top.iter().copied().fold(rest, f32::max);
        let mut sums = [0.0f32; 16];
        let mut chunks = seen.chunks_exact_mut(16);
        for chunk in &mut chunks {
            for (sum, x) in sums.iter_mut().zip(chunk) {
                *x = exp(*x - top);
                *sum += *x;
            }
        }
        let mut sum: f32 = sums.iter().sum();
        for x in chunks.into_remainder() {
            *x = exp(*x - top);
            sum += *x;
        }
        sum
    }
}
