//! Sources of a layer's weights.

/// The level that represents zero in int8 panels and in stored 8-bit weights.
pub const ZERO: u8 = 128;

/// A matrix `[outputs, inputs]` from which layers are packed row by row, without an intermediate copy.
pub trait WeightRows: Sync {
    /// Number of rows.
    fn outputs(&self) -> usize;

    /// Writes the weights of an output into `out` (`inputs` numbers).
    fn floats(&self, output: usize, out: &mut [f32]);

    /// The weights of an output that is stored in 8 bits: its levels (`inputs` of them, 128 represents zero) and their
    /// scale. `None` if it is stored in floats.
    fn levels(&self, output: usize) -> Option<(&[u8], f32)> {
        let _ = output;
        None
    }
}

/// A matrix in memory, row by row.
pub(crate) struct Dense<'a> {
    pub(crate) weight: &'a [f32],
    pub(crate) inputs: usize,
}

impl WeightRows for Dense<'_> {
    fn outputs(&self) -> usize {
        self.weight.len() / self.inputs
    }

    fn floats(&self, output: usize, out: &mut [f32]) {
        out.copy_from_slice(&self.weight[output * self.inputs..][..self.inputs]);
    }
}

pub(crate) fn assert_whole_rows(len: usize, inputs: usize) {
    assert!(inputs > 0 && len.is_multiple_of(inputs), "{len} weights are not whole rows of {inputs} inputs");
}
