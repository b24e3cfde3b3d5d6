//! The feed-forward block of a layer: a layer norm, two linear layers with a GELU between them, and the residual.

use rayon::prelude::*;

use crate::aligned_buf::AlignedBuf;
use crate::linear::{BLOCK, Epilogue, Linear, Rows};
use crate::rows::Norm;
use crate::scratch::Scratch;

/// The two linear layers and the norm before them.
///
/// ```
/// use kernels::{CpuPrecision, Linear, Mlp, Norm};
///
/// let norm = Norm { weight: vec![1.0; 4], bias: vec![0.0; 4], epsilon: 1e-5 };
/// let up = Linear::new(&[0.1; 16 * 4], None, 4, CpuPrecision::F32);
/// let down = Linear::new(&[0.0; 4 * 16], Some(&[1.0; 4]), 16, CpuPrecision::F32);
///
/// let mut x = [1.0, 2.0, 3.0, 4.0];
/// Mlp { norm, up, down }.add(&mut x);
/// assert_eq!(x, [2.0, 3.0, 4.0, 5.0], "the block adds its output to its input");
/// ```
#[derive(Debug)]
pub struct Mlp {
    /// The norm before the first layer.
    pub norm: Norm,
    /// The first layer, which widens rows.
    pub up: Linear,
    /// The second layer, which narrows rows to their former width.
    pub down: Linear,
}

impl Mlp {
    /// Adds the block's output for every row of `x` (dense) to `x`. One thread processes a block of rows through both
    /// layers, so that the hidden rows stay in its cache.
    ///
    /// # Panics
    /// The second layer does not restore the width of the first one's input, the norm has another width, or `x` does
    /// not consist of whole rows.
    pub fn add(&self, x: &mut [f32]) {
        let (width, wide) = (self.up.inputs(), self.up.outputs());
        assert_eq!((self.down.inputs(), self.down.outputs()), (wide, width), "an MLP's second layer undoes its first");
        assert!(x.len().is_multiple_of(width), "{} numbers are not whole rows of {width}", x.len());
        let rows = x.len() / width;
        if !Linear::splits_rows(rows) {
            let mut hidden = AlignedBuf::zeros(rows * wide);
            self.up.forward(Rows::dense(x, width), Some(&self.norm), Epilogue::Gelu, &mut hidden);
            return self.down.forward(Rows::dense(&hidden, wide), None, Epilogue::Add, x);
        }
        x.par_chunks_mut(BLOCK * width).for_each(|x| {
            Scratch::with(|scratch| {
                let mut hidden = std::mem::take(&mut scratch.hidden);
                let len = x.len() / width * wide;
                hidden.reserve(len);
                self.up.block(Rows::dense(x, width), Some(&self.norm), Epilogue::Gelu, &mut hidden[..len], scratch);
                self.down.block(Rows::dense(&hidden[..len], wide), None, Epilogue::Add, x, scratch);
                scratch.hidden = hidden;
            });
        });
    }
}
