//! Weights in int8, as they are stored.

use rayon::prelude::*;

use crate::Isa;
use crate::linear::rows_of;
use crate::rows::to_int8;

/// A matrix `[outputs, inputs]` in 8 bits: every row has a scale of its own, with its largest magnitude at 127.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantised8 {
    /// The integers, row-major, -127 to 127.
    pub levels: Vec<i8>,
    /// What the integers of each row must be multiplied with.
    pub scales: Vec<f32>,
}

impl Quantised8 {
    /// Quantises `[outputs, inputs]`. Every instruction set gives the same integers and scales.
    ///
    /// # Panics
    /// There are no inputs, or the weights are not whole rows of them.
    #[must_use]
    pub fn new(isa: Isa, weight: &[f32], inputs: usize) -> Self {
        rows_of(weight.len(), inputs);
        let mut levels = vec![0; weight.len()];
        let rows = levels.par_chunks_exact_mut(inputs).zip(weight.par_chunks_exact(inputs));
        let scales = rows.map(|(levels, row)| to_int8(isa, row, levels).scale).collect();
        Self { levels, scales }
    }
}
