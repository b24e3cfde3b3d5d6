//! Tiles in plain loops.

use super::{PANEL, ROWS, Sums};
use crate::precision::from_bf16;

pub(super) fn single(
    rows: usize,
    a: &[f32],
    stride: usize,
    panel: &[f32],
    groups: usize,
    sums: &mut [Sums<f32>; ROWS],
) {
    for (row, sums) in sums[..rows].iter_mut().enumerate() {
        *sums = Sums([0.0; PANEL]);
        for (a, columns) in a[row * stride..][..groups].iter().zip(panel.chunks_exact(PANEL)) {
            for (sum, column) in sums.0.iter_mut().zip(columns) {
                *sum += a * column;
            }
        }
    }
}

pub(super) fn brain(rows: usize, a: &[u16], stride: usize, panel: &[u16], groups: usize, sums: &mut [Sums<f32>; ROWS]) {
    for (row, sums) in sums[..rows].iter_mut().enumerate() {
        *sums = Sums([0.0; PANEL]);
        let pairs = a[row * stride..][..2 * groups].chunks_exact(2);
        for (a, columns) in pairs.zip(panel.chunks_exact(2 * PANEL)) {
            let a = [from_bf16(a[0]), from_bf16(a[1])];
            for (sum, column) in sums.0.iter_mut().zip(columns.chunks_exact(2)) {
                *sum += a[0] * from_bf16(column[0]) + a[1] * from_bf16(column[1]);
            }
        }
    }
}

pub(super) fn byte(rows: usize, a: &[i8], stride: usize, panel: &[u8], groups: usize, sums: &mut [Sums<i32>; ROWS]) {
    for (row, sums) in sums[..rows].iter_mut().enumerate() {
        *sums = Sums([0; PANEL]);
        let fours = a[row * stride..][..4 * groups].chunks_exact(4);
        for (a, columns) in fours.zip(panel.chunks_exact(4 * PANEL)) {
            for (sum, column) in sums.0.iter_mut().zip(columns.chunks_exact(4)) {
                let product = |k: usize| i32::from(a[k]) * i32::from(column[k]);
                *sum += product(0) + product(1) + product(2) + product(3);
            }
        }
    }
}
