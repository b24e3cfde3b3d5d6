//! Weights, packed into panels.

use rayon::prelude::*;

use crate::aligned_buf::AlignedBuf;
use crate::precision::{CpuPrecision, bf16, from_bf16};
use crate::quantize::stored;
use crate::tile::{Bf16, F32, Format, Int8, PANEL};
use crate::weights::ZERO;
use crate::{Isa, WeightRows};

/// The columns of a product's right operand, in panels of a format. The last panel and the last group are padded with
/// zeros.
#[derive(Debug)]
pub(crate) struct Panels<F: Format> {
    /// `[panels][groups][PANEL][GROUP]`.
    pub(crate) elements: AlignedBuf<F::Column>,
    /// Number of groups in a panel.
    pub(crate) groups: usize,
}

impl<F: Format> Panels<F> {
    pub(crate) fn zeros(inner: usize, columns: usize, fill: F::Column) -> Self {
        let groups = inner.div_ceil(F::GROUP);
        let mut elements = AlignedBuf::zeros(columns.div_ceil(PANEL) * groups * PANEL * F::GROUP);
        if fill != F::Column::default() {
            elements.fill(fill);
        }
        Self { elements, groups }
    }

    /// Packs `count` rows of `inner` numbers each; a row becomes a column. `row` writes the elements of a row and may
    /// use the buffers in `Room`. Its results are collected and padded to whole panels.
    fn from_rows<R: Clone + Default + Send>(
        count: usize,
        inner: usize,
        fill: F::Column,
        row: impl Fn(usize, &mut Room, &mut [F::Column]) -> R + Sync,
    ) -> (Self, Vec<R>) {
        let mut panels = Self::zeros(inner, count, F::Column::default());
        let mut results = vec![R::default(); count.next_multiple_of(PANEL)];
        let len = panels.panel_len();
        let room = || (Room { floats: vec![0.0; inner], levels: vec![0; inner] }, vec![F::Column::default(); inner]);
        let of_panels = panels.elements.par_chunks_exact_mut(len).zip(results.par_chunks_exact_mut(PANEL)).enumerate();
        of_panels.for_each_init(room, |(room, elements), (index, (panel, results))| {
            if fill != F::Column::default() {
                panel.fill(fill);
            }
            for (column, (output, result)) in (index * PANEL..count).zip(results).enumerate() {
                *result = row(output, room, elements);
                for (group, elements) in elements.chunks(F::GROUP).enumerate() {
                    panel[place::<F>(group * F::GROUP, column)..][..elements.len()].copy_from_slice(elements);
                }
            }
        });
        (panels, results)
    }

    pub(crate) const fn panel_len(&self) -> usize {
        self.groups * PANEL * F::GROUP
    }

    pub(crate) fn panel(&self, index: usize) -> &[F::Column] {
        &self.elements[index * self.panel_len()..][..self.panel_len()]
    }

    pub(crate) fn panel_mut(&mut self, index: usize) -> &mut [F::Column] {
        let len = self.panel_len();
        &mut self.elements[index * len..][..len]
    }

    pub(crate) fn get(&self, k: usize, column: usize) -> F::Column {
        self.panel(column / PANEL)[place::<F>(k, column % PANEL)]
    }
}

/// The index of an element in a panel.
#[inline(always)]
pub(crate) const fn place<F: Format>(k: usize, column: usize) -> usize {
    (k / F::GROUP * PANEL + column) * F::GROUP + k % F::GROUP
}

/// The weights of a linear layer, packed in one of the precisions.
#[derive(Debug)]
pub(crate) enum Packed {
    F32(Panels<F32>),
    Bf16(Panels<Bf16>),
    Int8 { panels: Panels<Int8>, columns: Columns },
}

/// The scales and sums of quantized columns, padded to whole panels.
#[derive(Debug)]
pub(crate) struct Columns {
    /// The scale of each column.
    scales: Vec<f32>,
    /// The sum of each column's levels.
    totals: Vec<i32>,
}

impl Columns {
    /// Scales and totals of a panel.
    pub(crate) fn panel(&self, index: usize) -> (&[f32], &[i32]) {
        let columns = index * PANEL..(index + 1) * PANEL;
        (&self.scales[columns.clone()], &self.totals[columns])
    }
}

/// The buffers of a thread that packs rows.
struct Room {
    floats: Vec<f32>,
    levels: Vec<i8>,
}

impl Packed {
    /// Packs `[outputs, inputs]`.
    pub(crate) fn new(isa: Isa, weight: &impl WeightRows, inputs: usize, precision: CpuPrecision) -> Self {
        let count = weight.outputs();
        match precision {
            CpuPrecision::F32 => {
                Self::F32(Panels::from_rows(count, inputs, 0.0, |row, _, out| weight.floats(row, out)).0)
            }
            CpuPrecision::Bf16 => {
                let row = |row, room: &mut Room, out: &mut [u16]| {
                    weight.floats(row, &mut room.floats);
                    out.iter_mut().zip(&room.floats).for_each(|(out, x)| *out = bf16(*x));
                };
                Self::Bf16(Panels::from_rows(count, inputs, 0, row).0)
            }
            CpuPrecision::Int8 => {
                let row = |row, room: &mut Room, out: &mut [u8]| int8_row(isa, weight, row, room, out);
                let (panels, columns) = Panels::from_rows(count, inputs, ZERO, row);
                let (scales, totals) = columns.into_iter().unzip();
                Self::Int8 { panels, columns: Columns { scales, totals } }
            }
        }
    }

    /// The weight from input `k` to an output.
    pub(crate) fn get(&self, k: usize, output: usize) -> f32 {
        match self {
            Self::F32(panels) => panels.get(k, output),
            Self::Bf16(panels) => from_bf16(panels.get(k, output)),
            Self::Int8 { panels, columns } => {
                (f32::from(panels.get(k, output)) - f32::from(ZERO)) * columns.scales[output]
            }
        }
    }
}

/// Writes the levels of a row, existing ones or newly quantized ones, and returns the row's scale and total.
fn int8_row(isa: Isa, weight: &impl WeightRows, row: usize, room: &mut Room, out: &mut [u8]) -> (f32, i32) {
    let Some((levels, scale)) = weight.levels(row) else {
        weight.floats(row, &mut room.floats);
        let quantized = stored(isa, &room.floats, &mut room.levels, out);
        return (quantized.scale, quantized.sum);
    };
    assert_eq!(levels.len(), out.len(), "a level for each input");
    out.copy_from_slice(levels);
    (scale, levels.iter().map(|level| i32::from(*level) - i32::from(ZERO)).sum())
}
