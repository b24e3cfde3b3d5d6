//! Memory that begins at a cache line, so that no vector load crosses a line boundary.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Plain number types, for which every bit pattern is valid: the elements of an [`AlignedBuf`].
///
/// # Safety
/// Only for types without padding and without invalid bit patterns, for which zero bytes are zero.
pub(crate) unsafe trait Number: Copy + Send + Sync + 'static {}

// SAFETY: primitive numbers.
unsafe impl Number for f32 {}
// SAFETY: as above.
unsafe impl Number for u16 {}
// SAFETY: as above.
unsafe impl Number for u8 {}
// SAFETY: as above.
unsafe impl Number for i8 {}

/// A zero-initialized buffer of numbers that begins at a cache line. Pages that were never written use no physical
/// memory.
pub(crate) struct AlignedBuf<T> {
    start: NonNull<T>,
    len: usize,
}

// SAFETY: it owns its numbers, as `Vec` does.
unsafe impl<T: Number> Send for AlignedBuf<T> {}
// SAFETY: as above.
unsafe impl<T: Number> Sync for AlignedBuf<T> {}

impl<T> AlignedBuf<T> {
    fn layout(len: usize) -> Layout {
        Layout::array::<T>(len).and_then(|layout| layout.align_to(LINE)).expect("a size that memory can have")
    }
}

impl<T: Number> AlignedBuf<T> {
    pub(crate) fn zeros(len: usize) -> Self {
        let layout = Self::layout(len);
        if layout.size() == 0 {
            return Self { start: NonNull::dangling(), len };
        }
        // SAFETY: the size is not zero.
        let start = unsafe { alloc_zeroed(layout) };
        let start = NonNull::new(start.cast()).unwrap_or_else(|| handle_alloc_error(layout));
        Self { start, len }
    }

    /// Grows the buffer to at least `len` numbers; their values are unspecified.
    pub(crate) fn reserve(&mut self, len: usize) {
        if len > self.len {
            *self = Self::zeros(len);
        }
    }
}

impl<T> Drop for AlignedBuf<T> {
    fn drop(&mut self) {
        let layout = Self::layout(self.len);
        if layout.size() > 0 {
            // SAFETY: allocated with this layout.
            unsafe { dealloc(self.start.as_ptr().cast(), layout) };
        }
    }
}

impl<T: Number> Deref for AlignedBuf<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `len` numbers were allocated and zeroed; every bit pattern is a number.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T: Number> DerefMut for AlignedBuf<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and it is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T: Number> Default for AlignedBuf<T> {
    fn default() -> Self {
        Self::zeros(0)
    }
}

impl<T> std::fmt::Debug for AlignedBuf<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AlignedBuf({})", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_at_a_line_and_are_zero() {
        for len in [0, 1, 100, 5_000] {
            let mut lines = AlignedBuf::<u16>::zeros(len);
            assert_eq!(lines.as_ptr() as usize % if len == 0 { 2 } else { LINE }, 0);
            assert!(lines.len() == len && lines.iter().all(|number| *number == 0));
            lines.fill(7);
            lines.reserve(len + 1);
            assert_eq!(lines.len(), len + 1);
        }
    }
}
