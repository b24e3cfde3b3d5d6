//! Keys and values of one sequence, packed for attention: appended at once (encoder states) or token by token.

use std::ops::Range;

use rayon::prelude::*;

use crate::isa::{Isa, prefetch};
use crate::pack::{Panels, place};
use crate::precision::CpuPrecision;
use crate::shared::rows_fit;
use crate::softmax::{Attended, Scored};
use crate::tile::{Bf16, F32, Format, Int8, PANEL};

/// Number of rows between a prefetch and its use.
const AHEAD: usize = 8;

/// Keys and values of a sequence, for every head.
///
/// ```
/// use kernels::{AttentionMask, CpuPrecision, KvCache, Queries, QkvView, Sequence, attend};
///
/// // One head of width 2. Each row has a key and a value; the first key fits the query far better.
/// let rows = [100.0, 0.0, 1.0, 2.0, /**/ -100.0, 0.0, 3.0, 4.0];
/// let mut cache = KvCache::new(1, 2, 2, CpuPrecision::F32);
/// cache.append(QkvView { rows: &rows, stride: 4, keys: 0, values: 2, count: 2 });
///
/// let mut out = [0.0; 2];
/// let query = Queries { values: &[1.0, 0.0], stride: 2, count: 1 };
/// attend(&[Sequence { kv_cache: &cache, rows: 0..1 }], query, AttentionMask::All, &mut out);
/// assert_eq!(out, [1.0, 2.0]);
/// ```
#[derive(Debug)]
pub struct KvCache {
    pub(crate) isa: Isa,
    pub(crate) store: Store,
    head_width: usize,
    capacity: usize,
    len: usize,
}

#[derive(Debug)]
pub(crate) enum Store {
    F32(Vec<Head<F32, F32>>),
    Bf16(Vec<Head<Bf16, Bf16>>),
    Int8(Vec<Head<Int8, Bf16>>),
}

/// Keys and values of one head.
#[derive(Debug)]
pub(crate) struct Head<K: Scored, V: Attended> {
    /// Keys are columns, over the width of a head.
    pub(crate) keys: Panels<K>,
    /// The scale of each key if keys are quantized.
    pub(crate) scales: Vec<f32>,
    /// The numbers of the values are columns, over the keys.
    pub(crate) values: Panels<V>,
}

/// Keys and values as columns of wider rows. A row's keys begin at `keys` and its values at `values`, with the heads
/// one after the other.
#[derive(Debug, Clone, Copy)]
pub struct QkvView<'a> {
    /// The rows, beginning at the first.
    pub rows: &'a [f32],
    /// Distance between the starts of two rows, in numbers.
    pub stride: usize,
    /// Offset of the keys in a row.
    pub keys: usize,
    /// Offset of the values in a row.
    pub values: usize,
    /// Number of rows.
    pub count: usize,
}

impl KvCache {
    /// Allocates space for `capacity` keys of `heads` heads, each `head_width` (at least 1) numbers wide. For f32,
    /// attention is computed in f32; for bf16, in bf16. For int8, queries and keys are in int8, and weights and values
    /// in bf16.
    ///
    /// # Panics
    /// `head_width` is 0.
    #[must_use]
    pub fn new(heads: usize, head_width: usize, capacity: usize, precision: CpuPrecision) -> Self {
        Self::with_isa(Isa::detect(), heads, head_width, capacity, precision)
    }

    /// As [`KvCache::new`], with the given instruction set.
    ///
    /// # Panics
    /// As [`KvCache::new`].
    #[must_use]
    pub fn with_isa(isa: Isa, heads: usize, head_width: usize, capacity: usize, precision: CpuPrecision) -> Self {
        assert!(head_width > 0, "a head has numbers");
        let store = match precision {
            CpuPrecision::F32 => Store::F32(new_heads(heads, head_width, capacity)),
            CpuPrecision::Bf16 => Store::Bf16(new_heads(heads, head_width, capacity)),
            CpuPrecision::Int8 => Store::Int8(new_heads(heads, head_width, capacity)),
        };
        Self { isa, store, head_width, capacity, len: 0 }
    }

    /// Number of heads.
    #[must_use]
    pub const fn heads(&self) -> usize {
        match &self.store {
            Store::F32(heads) => heads.len(),
            Store::Bf16(heads) => heads.len(),
            Store::Int8(heads) => heads.len(),
        }
    }

    /// Width of a head.
    #[must_use]
    pub const fn head_width(&self) -> usize {
        self.head_width
    }

    /// Number of keys.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no keys.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Removes the keys from index `len` on.
    pub const fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.len = len;
        }
    }

    /// Packs and appends more keys and values.
    ///
    /// # Panics
    /// They exceed the capacity, or `new.rows` is too short.
    pub fn append(&mut self, new: QkvView<'_>) {
        let room = self.capacity - self.len;
        assert!(new.count <= room, "no room for {} more keys after {}", new.count, self.len);
        let width = self.heads() * self.head_width;
        assert!(new.fits(width), "{} rows of keys and values of {width} numbers in {}", new.count, new.rows.len());
        let (isa, width, at) = (self.isa, self.head_width, self.len);
        match &mut self.store {
            Store::F32(heads) => append(heads, isa, new, width, at),
            Store::Bf16(heads) => append(heads, isa, new, width, at),
            Store::Int8(heads) => append(heads, isa, new, width, at),
        }
        self.len += new.count;
    }

    /// Copies the contents of another cache of the same shape.
    ///
    /// # Panics
    /// Heads, their width, the capacity or the precision differ.
    pub fn copy_from(&mut self, other: &Self) {
        let shape = |of: &Self| (of.heads(), of.head_width, of.capacity);
        assert_eq!(shape(self), shape(other), "a cache is copied to one of the same heads, width and capacity");
        match (&mut self.store, &other.store) {
            (Store::F32(to), Store::F32(from)) => copy(to, from, other.len),
            (Store::Bf16(to), Store::Bf16(from)) => copy(to, from, other.len),
            (Store::Int8(to), Store::Int8(from)) => copy(to, from, other.len),
            _ => panic!("a cache is copied to one of the same precision"),
        }
        self.len = other.len;
    }
}

impl QkvView<'_> {
    /// Whether the rows contain keys and values of `width` numbers.
    pub(crate) fn fits(&self, width: usize) -> bool {
        let of_row = self.keys.max(self.values).checked_add(width);
        self.count == 0 || of_row.is_some_and(|of_row| rows_fit(self.count, self.stride, of_row, self.rows.len()))
    }
}

fn new_heads<K: Scored, V: Attended>(heads: usize, width: usize, capacity: usize) -> Vec<Head<K, V>> {
    let head = |_| Head {
        keys: Panels::zeros(width, capacity, K::FILL),
        scales: vec![0.0; capacity],
        // Values are read up to the end of the last panel of keys, with weight 0.
        values: Panels::zeros(capacity.next_multiple_of(PANEL), width, V::Column::default()),
    };
    (0..heads).map(head).collect()
}

fn append<K: Scored, V: Attended>(heads: &mut [Head<K, V>], isa: Isa, new: QkvView<'_>, width: usize, at: usize) {
    let append =
        |(index, head): (usize, &mut Head<K, V>)| head.append(isa, new, index * width..(index + 1) * width, at);
    if new.count < PANEL {
        heads.iter_mut().enumerate().for_each(append);
    } else {
        heads.par_iter_mut().enumerate().for_each(append);
    }
}

fn copy<K: Scored, V: Attended>(to: &mut [Head<K, V>], from: &[Head<K, V>], len: usize) {
    for (to, from) in to.iter_mut().zip(from) {
        to.keys.copy_columns(&from.keys, len);
        to.scales[..len].copy_from_slice(&from.scales[..len]);
        to.values.copy_rows(&from.values, len);
    }
}

impl<K: Scored, V: Attended> Head<K, V> {
    /// Packs more keys and values, which are at `columns` of the rows' keys and values.
    fn append(&mut self, isa: Isa, new: QkvView<'_>, columns: Range<usize>, at: usize) {
        let width = columns.len();
        let (mut key, mut value) = (vec![K::Row::default(); width], vec![V::Row::default(); width]);
        for row in 0..new.count {
            let start = row * new.stride + columns.start;
            if row + AHEAD < new.count {
                let soon = start + AHEAD * new.stride;
                prefetch(&new.rows[soon + new.keys..][..width]);
                prefetch(&new.rows[soon + new.values..][..width]);
            }
            self.scales[at + row] = K::convert(isa, &new.rows[start + new.keys..][..width], &mut key).scale;
            V::convert(isa, &new.rows[start + new.values..][..width], &mut value);
            self.keys.set_column(at + row, &key, K::column);
            self.values.set_row(at + row, &value);
        }
    }
}

impl<F: Format> Panels<F> {
    /// Sets one column over the whole inner dimension.
    fn set_column<T: Copy>(&mut self, column: usize, values: &[T], element: impl Fn(T) -> F::Column) {
        let panel = self.panel_mut(column / PANEL);
        for (group, values) in values.chunks(F::GROUP).enumerate() {
            let places = &mut panel[place::<F>(group * F::GROUP, column % PANEL)..];
            places.iter_mut().zip(values).for_each(|(place, value)| *place = element(*value));
        }
    }

    /// Sets one index of the inner dimension in all columns.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(heads: usize, head_width: usize, capacity: usize, precision: CpuPrecision) -> KvCache {
        KvCache::new(heads, head_width, capacity, precision)
    }

    #[test]
    #[should_panic(expected = "the same heads, width and capacity")]
    fn copy_from_refuses_another_capacity() {
        cache(2, 16, 9, CpuPrecision::Bf16).copy_from(&cache(2, 16, 8, CpuPrecision::Bf16));
    }

    #[test]
    #[should_panic(expected = "the same heads, width and capacity")]
    fn copy_from_refuses_other_heads() {
        cache(2, 16, 9, CpuPrecision::F32).copy_from(&cache(4, 8, 9, CpuPrecision::F32));
    }

    #[test]
    #[should_panic(expected = "the same precision")]
    fn copy_from_refuses_another_precision() {
        cache(2, 16, 9, CpuPrecision::F32).copy_from(&cache(2, 16, 9, CpuPrecision::Int8));
    }

    #[test]
    #[should_panic(expected = "no room for 3 more keys after 0")]
    fn append_refuses_more_than_its_capacity() {
        let new = QkvView { rows: &[0.0; 300], stride: 96, keys: 32, values: 64, count: 3 };
        cache(2, 16, 2, CpuPrecision::F32).append(new);
    }

    #[test]
    #[should_panic(expected = "2 rows of keys and values of 32 numbers in 191")]
    fn append_refuses_rows_that_end_early() {
        let new = QkvView { rows: &[0.0; 191], stride: 96, keys: 32, values: 64, count: 2 };
        cache(2, 16, 9, CpuPrecision::F32).append(new);
    }
}
