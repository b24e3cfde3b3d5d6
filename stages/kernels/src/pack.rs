//! Weights in panels.

use rayon::prelude::*;

use crate::lines::Lines;
use crate::precision::{Precision, bf16, from_bf16};
use crate::tile::{Brain, Byte, Format, PANEL, Single};
use crate::{Isa, Quantised8};

/// The columns of a product's right side, in panels of a format. The last panel is filled up with zeros, and so is the
/// last group.
#[derive(Debug)]
pub(crate) struct Panels<F: Format> {
    /// `[panels][groups][PANEL][GROUP]`.
    pub(crate) elements: Lines<F::Column>,
    /// Groups of a panel.
    pub(crate) groups: usize,
}

impl<F: Format> Panels<F> {
    pub(crate) fn zeros(inner: usize, columns: usize, fill: F::Column) -> Self {
        let groups = inner.div_ceil(F::GROUP);
        let mut elements = Lines::zeros(columns.div_ceil(PANEL) * groups * PANEL * F::GROUP);
        if fill != F::Column::default() {
            elements.fill(fill);
        }
        Self { elements, groups }
    }

    /// Packs a matrix of `columns` rows of `inner` numbers each: a row becomes a column.
    fn from_rows<T: Sync>(
        columns: &[T],
        inner: usize,
        fill: F::Column,
        element: impl Fn(&T) -> F::Column + Sync,
    ) -> Self {
        let count = columns.len() / inner;
        let mut panels = Self::zeros(inner, count, fill);
        let of_panel = columns.par_chunks(PANEL * inner);
        let len = panels.panel_len();
        panels.elements.par_chunks_exact_mut(len).zip(of_panel).for_each(|(panel, columns)| {
            for (column, values) in columns.chunks_exact(inner).enumerate() {
                for (k, value) in values.iter().enumerate() {
                    panel[place::<F>(k, column)] = element(value);
                }
            }
        });
        panels
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

/// Where the element of a panel lies.
#[inline(always)]
pub(crate) const fn place<F: Format>(k: usize, column: usize) -> usize {
    (k / F::GROUP * PANEL + column) * F::GROUP + k % F::GROUP
}

/// The weights of a linear layer, packed in one of the precisions.
#[derive(Debug)]
pub(crate) enum Packed {
    F32(Panels<Single>),
    Bf16(Panels<Brain>),
    Int8 { panels: Panels<Byte>, columns: Columns },
}

/// What undoes the quantisation of columns, filled up to whole panels.
#[derive(Debug)]
pub(crate) struct Columns {
    /// What each column must be multiplied with.
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

impl Packed {
    /// Packs `[outputs, inputs]`.
    pub(crate) fn new(isa: Isa, weight: &[f32], inputs: usize, precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::F32(Panels::from_rows(weight, inputs, 0.0, |x| *x)),
            Precision::Bf16 => Self::Bf16(Panels::from_rows(weight, inputs, 0, |x| bf16(*x))),
            Precision::Int8 => Self::quantised(&Quantised8::new(isa, weight, inputs), inputs),
        }
    }

    pub(crate) fn quantised(weight: &Quantised8, inputs: usize) -> Self {
        let whole = weight.scales.len().next_multiple_of(PANEL);
        let mut scales = weight.scales.clone();
        scales.resize(whole, 0.0);
        let of_column = |levels: &[i8]| levels.iter().map(|level| i32::from(*level)).sum();
        let mut totals: Vec<i32> = weight.levels.chunks_exact(inputs).map(of_column).collect();
        totals.resize(whole, 0);
        let panels = Panels::from_rows(&weight.levels, inputs, ZERO, |level| level.cast_unsigned() ^ ZERO);
        Self::Int8 { panels, columns: Columns { scales, totals } }
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

/// What stands for zero in a panel of int8.
pub(crate) const ZERO: u8 = 128;
