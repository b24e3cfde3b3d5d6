//! Int8 weights in their stored form.

use rayon::prelude::*;

use crate::Isa;
use crate::rows::{Quantized, to_int8};
use crate::weights::{WeightRows, ZERO, assert_whole_rows};

/// A matrix `[outputs, inputs]` in 8 bits. Every row has a scale that maps its largest magnitude to 127.
///
/// ```
/// use kernels::{Isa, Quantized8, dequantize};
///
/// let stored = Quantized8::new(Isa::detect(), &[1.0, -0.5, 0.0, 0.25], 4);
/// let mut restored = [0.0; 4];
/// dequantize(&stored.levels, stored.scales[0], &mut restored);
/// assert!((restored[1] + 0.5).abs() < stored.scales[0]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Quantized8 {
    /// The stored integers, row-major: 1 to 255, where 128 represents zero.
    pub levels: Vec<u8>,
    /// The scale of each row's integers.
    pub scales: Vec<f32>,
}

impl Quantized8 {
    /// Quantizes `[outputs, inputs]`. Every instruction set gives the same integers and scales.
    ///
    /// # Panics
    /// `inputs` is 0, or the weights are not whole rows.
    #[must_use]
    pub fn new(isa: Isa, weight: &[f32], inputs: usize) -> Self {
        assert_whole_rows(weight.len(), inputs);
        let mut levels = vec![0; weight.len()];
        let rows = levels.par_chunks_exact_mut(inputs).zip(weight.par_chunks_exact(inputs));
        let row = |signed: &mut Vec<i8>, (levels, row): (&mut [u8], &[f32])| stored(isa, row, signed, levels).scale;
        let scales = rows.map_init(|| vec![0; inputs], row).collect();
        Self { levels, scales }
    }
}

/// Quantizes a row into stored levels; `signed` is a buffer of the same length.
pub(crate) fn stored(isa: Isa, row: &[f32], signed: &mut [i8], levels: &mut [u8]) -> Quantized {
    let quantized = to_int8(isa, row, signed);
    levels.iter_mut().zip(signed).for_each(|(stored, level)| *stored = level.cast_unsigned() ^ ZERO);
    quantized
}

impl WeightRows for Quantized8 {
    fn outputs(&self) -> usize {
        self.scales.len()
    }

    fn floats(&self, output: usize, out: &mut [f32]) {
        let (levels, scale) = self.row(output);
        dequantize(levels, scale, out);
    }

    fn levels(&self, output: usize) -> Option<(&[u8], f32)> {
        Some(self.row(output))
    }
}

impl Quantized8 {
    fn row(&self, output: usize) -> (&[u8], f32) {
        let inputs = self.levels.len() / self.scales.len();
        (&self.levels[output * inputs..][..inputs], self.scales[output])
    }
}

/// Converts stored levels to numbers.
pub fn dequantize(levels: &[u8], scale: f32, out: &mut [f32]) {
    out.iter_mut().zip(levels).for_each(|(out, level)| *out = (f32::from(*level) - f32::from(ZERO)) * scale);
}
