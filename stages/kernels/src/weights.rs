//! Where the weights of a layer come from.

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
