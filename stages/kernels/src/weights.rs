//! Where the weights of a layer come from.

/// The level of zero in a panel of int8, and in weights that are stored in 8 bits.
pub const ZERO: u8 = 128;

/// A matrix `[outputs, inputs]` that layers are packed from, row by row: no other copy of it is made.
pub trait WeightRows: Sync {
    /// Rows of the matrix.
    fn outputs(&self) -> usize;

    /// Writes the weights of an output into `out` (`inputs` numbers).
    fn floats(&self, output: usize, out: &mut [f32]);

    /// The weights of an output that is stored in 8 bits: its levels (`inputs` of them, 128 stands for zero) and what
    /// they must be multiplied with. None where it is stored in floats.
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
