//! Tiles in plain loops.

use super::PANEL;
use crate::precision::from_bf16;

pub(super) fn in_f32(
    rows: usize,
    (a, stride): (&[f32], usize),
    (panel, groups): (&[f32], usize),
    (out, out_stride): (&mut [f32], usize),
) {
    for row in 0..rows {
        let sums = &mut out[row * out_stride..][..PANEL];
        sums.fill(0.0);
        for (a, columns) in a[row * stride..][..groups].iter().zip(panel.chunks_exact(PANEL)) {
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum += a * column;
            }
        }
    }
}

pub(super) fn in_bf16(
    rows: usize,
    (a, stride): (&[u16], usize),
    (panel, groups): (&[u16], usize),
    (out, out_stride): (&mut [f32], usize),
) {
    for row in 0..rows {
        let sums = &mut out[row * out_stride..][..PANEL];
        sums.fill(0.0);
        let pairs = a[row * stride..][..2 * groups].chunks_exact(2);
        for (a, columns) in pairs.zip(panel.chunks_exact(2 * PANEL)) {
            let a = [from_bf16(a[0]), from_bf16(a[1])];
            for (sum, column) in sums.iter_mut().zip(columns.as_chunks::<2>().0) {
                // The order is that of the BF16 instruction. A product is exact, so each sum is rounded once, as in a
                // fused multiply-add.
                *sum += a[1] * from_bf16(column[1]);
                *sum += a[0] * from_bf16(column[0]);
            }
        }
    }
}

pub(super) fn in_int8(
    rows: usize,
    (a, stride): (&[i8], usize),
    (panel, groups): (&[u8], usize),
    (out, out_stride): (&mut [i32], usize),
) {
    for row in 0..rows {
        let sums = &mut out[row * out_stride..][..PANEL];
        sums.fill(0);
        let (fours, _) = a[row * stride..][..4 * groups].as_chunks::<4>();
        for (a, columns) in fours.iter().zip(panel.chunks_exact(4 * PANEL)) {
            let a = a.map(i32::from);
            for (sum, column) in sums.iter_mut().zip(columns.as_chunks().0) {
                // Shifts extract the bytes, so that the compiler loads whole vectors of columns.
                let column = i32::from_le_bytes(*column);
                let product = |k: usize| a[k] * ((column >> (8 * k)) & 0xFF);
                *sum += product(0) + product(1) + product(2) + product(3);
            }
        }
    }
}
