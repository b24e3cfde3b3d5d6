//! The innermost products: a few rows times one panel of columns.
//!
//! A panel holds [`PANEL`] columns of a matrix. Its elements lie in groups along the inner dimension, as wide as the
//! instruction that multiplies them takes: `[groups][PANEL][GROUP]`. A tile reads up to [`ROWS`] rows where they are and
//! leaves `[rows][PANEL]` sums, row by row as far apart as it is told.

/// Calls a function, generic in the number of rows, for `rows` of them, so that every sum has its register.
#[cfg(target_arch = "x86_64")]
macro_rules! by_rows {
    ($of:ident, $rows:expr, $($arg:expr),*) => {
        match $rows {
            1 => $of::<1>($($arg),*),
            2 => $of::<2>($($arg),*),
            3 => $of::<3>($($arg),*),
            4 => $of::<4>($($arg),*),
            5 => $of::<5>($($arg),*),
            _ => $of::<6>($($arg),*),
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use crate::isa::Isa;
use crate::lines::Number;

/// Columns of a panel: four vectors of 16 sums in AVX-512.
pub(crate) const PANEL: usize = 64;
/// Rows of a tile: with four vectors each, the sums fill 24 of 32 registers of AVX-512; with two, 12 of 16 of AVX2.
pub(crate) const ROWS: usize = 6;

/// Room for the sums of a whole tile: `[ROWS][PANEL]`.
#[repr(C, align(64))]
pub(crate) struct Sums<T>(pub(crate) [T; ROWS * PANEL]);

impl<T: Copy + Default> Default for Sums<T> {
    fn default() -> Self {
        Self([T::default(); ROWS * PANEL])
    }
}

/// The numeric format of a product.
pub(crate) trait Format: std::fmt::Debug + 'static {
    /// Element of the rows.
    type Row: Number + Default;
    /// Element of the panels.
    type Column: Number + Default + PartialEq + std::fmt::Debug;
    /// A sum.
    type Sum: Copy + Default + Send + Sync;
    /// Elements along the inner dimension that one instruction takes.
    const GROUP: usize;

    /// Multiplies `rows` (1 to [`ROWS`]) rows with a panel. `a` has the rows and the elements from one to the next, `panel`
    /// its elements and groups, `out` the sums and the numbers from one row's to the next's.
    ///
    /// # Panics
    /// Where the rows, the panel or the output are shorter than that.
    fn tile(
        isa: Isa,
        rows: usize,
        a: (&[Self::Row], usize),
        panel: (&[Self::Column], usize),
        out: (&mut [Self::Sum], usize),
    );
}

/// f32 by f32.
#[derive(Debug)]
pub(crate) struct Single;
/// bf16 by bf16, in f32.
#[derive(Debug)]
pub(crate) struct Brain;
/// int8 by int8 that is stored with 128 added, in i32.
#[derive(Debug)]
pub(crate) struct Byte;

macro_rules! format {
    ($format:ty, $row:ty, $column:ty, $sum:ty, $group:literal, $tile:ident) => {
        impl Format for $format {
            type Row = $row;
            type Column = $column;
            type Sum = $sum;
            const GROUP: usize = $group;

            fn tile(
                isa: Isa,
                rows: usize,
                (a, stride): (&[$row], usize),
                (panel, groups): (&[$column], usize),
                (out, out_stride): (&mut [$sum], usize),
            ) {
                assert!((1..=ROWS).contains(&rows), "a tile of {rows} rows");
                assert!((rows - 1) * stride + groups * $group <= a.len(), "rows that end early");
                assert!(groups * PANEL * $group <= panel.len(), "a panel that ends early");
                assert!((rows - 1) * out_stride + PANEL <= out.len(), "an output that ends early");
                #[cfg(target_arch = "x86_64")]
                let pointers = ((a.as_ptr(), stride), (panel.as_ptr(), groups), (out.as_mut_ptr(), out_stride));
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: this set of instructions is only chosen where the processor has it; the lengths are
                    // checked above.
                    Isa::Avx512 => unsafe { avx512::$tile(rows, pointers.0, pointers.1, pointers.2) },
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: as above.
                    Isa::Avx2 => unsafe { avx2::$tile(rows, pointers.0, pointers.1, pointers.2) },
                    _ => portable::$tile(rows, (a, stride), (panel, groups), (out, out_stride)),
                }
            }
        }
    };
}
format!(Single, f32, f32, f32, 1, single);
format!(Brain, u16, u16, f32, 2, brain);
format!(Byte, i8, u8, i32, 4, byte);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precision::{bf16, from_bf16};

    /// A number in [-1, 1) that depends on its index.
    fn noise(i: usize) -> f32 {
        let mixed = (i as u32).wrapping_mul(2_654_435_761) ^ 0x5bd1_e995;
        (mixed.wrapping_mul(1_664_525) >> 8) as f32 / (1 << 23) as f32 - 1.0
    }

    /// Every set of instructions on the same numbers, for every number of rows and some lengths.
    fn agree<F: Format>(row: fn(f32) -> F::Row, column: fn(f32) -> F::Column, check: impl Fn(&[F::Sum], &[F::Sum])) {
        for (rows, groups) in (1..=ROWS).flat_map(|rows| [1, 2, 7, 96].map(|groups| (rows, groups))) {
            let stride = groups * F::GROUP + 3;
            let a: Vec<_> = (0..rows * stride).map(|i| row(noise(i))).collect();
            let panel: Vec<_> = (0..groups * PANEL * F::GROUP).map(|i| column(noise(i + 7_777))).collect();
            let sums = |isa: Isa| {
                let mut sums = vec![F::Sum::default(); rows * (PANEL + 5)];
                F::tile(isa, rows, (&a, stride), (&panel, groups), (&mut sums, PANEL + 5));
                sums
            };
            let portable = sums(Isa::Portable);
            Isa::available().for_each(|isa| check(&portable, &sums(isa)));
        }
    }

    fn close(a: &[f32], b: &[f32]) {
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() < 2e-4, "{a} is not {b}");
        }
    }

    #[test]
    fn f32_tiles_agree() {
        agree::<Single>(|x| x, |x| x, close);
    }

    #[test]
    fn bf16_tiles_agree() {
        agree::<Brain>(bf16, bf16, close);
    }

    #[test]
    fn int8_tiles_are_equal() {
        agree::<Byte>(|x| (x * 127.0) as i8, |x| (x * 127.0 + 128.0) as u8, |a, b| assert_eq!(a, b));
    }

    #[test]
    fn a_portable_tile_is_the_textbook_product() {
        let a: Vec<_> = (0..10).map(|i| bf16(noise(i))).collect();
        let panel: Vec<_> = (0..4 * PANEL).map(|i| bf16(noise(i + 99))).collect();
        let mut sums = Sums::default();
        Brain::tile(Isa::Portable, 2, (&a, 5), (&panel, 2), (&mut sums.0, PANEL));
        for (row, column) in (0..2).flat_map(|row| (0..PANEL).map(move |column| (row, column))) {
            let at = |k: usize| from_bf16(a[row * 5 + k]) * from_bf16(panel[(k / 2 * PANEL + column) * 2 + k % 2]);
            assert!((sums.0[row * PANEL + column] - (0..4).map(at).sum::<f32>()).abs() < 1e-5);
        }
    }

    #[test]
    #[should_panic(expected = "rows that end early")]
    fn rows_that_end_early_are_refused() {
        let mut sums = Sums::default();
        Single::tile(Isa::detect(), 2, (&[0.0; 7], 4), (&[0.0; 4 * PANEL], 4), (&mut sums.0, PANEL));
    }
}
