//! A slice that several threads write in disjoint ranges.

use std::marker::PhantomData;
use std::ops::Range;

/// A slice from which several threads can borrow disjoint ranges.
pub(crate) struct SharedSlice<'a> {
    start: *mut f32,
    len: usize,
    of: PhantomData<&'a mut [f32]>,
}

// SAFETY: it is a mutable slice of plain numbers; callers of `range` guarantee that the ranges are disjoint.
unsafe impl Send for SharedSlice<'_> {}
// SAFETY: as above.
unsafe impl Sync for SharedSlice<'_> {}

/// Whether `count` rows of `width` numbers, `stride` apart, fit in `len` numbers.
pub(crate) fn rows_fit(count: usize, stride: usize, width: usize, len: usize) -> bool {
    let before_last = count.saturating_sub(1).checked_mul(stride);
    let end = before_last.and_then(|start| start.checked_add(width));
    count == 0 || end.is_some_and(|end| end <= len)
}

impl<'a> SharedSlice<'a> {
    pub(crate) fn new(slice: &'a mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), of: PhantomData }
    }

    /// The numbers of a range.
    ///
    /// # Safety
    /// No other reference to a number of the range is in use at the same time.
    #[allow(clippy::mut_from_ref, reason = "the caller keeps the ranges apart")]
    pub(crate) unsafe fn range(&self, range: Range<usize>) -> &mut [f32] {
        assert!(range.start <= range.end && range.end <= self.len, "a range outside the slice");
        // SAFETY: the range is inside the slice; the caller guarantees the rest.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}
