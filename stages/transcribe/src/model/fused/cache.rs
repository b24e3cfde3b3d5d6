//! What the decoder keeps of its windows and hypotheses, layer by layer.

use candle_core::{DType, Device, Result, Tensor};
use kernels::fused::HEAD_WIDTH;

use crate::model::Row;

/// The windows in the slots, each with its hypotheses in lanes.
#[derive(Debug)]
pub(crate) struct Cache {
    /// Keys and values of every hypothesis's tokens, `[slots * lanes, heads, capacity, 2, 64]`.
    pub(super) tokens: Vec<Tensor>,
    /// Keys and values of every window's positions, `[slots, heads, positions, 2, 64]`.
    pub(super) audio: Vec<Tensor>,
    /// Tokens of every lane, slot by slot.
    lens: Vec<usize>,
    lanes: usize,
    capacity: usize,
    positions: usize,
}

/// What a cache has room for.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) dtype: DType,
    pub(super) device: Device,
}

impl Shape {
    /// Room for keys and values of `entries` sequences of at most `capacity` in one layer.
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
            lens: vec![0; slots * lanes],
            lanes,
            capacity,
            positions,
        })
    }

    pub(super) const fn index(&self, row: Row) -> usize {
        row.slot * self.lanes + row.lane
    }

    pub(super) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Positions of every window.
    pub(super) const fn positions(&self) -> usize {
        self.positions
    }

    pub(crate) fn len(&self, row: Row) -> usize {
        self.lens[self.index(row)]
    }

    pub(super) fn grow(&mut self, rows: &[Row], n: usize) {
        for row in rows {
            let index = self.index(*row);
            self.lens[index] += n;
        }
    }

    pub(crate) fn clear(&mut self, slot: usize) {
        self.lens[slot * self.lanes..][..self.lanes].fill(0);
    }

    pub(crate) fn reorder(&mut self, slot: usize, from: &[usize]) -> Result<()> {
        let first = slot * self.lanes;
        let Some(layer) = self.tokens.first() else { return Ok(()) };
        let sources = Tensor::from_iter(from.iter().map(|lane| (first + lane) as u32), layer.device())?;
        for layer in &self.tokens {
            layer.slice_set(&layer.index_select(&sources, 0)?, 0, first)?;
        }
        let lens: Vec<_> = from.iter().map(|lane| self.lens[first + lane]).collect();
        self.lens[first..][..lens.len()].copy_from_slice(&lens);
        Ok(())
    }
}
