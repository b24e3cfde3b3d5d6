//! The key-value cache of windows and hypotheses, with one tensor per layer.

use candle_core::{DType, Device, Result, Tensor};
use kernels::fused::HEAD_WIDTH;

use crate::families::whisper::network::plain::cache::grown;
use crate::families::whisper::network::{DecoderCache, Row};

/// The windows in the slots, each with its hypotheses in lanes.
#[derive(Debug)]
pub(in crate::families::whisper) struct Cache {
    /// Keys and values of the tokens of all hypotheses, `[slots * lanes, heads, capacity, 2, 64]`.
    pub(super) tokens: Vec<Tensor>,
    /// Keys and values of the positions of all windows, `[slots, heads, positions, 2, 64]`.
    pub(super) audio: Vec<Tensor>,
    /// For every lane, slot by slot: the entry of `tokens` that contains each of its tokens' keys and values, at the
    /// token's position. A lane that continues another one shares its entries for their common tokens and writes new
    /// tokens to its own entry. All running lanes of a window have the same length, so no shared entry is overwritten.
    sources: Vec<Vec<u32>>,
    lanes: usize,
    capacity: usize,
    positions: usize,
}

/// The dimensions of a cache.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) dtype: DType,
    pub(super) device: Device,
}

impl Shape {
    /// Allocates the keys and values of one layer, for `entries` sequences of at most `capacity` tokens.
    pub(super) fn layer(&self, entries: usize, capacity: usize) -> Result<Tensor> {
        Tensor::zeros((entries, self.heads, capacity, 2, HEAD_WIDTH), self.dtype, &self.device)
    }
}

impl Cache {
    pub(super) fn new(shape: &Shape, slots: usize, lanes: usize, capacity: usize, positions: usize) -> Result<Self> {
        let layers = |entries, capacity| -> Result<Vec<_>> {
            (0..shape.layers).map(|_| shape.layer(entries, capacity)).collect()
        };
        Ok(Self {
            tokens: layers(slots * lanes, capacity)?,
            audio: layers(slots, positions)?,
            sources: vec![Vec::new(); slots * lanes],
            lanes,
            capacity,
            positions,
        })
    }

    pub(super) const fn index(&self, row: Row) -> usize {
        row.slot * self.lanes + row.lane
    }

    /// Whether the cache contains this row and has room for `n` more tokens in it.
    pub(super) fn has_room(&self, row: Row, n: usize) -> bool {
        row.slot < self.slots() && row.lane < self.lanes && self.row_len(row) + n <= self.capacity
    }

    pub(super) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Positions per window.
    pub(super) const fn positions(&self) -> usize {
        self.positions
    }

    /// The entries that contain the keys and values of a row's tokens.
    pub(super) fn sources(&self, row: Row) -> &[u32] {
        &self.sources[self.index(row)]
    }

    /// Whether the tokens of every lane are in its own entry.
    pub(super) const fn is_greedy(&self) -> bool {
        self.lanes == 1
    }

    pub(super) fn extend(&mut self, rows: &[Row], n: usize) {
        for row in rows {
            let index = self.index(*row);
            self.sources[index].extend(std::iter::repeat_n(index as u32, n));
        }
    }

    pub(super) fn row_len(&self, row: Row) -> usize {
        self.sources[self.index(row)].len()
    }
}

impl DecoderCache for Cache {
    fn slots(&self) -> usize {
        self.sources.len() / self.lanes
    }

    fn grow(&mut self, needed: usize, limit: usize) -> Result<()> {
        let slots = needed.max((2 * self.slots()).min(limit));
        for (tokens, audio) in self.tokens.iter_mut().zip(&mut self.audio) {
            *tokens = grown(tokens, slots * self.lanes)?;
            *audio = grown(audio, slots)?;
        }
        self.sources.resize(slots * self.lanes, Vec::new());
        Ok(())
    }

    fn clear(&mut self, slot: usize) {
        self.sources[slot * self.lanes..][..self.lanes].iter_mut().for_each(Vec::clear);
    }

    fn reorder(&mut self, slot: usize, from: &[usize]) -> Result<()> {
        let first = slot * self.lanes;
        let sources: Vec<_> = from.iter().map(|lane| self.sources[first + lane].clone()).collect();
        self.sources.splice(first..first + sources.len(), sources);
        Ok(())
    }

    #[cfg(test)]
    fn len(&self, row: Row) -> usize {
        self.row_len(row)
    }
}
