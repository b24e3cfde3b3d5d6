//! Linear layers, fused with a preceding layer norm and a following GELU or addition.

use std::ops::Range;

use rayon::prelude::*;

use crate::isa::{Isa, multiversion};
use crate::math::gelu;
use crate::pack::{Packed, Panels};
use crate::precision::CpuPrecision;
use crate::rows::{Norm, Quantized, to_bf16, to_int8_with_zero};
use crate::scratch::Scratch;
use crate::shared::rows_fit;
use crate::tile::{Format, PANEL, ROWS, Sums};
use crate::weights::{Dense, ZERO, assert_whole_rows};
use crate::{SharedSlice, WeightRows};

/// Rows per task of a thread if there are many rows: eight tiles, which reuse each panel while it is in the core's
/// private cache.
pub(crate) const BLOCK: usize = 8 * ROWS;

/// `y = x W^T + b`, with the weights packed.
///
/// ```
/// use kernels::{CpuPrecision, Epilogue, Linear, Rows};
///
/// let weight: Vec<f32> = (0..64 * 16).map(|n| ((n % 7) as f32 - 3.0) / 8.0).collect();
/// let x: Vec<f32> = (0..64).map(|n| (n as f32 / 9.0).sin()).collect();
/// let product = |precision| {
///     let mut y = [0.0; 16];
///     Linear::new(&weight, None, 64, precision).forward(Rows::dense(&x, 64), None, Epilogue::Store, &mut y);
///     y
/// };
/// let (exact, coarse) = (product(CpuPrecision::F32), product(CpuPrecision::Int8));
/// assert!(exact.iter().zip(coarse).all(|(exact, coarse)| (exact - coarse).abs() < 0.05));
/// ```
#[derive(Debug)]
pub struct Linear {
    inputs: usize,
    outputs: usize,
    packed: Packed,
    /// Padded with zeros to whole panels.
    bias: Vec<f32>,
    isa: Isa,
}

/// The operation that stores a sum of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epilogue {
    /// Stores the sum.
    Store,
    /// Stores the GELU of the sum.
    Gelu,
    /// Adds the sum to the output.
    Add,
}

/// Rows of f32. Row `i` begins at `i * stride`; rows may overlap.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The values, beginning with the first row.
    pub values: &'a [f32],
    /// Distance between the starts of two rows, in numbers.
    pub stride: usize,
    /// Number of rows.
    pub count: usize,
}

impl<'a> Rows<'a> {
    /// Rows of `width` numbers, one after the other.
    #[must_use]
    pub fn dense(values: &'a [f32], width: usize) -> Self {
        Self { values, stride: width, count: values.len() / width }
    }

    fn row(&self, index: usize, width: usize) -> &'a [f32] {
        &self.values[index * self.stride..][..width]
    }

    fn range(self, rows: Range<usize>) -> Self {
        Self { values: &self.values[rows.start * self.stride..], stride: self.stride, count: rows.len() }
    }
}

impl Linear {
    /// Packs weights `[outputs, inputs]` and a bias for each output (`None`: zeros).
    ///
    /// # Panics
    /// There are no inputs, or the lengths do not fit each other.
    #[must_use]
    pub fn new(weight: &[f32], bias: Option<&[f32]>, inputs: usize, precision: CpuPrecision) -> Self {
        Self::with_isa(Isa::detect(), weight, bias, inputs, precision)
    }

    /// As [`Linear::new`], with the given instruction set.
    ///
    /// # Panics
    /// As [`Linear::new`].
    #[must_use]
    pub fn with_isa(isa: Isa, weight: &[f32], bias: Option<&[f32]>, inputs: usize, precision: CpuPrecision) -> Self {
        assert_whole_rows(weight.len(), inputs);
        Self::of(isa, &Dense { weight, inputs }, bias, inputs, precision)
    }

    /// As [`Linear::new`], from weights that all threads read row by row. In int8, rows that are already stored in 8
    /// bits keep their levels.
    ///
    /// # Panics
    /// The length of `bias` is not the number of outputs, or a row does not have a level for each input.
    #[must_use]
    pub fn pack(weight: &impl WeightRows, bias: Option<&[f32]>, inputs: usize, precision: CpuPrecision) -> Self {
        Self::of(Isa::detect(), weight, bias, inputs, precision)
    }

    fn of(isa: Isa, weight: &impl WeightRows, bias: Option<&[f32]>, inputs: usize, precision: CpuPrecision) -> Self {
        let (packed, outputs) = (Packed::new(isa, weight, inputs, precision), weight.outputs());
        let mut bias = bias.map_or_else(|| vec![0.0; outputs], <[f32]>::to_vec);
        assert_eq!(bias.len(), outputs, "a bias for each output");
        bias.resize(outputs.next_multiple_of(PANEL), 0.0);
        Self { inputs, outputs, packed, bias, isa }
    }

    /// Width of an input row.
    #[must_use]
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// Width of an output row.
    #[must_use]
    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// Writes the weights of one output, as the product uses them, into `out` (`inputs` numbers). In an embedding they
    /// are a token's row.
    pub fn weights_of(&self, output: usize, out: &mut [f32]) {
        for (k, out) in out.iter_mut().enumerate() {
            *out = self.packed.get(k, output);
        }
    }

    /// Computes the product for every row of `x`, after `norm` if given, into dense rows of `out`.
    ///
    /// # Panics
    /// `x` is too short, `norm` has another width, or `out` does not have a row for each row of `x`.
    pub fn forward(&self, x: Rows<'_>, norm: Option<&Norm>, epilogue: Epilogue, out: &mut [f32]) {
        self.check(x, norm, out.len());
        if Self::splits_rows(x.count) {
            out.par_chunks_mut(BLOCK * self.outputs).enumerate().for_each(|(block, out)| {
                let rows = block * BLOCK..(block * BLOCK + BLOCK).min(x.count);
                Scratch::with(|scratch| self.block(x.range(rows), norm, epilogue, out, scratch));
            });
        } else {
            self.few(x, norm, epilogue, out);
        }
    }

    /// Panics with a clear message if the arguments of a product do not fit the layer.
    fn check(&self, x: Rows<'_>, norm: Option<&Norm>, out: usize) {
        assert_eq!(Some(out), x.count.checked_mul(self.outputs), "an output row for each input row");
        let fits = rows_fit(x.count, x.stride, self.inputs, x.values.len());
        assert!(fits, "{} rows of {}, {} apart, in {} numbers", x.count, self.inputs, x.stride, x.values.len());
        if let Some(norm) = norm {
            norm.check_width(self.inputs);
        }
    }

    /// Whether the work is split over rows; with few rows it is split over columns.
    pub(crate) fn splits_rows(rows: usize) -> bool {
        rows >= 2 * BLOCK
    }

    /// Computes the product for one block of rows, on this thread.
    pub(crate) fn block(
        &self,
        x: Rows<'_>,
        norm: Option<&Norm>,
        epilogue: Epilogue,
        out: &mut [f32],
        scratch: &mut Scratch,
    ) {
        self.check(x, norm, out.len());
        let out = SharedSlice::new(out);
        self.convert(x, norm, scratch);
        // SAFETY: no other thread accesses this output.
        unsafe { self.panels(x.count, 0..self.outputs.div_ceil(PANEL), epilogue, &out, scratch) };
    }

    /// Computes the product for few rows, split over columns.
    fn few(&self, x: Rows<'_>, norm: Option<&Norm>, epilogue: Epilogue, out: &mut [f32]) {
        let out = SharedSlice::new(out);
        let panels = self.outputs.div_ceil(PANEL);
        Scratch::with(|scratch| {
            self.convert(x, norm, scratch);
            let scratch = &*scratch;
            let share = panels.div_ceil(4 * rayon::current_num_threads()).max(1);
            (0..panels.div_ceil(share)).into_par_iter().for_each(|part| {
                let range = part * share..(part * share + share).min(panels);
                // SAFETY: the ranges are disjoint, and so are the columns that they write.
                unsafe { self.panels(x.count, range, epilogue, &out, scratch) };
            });
        });
    }

    /// Converts rows into the format of the weights.
    fn convert(&self, x: Rows<'_>, norm: Option<&Norm>, scratch: &mut Scratch) {
        let Scratch { normed, in_f32, in_bf16, in_int8, quantized, .. } = scratch;
        let inputs = self.inputs;
        normed.reserve(inputs);
        match &self.packed {
            Packed::F32(panels) => {
                let stride = stride(panels);
                in_f32.reserve(x.count * stride);
                for (row, out) in in_f32.chunks_exact_mut(stride).take(x.count).enumerate() {
                    out[..inputs].copy_from_slice(self.source(x, row, norm, normed));
                    out[inputs..].fill(0.0);
                }
            }
            Packed::Bf16(panels) => {
                let stride = stride(panels);
                in_bf16.reserve(x.count * stride);
                for (row, out) in in_bf16.chunks_exact_mut(stride).take(x.count).enumerate() {
                    to_bf16(self.isa, self.source(x, row, norm, normed), &mut out[..inputs]);
                    out[inputs..].fill(0);
                }
            }
            Packed::Int8 { panels, .. } => {
                let stride = stride(panels);
                in_int8.reserve(x.count * stride);
                quantized.clear();
                for (row, out) in in_int8.chunks_exact_mut(stride).take(x.count).enumerate() {
                    quantized.push(to_int8_with_zero(self.isa, self.source(x, row, norm, normed), &mut out[..inputs]));
                    out[inputs..].fill(0);
                }
            }
        }
    }

    /// The input row of the product, normalized if a norm is given.
    fn source<'a>(&self, x: Rows<'a>, row: usize, norm: Option<&Norm>, normed: &'a mut [f32]) -> &'a [f32] {
        let Some(norm) = norm else { return x.row(row, self.inputs) };
        norm.apply(self.isa, x.row(row, self.inputs), &mut normed[..self.inputs]);
        &normed[..self.inputs]
    }

    /// Multiplies converted rows with some panels.
    ///
    /// # Safety
    /// No other thread accesses these columns of `out` during the call.
    unsafe fn panels(
        &self,
        rows: usize,
        range: Range<usize>,
        epilogue: Epilogue,
        out: &SharedSlice<'_>,
        scratch: &Scratch,
    ) {
        let Scratch { in_f32, in_bf16, in_int8, quantized, .. } = scratch;
        for panel in range {
            let columns = panel * PANEL..(panel * PANEL + PANEL).min(self.outputs);
            let bias = &self.bias[panel * PANEL..][..PANEL];
            let out = |row: usize| {
                let start = row * self.outputs;
                // SAFETY: the caller guarantees it; rows and columns are inside the output.
                unsafe { out.range(start + columns.start..start + columns.end) }
            };
            let write = |row: usize, sums: &[f32]| finish_row(self.isa, sums, bias, epilogue, out(row));
            match &self.packed {
                Packed::F32(panels) => tiles(self.isa, in_f32, panels, panel, rows, write),
                Packed::Bf16(panels) => tiles(self.isa, in_bf16, panels, panel, rows, write),
                Packed::Int8 { panels, columns } => {
                    let columns = columns.panel(panel);
                    tiles(self.isa, in_int8, panels, panel, rows, |row, sums| {
                        finish_quantized(self.isa, sums, columns, quantized[row], bias, epilogue, out(row));
                    });
                }
            }
        }
    }
}

/// Elements of a converted row.
const fn stride<F: Format>(panels: &Panels<F>) -> usize {
    panels.groups * F::GROUP
}

/// Computes all tiles of one panel. `write` gets the index of each row and its sums.
fn tiles<F: Format>(
    isa: Isa,
    rows: &[F::Row],
    panels: &Panels<F>,
    panel: usize,
    count: usize,
    mut write: impl FnMut(usize, &[F::Sum]),
) {
    let mut sums = Sums::<F::Sum>::default();
    let stride = stride(panels);
    for first in (0..count).step_by(ROWS) {
        let tile = ROWS.min(count - first);
        let rows = (&rows[first * stride..], stride);
        F::tile(isa, tile, rows, (panels.panel(panel), panels.groups), (&mut sums.0, PANEL));
        sums.0.chunks_exact(PANEL).take(tile).enumerate().for_each(|(row, sums)| write(first + row, sums));
    }
}

#[inline(always)]
fn finish_all(sums: impl Iterator<Item = f32>, epilogue: Epilogue, out: &mut [f32]) {
    match epilogue {
        Epilogue::Store => out.iter_mut().zip(sums).for_each(|(out, sum)| *out = sum),
        Epilogue::Gelu => out.iter_mut().zip(sums).for_each(|(out, sum)| *out = gelu(sum)),
        Epilogue::Add => out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum),
    }
}

multiversion! {
    fn finish_row(sums: &[f32], bias: &[f32], epilogue: Epilogue, out: &mut [f32]) {
        finish_all(sums.iter().zip(bias).map(|(sum, bias)| sum + bias), epilogue, out);
    }
}

multiversion! {
    /// Finishes a row of integer sums, by the sum of (a - zero) (b - 128) = a b - 128 a - zero (b - 128).
    fn finish_quantized(
        sums: &[i32],
        columns: (&[f32], &[i32]),
        row: Quantized,
        bias: &[f32],
        epilogue: Epilogue,
        out: &mut [f32],
    ) {
        let (scales, totals) = columns;
        let offset = i32::from(ZERO) * row.sum;
        let integers = sums.iter().zip(totals).map(|(sum, total)| sum - offset - row.zero * total);
        let scales = scales.iter().map(|scale| scale * row.scale);
        let sums = integers.zip(scales).zip(bias).map(|((sum, scale), bias)| sum as f32 * scale + bias);
        finish_all(sums, epilogue, out);
    }
}
