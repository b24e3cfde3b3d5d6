//! Memory that begins at a cache line, so that no vector load touches two.

use std::marker::PhantomData;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Plain numbers, of which every bit pattern is one: what [`Lines`] may be viewed as.
///
/// # Safety
/// Only for types without padding and without invalid bit patterns, of a size that divides 64.
pub(crate) unsafe trait Number: Copy + Send + Sync + 'static {}

// SAFETY: primitive numbers.
unsafe impl Number for f32 {}
// SAFETY: as above.
unsafe impl Number for u16 {}
// SAFETY: as above.
unsafe impl Number for u8 {}
// SAFETY: as above.
unsafe impl Number for i8 {}

/// A buffer of numbers, zero at first, that begins at a cache line.
#[derive(Clone)]
pub(crate) struct Lines<T> {
    lines: Vec<Line>,
    len: usize,
    of: PhantomData<T>,
}

impl<T: Number> Lines<T> {
    pub(crate) fn zeros(len: usize) -> Self {
        Self { lines: vec![Line([0; 64]); (len * size_of::<T>()).div_ceil(64)], len, of: PhantomData }
    }

    /// Makes room for at least `len` numbers; their values are unspecified.
    pub(crate) fn reserve(&mut self, len: usize) {
        let lines = (len * size_of::<T>()).div_ceil(64);
        if lines > self.lines.len() {
            self.lines.resize(lines, Line([0; 64]));
        }
        self.len = self.len.max(len);
    }
}

impl<T: Number> std::ops::Deref for Lines<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the lines hold at least `len` numbers, aligned to 64, all of whose bit patterns are valid.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<T: Number> std::ops::DerefMut for Lines<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

impl<T: Number> Default for Lines<T> {
    fn default() -> Self {
        Self::zeros(0)
    }
}

impl<T> std::fmt::Debug for Lines<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lines({})", self.len)
    }
}
