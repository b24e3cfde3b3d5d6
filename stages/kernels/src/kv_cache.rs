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

/// Keys and values of a sequence, for every head. Memory grows with the keys and is kept when they are removed.
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
    /// Number of keys that fit into the memory allocated so far: whole panels.
    allocated: usize,
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
    /// Creates an empty cache for up to `capacity` keys of `heads` heads, each `head_width` (at least 1) numbers wide.
    /// For f32, attention is computed in f32; for bf16, in bf16. For int8, queries and keys are in int8, and weights
    /// and values in bf16.
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
            CpuPrecision::F32 => Store::F32(new_heads(heads, head_width)),
            CpuPrecision::Bf16 => Store::Bf16(new_heads(heads, head_width)),
            CpuPrecision::Int8 => Store::Int8(new_heads(heads, head_width)),
        };
        Self { isa, store, head_width, capacity, allocated: 0, len: 0 }
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

    /// Bytes of the keys and values that fit into the memory allocated so far.
    #[must_use]
    pub const fn allocated_bytes(&self) -> usize {
        let (key, scale, value) = match &self.store {
            Store::F32(_) => (size_of::<f32>(), 0, size_of::<f32>()),
            Store::Bf16(_) => (size_of::<u16>(), 0, size_of::<u16>()),
            Store::Int8(_) => (size_of::<u8>(), size_of::<f32>(), size_of::<u16>()),
        };
        self.allocated * self.heads() * (self.head_width * (key + value) + scale)
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
        self.reserve(self.len + new.count);
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
        self.reserve(other.len);
        match (&mut self.store, &other.store) {
            (Store::F32(to), Store::F32(from)) => copy(to, from, other.len),
            (Store::Bf16(to), Store::Bf16(from)) => copy(to, from, other.len),
            (Store::Int8(to), Store::Int8(from)) => copy(to, from, other.len),
            _ => panic!("a cache is copied to one of the same precision"),
        }
        self.len = other.len;
    }

    /// Allocates memory for `keys` keys: at least twice as much as before, but not more than the capacity needs.
    fn reserve(&mut self, keys: usize) {
        if keys <= self.allocated {
            return;
        }
        let keys = keys.max(2 * self.allocated).min(self.capacity).next_multiple_of(PANEL);
        let (width, len) = (self.head_width, self.len);
        match &mut self.store {
            Store::F32(heads) => heads.iter_mut().for_each(|head| head.grow(width, keys, len)),
            Store::Bf16(heads) => heads.iter_mut().for_each(|head| head.grow(width, keys, len)),
            Store::Int8(heads) => heads.iter_mut().for_each(|head| head.grow(width, keys, len)),
        }
        self.allocated = keys;
    }
}

impl QkvView<'_> {
    /// Whether the rows contain keys and values of `width` numbers.
    pub(crate) fn fits(&self, width: usize) -> bool {
        let of_row = self.keys.max(self.values).checked_add(width);
        self.count == 0 || of_row.is_some_and(|of_row| rows_fit(self.count, self.stride, of_row, self.rows.len()))
    }
}

fn new_heads<K: Scored, V: Attended>(heads: usize, width: usize) -> Vec<Head<K, V>> {
    (0..heads).map(|_| Head::new(width, 0)).collect()
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
    /// An empty head with room for `keys` keys: whole panels, because values are read up to the end of the last panel
    /// of keys, with weight 0.
    fn new(width: usize, keys: usize) -> Self {
        Self {
            keys: Panels::zeros(width, keys, K::FILL),
            scales: vec![0.0; keys],
            values: Panels::zeros(keys, width, V::Column::default()),
        }
    }

    /// Moves the first `len` keys and values to memory for `keys` keys.
    fn grow(&mut self, width: usize, keys: usize, len: usize) {
        let before = std::mem::replace(self, Self::new(width, keys));
        self.keys.copy_columns(&before.keys, len);
        self.scales[..len].copy_from_slice(&before.scales[..len]);
        self.values.copy_rows(&before.values, len);
    }

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

    /// Copies the first `rows` indices of the inner dimension, which may be longer in one of the two.
    fn copy_rows(&mut self, from: &Self, rows: usize) {
        if rows == 0 {
            return;
        }
        let (len, to_len, from_len) = (rows.div_ceil(F::GROUP) * PANEL * F::GROUP, self.panel_len(), from.panel_len());
        for (to, from) in self.elements.chunks_exact_mut(to_len).zip(from.elements.chunks_exact(from_len)) {
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

    /// Keys and values of `count` tokens after the first `at`, with two heads of 80 numbers.
    fn append(cache: &mut KvCache, at: usize, count: usize) {
        let rows: Vec<f32> = (at * 320..(at + count) * 320).map(|i| (i as f32 * 0.37).sin()).collect();
        cache.append(QkvView { rows: &rows, stride: 320, keys: 0, values: 160, count });
    }

    /// All keys, scales and values as numbers.
    fn contents(cache: &KvCache) -> Vec<f32> {
        fn of<K: Scored, V: Attended>(heads: &[Head<K, V>], len: usize) -> Vec<f32>
        where
            K::Column: Into<f32>,
            V::Column: Into<f32>,
        {
            let head = |head: &Head<K, V>| -> Vec<f32> {
                let at = |key: usize| {
                    let numbers =
                        (0..80).flat_map(move |i| [head.keys.get(i, key).into(), head.values.get(key, i).into()]);
                    numbers.chain([head.scales[key]]).collect::<Vec<f32>>()
                };
                (0..len).flat_map(at).collect()
            };
            heads.iter().flat_map(head).collect()
        }
        match &cache.store {
            Store::F32(heads) => of(heads, cache.len),
            Store::Bf16(heads) => of(heads, cache.len),
            Store::Int8(heads) => of(heads, cache.len),
        }
    }

    #[test]
    fn cache_allocates_for_its_keys_and_keeps_the_memory() {
        let mut cache = cache(2, 80, 448, CpuPrecision::Int8);
        let of_panels = |panels: usize| panels * PANEL * 2 * (80 * 3 + 4);
        assert_eq!(cache.allocated_bytes(), 0);
        for (count, panels) in [(1, 1), (63, 1), (1, 2), (64, 4), (319, 7)] {
            append(&mut cache, 0, count);
            assert_eq!(cache.allocated_bytes(), of_panels(panels), "{count} more keys, {} in all", cache.len());
        }
        cache.truncate(0);
        append(&mut cache, 0, 1);
        assert_eq!(cache.allocated_bytes(), of_panels(7));
    }

    #[test]
    fn cache_that_grew_holds_what_one_that_did_not_grow_holds() {
        for precision in [CpuPrecision::F32, CpuPrecision::Bf16, CpuPrecision::Int8] {
            let (mut grown, mut whole) = (cache(2, 80, 448, precision), cache(2, 80, 448, precision));
            for token in 0..200 {
                append(&mut grown, token, 1);
            }
            append(&mut whole, 0, 200);
            assert_eq!(contents(&grown), contents(&whole), "{precision:?}");
            let mut copy = cache(2, 80, 448, precision);
            copy.copy_from(&grown);
            assert_eq!(contents(&copy), contents(&whole), "{precision:?}");
            assert!(copy.allocated_bytes() <= grown.allocated_bytes());
        }
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
