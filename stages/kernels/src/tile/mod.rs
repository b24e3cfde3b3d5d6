//! The inner kernels of the matrix products: a few rows times one panel of columns.
//!
//! A panel contains [`PANEL`] columns of a matrix. Its elements form groups along the inner dimension, of the width
//! that the multiplying instruction takes: `[groups][PANEL][GROUP]`. A tile reads up to [`ROWS`] rows without copying
//! them and writes `[rows][PANEL]` sums, whose rows may have a larger stride.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::aligned_buf::Number;
use crate::isa::Isa;

/// Columns of a panel: four vectors of 16 sums in AVX-512.
pub(crate) const PANEL: usize = 64;
/// Rows of a tile. With four vectors each, their sums fill 24 of the 32 registers of AVX-512; with two, 12 of the 16 of
/// AVX2.
pub(crate) const ROWS: usize = 6;

/// A buffer for the sums of a whole tile: `[ROWS][PANEL]`.
#[repr(C, align(64))]
pub(crate) struct Sums<T>(pub(crate) [T; ROWS * PANEL]);

impl<T: Copy + Default> Default for Sums<T> {
    fn default() -> Self {
        Self([T::default(); ROWS * PANEL])
    }
}

/// The numeric format of a product.
pub(crate) trait Format: std::fmt::Debug + 'static {
    /// The element type of the rows.
    type Row: Number + Default;
    /// The element type of the panels.
    type Column: Number + Default + PartialEq + std::fmt::Debug;
    /// The type of the sums.
    type Sum: Copy + Default + Send + Sync;
    /// Number of elements along the inner dimension that one instruction multiplies.
    const GROUP: usize;

    /// Multiplies `rows` (1 to [`ROWS`]) rows by a panel. `a` is the rows and their stride, `panel` the elements and
    /// the number of groups, and `out` the sums and their row stride.
    ///
    /// # Panics
    /// The rows, the panel or the output is too short.
    fn tile(
        isa: Isa,
        rows: usize,
        a: (&[Self::Row], usize),
        panel: (&[Self::Column], usize),
        out: (&mut [Self::Sum], usize),
    );
}

/// f32 by f32, summed in f32.
#[derive(Debug)]
pub(crate) struct F32;
/// bf16 by bf16, summed in f32.
#[derive(Debug)]
pub(crate) struct Bf16;
/// int8 by int8 that is stored with an offset of 128, summed in i32.
#[derive(Debug)]
pub(crate) struct Int8;

/// Implements [`Format`] with the first tile whose instructions `isa` has, the best first; the portable path is the
/// last.
macro_rules! format {
    ($format:ty, $row:ty, $column:ty, $sum:ty, $group:literal, $portable:ident, [$($has:ident => $tile:path),*]) => {
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
                assert!(groups <= panel.len() / (PANEL * $group), "a panel that ends early");
                assert!(fits(rows, stride, groups * $group, a.len()), "rows that end early");
                assert!(fits(rows, out_stride, PANEL, out.len()), "an output that ends early");
                #[cfg(target_arch = "x86_64")]
                {
                    let operands = x86::Operands {
                        rows: a.as_ptr().cast(),
                        row_stride: stride * size_of::<$row>(),
                        panel: panel.as_ptr().cast(),
                        groups,
                        out: out.as_mut_ptr(),
                        out_stride,
                    };
                    $(
                        if isa.$has() {
                            // SAFETY: an `Isa` contains only instructions of this CPU; the lengths are checked above.
                            return unsafe { $tile(rows, operands) };
                        }
                    )*
                }
                #[cfg(not(target_arch = "x86_64"))]
                let _ = isa;
                portable::$portable(rows, (a, stride), (panel, groups), (out, out_stride));
            }
        }
    };
}
format!(F32, f32, f32, f32, 1, in_f32, [has_avx512 => x86::avx512::f32_by_f32, has_avx2 => x86::avx2::f32_by_f32]);
format!(Bf16, u16, u16, f32, 2, in_bf16, [
    has_avx512_bf16 => x86::avx512::bf16_by_bf16,
    has_avx512 => x86::avx512::bf16_by_f32,
    has_avx2 => x86::avx2::bf16_by_f32
]);
format!(Int8, i8, u8, i32, 4, in_int8, [
    has_avx512_vnni => x86::avx512::int8_by_vnni,
    has_avx_vnni => x86::avx2::int8_by_vnni,
    has_avx512 => x86::avx512::int8_by_int16,
    has_avx2 => x86::avx2::int8_by_int16
]);

/// Whether `rows` rows of `width` elements, `stride` apart, are within `len` elements.
fn fits(rows: usize, stride: usize, width: usize, len: usize) -> bool {
    (rows - 1).checked_mul(stride).and_then(|start| start.checked_add(width)).is_some_and(|end| end <= len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precision::{bf16, from_bf16};

    /// A number in [-1, 1) that depends on its index.
    fn noise(i: usize) -> f32 {
        let mixed = (i as u32).wrapping_mul(2_654_435_761) ^ 0x5bd1_e995;
        (mixed.wrapping_mul(1_664_525) >> 8) as f32 / (1 << 23) as f32 - 1.0
    }

    /// Calls `check` for every combination of instruction sets on the same numbers, with every number of rows and
    /// several lengths.
    fn agree<F: Format>(
        row: fn(f32) -> F::Row,
        column: fn(f32) -> F::Column,
        check: impl Fn(Isa, &[F::Sum], &[F::Sum]),
    ) {
        for (rows, groups) in (1..=ROWS).flat_map(|rows| [0, 1, 2, 7, 96, 97, 230].map(|groups| (rows, groups))) {
            let stride = groups * F::GROUP + 3;
            let a: Vec<_> = (0..rows * stride).map(|i| row(noise(i))).collect();
            let panel: Vec<_> = (0..groups * PANEL * F::GROUP).map(|i| column(noise(i + 7_777))).collect();
            let sums = |isa: Isa| {
                let mut sums = vec![F::Sum::default(); rows * (PANEL + 5)];
                F::tile(isa, rows, (&a, stride), (&panel, groups), (&mut sums, PANEL + 5));
                sums
            };
            let portable = sums(Isa::portable());
            Isa::combinations().for_each(|isa| check(isa, &portable, &sums(isa)));
        }
    }

    /// f32 results are bitwise equal on all paths that round each fused sum once: all but the portable path.
    #[test]
    fn f32_tiles_are_close_to_the_portable_one_and_equal_to_each_other() {
        let fused = std::cell::RefCell::new(Vec::new());
        let compare = |isa: Isa, portable: &[f32], sums: &[f32]| {
            let close = |(a, b): (&f32, &f32)| (a - b).abs() < 5e-4;
            assert!(portable.iter().zip(sums).all(close), "{isa:?}: {sums:?} is not {portable:?}");
            match (isa.is_portable(), fused.borrow_mut()) {
                (true, mut fused) => fused.clear(),
                (_, mut fused) if fused.is_empty() => *fused = sums.to_vec(),
                (_, fused) => assert_eq!(*fused, sums, "{isa:?}"),
            }
        };
        agree::<F32>(|x| x, |x| x, compare);
    }

    #[test]
    fn bf16_tiles_are_equal() {
        agree::<Bf16>(bf16, bf16, |isa, a, b| assert_eq!(a, b, "{isa:?}"));
    }

    #[test]
    fn int8_tiles_are_equal() {
        agree::<Int8>(|x| (x * 127.0) as i8, |x| (x * 127.0 + 128.0) as u8, |isa, a, b| assert_eq!(a, b, "{isa:?}"));
    }

    #[test]
    fn int8_tiles_do_not_saturate() {
        let extreme = |x: f32| if x < 0.0 { i8::MIN } else { i8::MAX };
        agree::<Int8>(extreme, |_| u8::MAX, |isa, a, b| assert_eq!(a, b, "{isa:?}"));
        agree::<Int8>(|_| i8::MIN, |_| u8::MAX, |isa, a, b| assert_eq!(a, b, "{isa:?}"));
    }

    #[test]
    fn portable_tile_is_the_textbook_product() {
        let a: Vec<_> = (0..10).map(|i| bf16(noise(i))).collect();
        let panel: Vec<_> = (0..4 * PANEL).map(|i| bf16(noise(i + 99))).collect();
        let mut sums = Sums::default();
        Bf16::tile(Isa::portable(), 2, (&a, 5), (&panel, 2), (&mut sums.0, PANEL));
        for (row, column) in (0..2).flat_map(|row| (0..PANEL).map(move |column| (row, column))) {
            let at = |k: usize| from_bf16(a[row * 5 + k]) * from_bf16(panel[(k / 2 * PANEL + column) * 2 + k % 2]);
            assert!((sums.0[row * PANEL + column] - (0..4).map(at).sum::<f32>()).abs() < 1e-5);
        }
    }

    #[test]
    #[should_panic(expected = "rows that end early")]
    fn tile_refuses_rows_that_end_early() {
        let mut sums = Sums::default();
        F32::tile(Isa::detect(), 2, (&[0.0; 7], 4), (&[0.0; 4 * PANEL], 4), (&mut sums.0, PANEL));
    }

    #[test]
    #[should_panic(expected = "rows that end early")]
    fn tile_refuses_a_stride_that_overflows() {
        let mut sums = Sums::default();
        F32::tile(Isa::detect(), 3, (&[0.0; 8], usize::MAX / 2 + 1), (&[0.0; 4 * PANEL], 4), (&mut sums.0, PANEL));
    }

    #[test]
    #[should_panic(expected = "a panel that ends early")]
    fn tile_refuses_a_panel_that_ends_early() {
        let mut sums = Sums::default();
        Int8::tile(Isa::detect(), 1, (&[0; 16], 16), (&[0; 16 * PANEL - 1], 4), (&mut sums.0, PANEL));
    }

    #[test]
    #[should_panic(expected = "an output that ends early")]
    fn tile_refuses_an_output_that_ends_early() {
        Bf16::tile(Isa::detect(), 2, (&[0; 8], 4), (&[0; 4 * PANEL], 2), (&mut [0.0; 2 * PANEL - 1], PANEL));
    }
}
