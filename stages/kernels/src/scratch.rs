//! Memory that a thread keeps from one product to the next.

use std::cell::RefCell;

use crate::lines::Lines;
use crate::rows::Quantised;

/// Buffers of one thread, as large as the largest product so far needed.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// One row after its layer norm.
    pub(crate) normed: Lines<f32>,
    /// What lies between the two layers of an MLP.
    pub(crate) hidden: Lines<f32>,
    /// Rows in each of the formats.
    pub(crate) single: Lines<f32>,
    pub(crate) brain: Lines<u16>,
    pub(crate) byte: Lines<i8>,
    /// Scales of the rows in int8.
    pub(crate) quantised: Vec<Quantised>,
}

thread_local! {
    static FREE: RefCell<Vec<Scratch>> = const { RefCell::new(Vec::new()) };
}

impl Scratch {
    /// Lends a scratch to `work`. Work inside `work` that lands on the same thread gets another one.
    pub(crate) fn with<T>(work: impl FnOnce(&mut Self) -> T) -> T {
        let mut scratch = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
        let result = work(&mut scratch);
        FREE.with_borrow_mut(|free| free.push(scratch));
        result
    }
}
