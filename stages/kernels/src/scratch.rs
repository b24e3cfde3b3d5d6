//! Buffers that a thread reuses for later products.

use std::cell::RefCell;

use crate::aligned_buf::AlignedBuf;
use crate::rows::Quantized;

/// Buffers of one thread, which grow to the size of the largest product.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// One row after its layer norm.
    pub(crate) normed: AlignedBuf<f32>,
    /// The hidden rows of an MLP.
    pub(crate) hidden: AlignedBuf<f32>,
    /// Rows in each format.
    pub(crate) in_f32: AlignedBuf<f32>,
    pub(crate) in_bf16: AlignedBuf<u16>,
    pub(crate) in_int8: AlignedBuf<i8>,
    /// Scales of the rows in int8.
    pub(crate) quantized: Vec<Quantized>,
}

thread_local! {
    static FREE: RefCell<Vec<Scratch>> = const { RefCell::new(Vec::new()) };
}

impl Scratch {
    /// Calls `work` with a scratch. A nested task that rayon runs on the same thread gets another one.
    pub(crate) fn with<T>(work: impl FnOnce(&mut Self) -> T) -> T {
        let mut scratch = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
        let result = work(&mut scratch);
        FREE.with_borrow_mut(|free| free.push(scratch));
        result
    }
}
