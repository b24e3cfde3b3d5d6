//! Keys and values of one sequence, packed for attention: filled at once (an encoder's states) or grown token by token.

use rayon::prelude::*;

use crate::isa::Isa;
use crate::pack::{Panels, place};
use crate::precision::Precision;
use crate::rows::to_bf16;
use crate::tile::{Brain, Format, PANEL, Single};

/// Keys and values of a sequence, for every head.
#[derive(Debug)]
pub struct KeysValues {
    pub(crate) isa: Isa,
    pub(crate) store: Store,
    head_width: usize,
    capacity: usize,
    len: usize,
}

#[derive(Debug)]
pub(crate) enum Store {
    F32(Heads<Single>),
    Bf16(Heads<Brain>),
}

/// Panels of every head.
#[derive(Debug)]
pub(crate) struct Heads<F: Format> {
    /// Keys are columns, over the width of a head.
    pub(crate) keys: Vec<Panels<F>>,
    /// The numbers of a value are columns, over the keys.
    pub(crate) values: Vec<Panels<F>>,
}

/// Rows of keys and values side by side with others: a row's keys begin at `keys` and its values at `values`, each the
/// heads one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Projected<'a> {
    /// From the first row on.
    pub rows: &'a [f32],
    /// From row to row.
    pub stride: usize,
    /// Where in a row the keys begin.
    pub keys: usize,
    /// Where in a row the values begin.
    pub values: usize,
    /// How many rows.
    pub count: usize,
}

impl KeysValues {
    /// Room for `capacity` keys. In f32 attention is computed in f32, else in bf16.
    #[must_use]
    pub fn new(heads: usize, head_width: usize, capacity: usize, precision: Precision) -> Self {
        Self::with_isa(Isa::detect(), heads, head_width, capacity, precision)
    }

    /// As [`KeysValues::new`], for a given set of instructions.
    #[must_use]
    pub fn with_isa(isa: Isa, heads: usize, head_width: usize, capacity: usize, precision: Precision) -> Self {
        let store = match precision {
            Precision::F32 => Store::F32(Heads::new(heads, head_width, capacity)),
            Precision::Bf16 | Precision::Int8 => Store::Bf16(Heads::new(heads, head_width, capacity)),
        };
        Self { isa, store, head_width, capacity, len: 0 }
    }

    /// Number of heads.
    #[must_use]
    pub const fn heads(&self) -> usize {
        match &self.store {
            Store::F32(heads) => heads.keys.len(),
            Store::Bf16(heads) => heads.keys.len(),
        }
    }

    /// Numbers of a head's key.
    #[must_use]
    pub const fn head_width(&self) -> usize {
        self.head_width
    }

    /// Keys so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets the keys from the given one on.
    pub const fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.len = len;
        }
    }

    /// Packs further keys and values.
    ///
    /// # Panics
    /// Where they exceed the capacity, or rows are shorter than said.
    pub fn append(&mut self, new: Projected<'_>) {
        assert!(self.len + new.count <= self.capacity, "no room for {} more keys after {}", new.count, self.len);
        let (isa, width, at) = (self.isa, self.head_width, self.len);
        match &mut self.store {
            Store::F32(heads) => heads.append(isa, new, width, at),
            Store::Bf16(heads) => heads.append(isa, new, width, at),
        }
        self.len += new.count;
    }

    /// Becomes equal to another of the same shape.
    pub fn copy_from(&mut self, other: &Self) {
        match (&mut self.store, &other.store) {
            (Store::F32(to), Store::F32(from)) => to.copy_from(from, other.len),
            (Store::Bf16(to), Store::Bf16(from)) => to.copy_from(from, other.len),
            _ => unreachable!("one cache has one precision"),
        }
        self.len = other.len;
    }
}

/// A format whose sums are f32 and whose two sides are alike: what attention is computed in.
pub(crate) trait Element: Format<Sum = f32, Row = <Self as Format>::Column> {
    /// Zero.
    const ZERO: Self::Row;

    /// Brings a row into the format.
    fn convert(isa: Isa, row: &[f32], out: &mut [Self::Row]);
}

impl Element for Single {
    const ZERO: f32 = 0.0;

    fn convert(_: Isa, row: &[f32], out: &mut [f32]) {
        out.copy_from_slice(row);
    }
}

impl Element for Brain {
    const ZERO: u16 = 0;

    fn convert(isa: Isa, row: &[f32], out: &mut [u16]) {
        to_bf16(isa, row, out);
    }
}

impl<F: Element> Heads<F> {
    fn new(heads: usize, width: usize, capacity: usize) -> Self {
        let keys = (0..heads).map(|_| Panels::zeros(width, capacity, F::ZERO)).collect();
        // Values are read to the end of the last panel of keys, with weight 0.
        let values = (0..heads).map(|_| Panels::zeros(capacity.next_multiple_of(PANEL), width, F::ZERO)).collect();
        Self { keys, values }
    }

    fn append(&mut self, isa: Isa, new: Projected<'_>, width: usize, at: usize) {
        let append = |(head, (keys, values)): (usize, (&mut Panels<F>, &mut Panels<F>))| {
            let mut converted = vec![F::ZERO; 2 * width];
            let (key, value) = converted.split_at_mut(width);
            for row in 0..new.count {
                let start = row * new.stride + head * width;
                F::convert(isa, &new.rows[start + new.keys..][..width], key);
                F::convert(isa, &new.rows[start + new.values..][..width], value);
                keys.set_column(at + row, key);
                values.set_row(at + row, value);
            }
        };
        if new.count < PANEL {
            self.keys.iter_mut().zip(&mut self.values).enumerate().for_each(append);
        } else {
            self.keys.par_iter_mut().zip(&mut self.values).enumerate().for_each(append);
        }
    }

    fn copy_from(&mut self, other: &Self, len: usize) {
        for (to, from) in self.keys.iter_mut().zip(&other.keys) {
            to.copy_columns(from, len);
        }
        for (to, from) in self.values.iter_mut().zip(&other.values) {
            to.copy_rows(from, len);
        }
    }
}

impl<F: Format> Panels<F> {
    /// Sets one column over the whole inner dimension.
    fn set_column(&mut self, column: usize, values: &[F::Column]) {
        let panel = self.panel_mut(column / PANEL);
        for (group, values) in values.chunks(F::GROUP).enumerate() {
            panel[place::<F>(group * F::GROUP, column % PANEL)..][..values.len()].copy_from_slice(values);
        }
    }

    /// Sets one place of the inner dimension in all columns.
    fn set_row(&mut self, k: usize, values: &[F::Column]) {
        for (index, values) in values.chunks(PANEL).enumerate() {
            let panel = self.panel_mut(index);
            let group = &mut panel[place::<F>(k, 0)..];
            for (to, value) in group.iter_mut().step_by(F::GROUP).zip(values) {
                *to = *value;
            }
        }
    }

    fn copy_columns(&mut self, from: &Self, columns: usize) {
        let len = columns.div_ceil(PANEL) * self.panel_len();
        self.elements[..len].copy_from_slice(&from.elements[..len]);
    }

    fn copy_rows(&mut self, from: &Self, rows: usize) {
        let (len, panel_len) = (rows.div_ceil(F::GROUP) * PANEL * F::GROUP, self.panel_len());
        for (to, from) in self.elements.chunks_exact_mut(panel_len).zip(from.elements.chunks_exact(panel_len)) {
            to[..len].copy_from_slice(&from[..len]);
        }
    }
}
