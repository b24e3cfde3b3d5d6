//! Tiles in AVX2 with FMA: 16 registers hold the sums of [`ROWS`](super::ROWS) rows and a quarter of a panel, so that
//! every quarter is a pass of its own.

use std::arch::x86_64::{
    __m256, __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_castsi256_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps,
    _mm256_setzero_si256, _mm256_slli_epi16, _mm256_slli_epi32, _mm256_srai_epi16, _mm256_srli_epi16, _mm256_storeu_ps,
    _mm256_storeu_si256,
};

use super::PANEL;

/// Numbers of a vector.
const VECTOR: usize = 8;
/// Vectors that a row's sums fill in a pass.
const VECTORS: usize = 2;
/// Columns of a pass.
const PASS: usize = VECTOR * VECTORS;

/// One function a format; within it, one loop for each number of rows. `row_parts` and `column_parts` take an element (or
/// group) of a row in every lane of a vector, and a vector of columns, apart into what `multiply` takes.
macro_rules! tile {
    ($name:ident, $row:ty, $column:ty, $sum:ty, $group:literal, $zero:ident, $broadcast:expr, $row_parts:expr, $load:expr, $column_parts:expr, $multiply:expr, $store:expr) => {
        /// # Safety
        /// The processor has AVX2 and FMA; `a` and `panel` hold what is asked for, and `out` has room for it.
        #[target_feature(enable = "avx2,fma")]
        pub(super) unsafe fn $name(
            rows: usize,
            a: (*const $row, usize),
            panel: (*const $column, usize),
            out: (*mut $sum, usize),
        ) {
            #[target_feature(enable = "avx2,fma")]
            unsafe fn of<const M: usize>(
                (a, stride): (*const $row, usize),
                (panel, groups): (*const $column, usize),
                (out, out_stride): (*mut $sum, usize),
            ) {
                for first in (0..PANEL).step_by(PASS) {
                    let mut acc = [[$zero(); VECTORS]; M];
                    for group in 0..groups {
                        // SAFETY: the caller's.
                        unsafe {
                            let columns = panel.add((group * PANEL + first) * $group);
                            let columns: [_; VECTORS] =
                                std::array::from_fn(|v| $column_parts($load(columns.add(v * VECTOR * $group))));
                            for (row, acc) in acc.iter_mut().enumerate() {
                                let a = $row_parts($broadcast(a.add(row * stride + group * $group)));
                                for (acc, columns) in acc.iter_mut().zip(columns) {
                                    *acc = $multiply(*acc, a, columns);
                                }
                            }
                        }
                    }
                    for (row, acc) in acc.iter().enumerate() {
                        for (v, acc) in acc.iter().enumerate() {
                            // SAFETY: the caller's.
                            unsafe { $store(out.add(row * out_stride + first + VECTOR * v), *acc) };
                        }
                    }
                }
            }
            // SAFETY: the caller's.
            unsafe { by_rows!(of, rows, a, panel, out) }
        }
    };
}

tile!(
    single,
    f32,
    f32,
    f32,
    1,
    _mm256_setzero_ps,
    |a: *const f32| _mm256_set1_ps(*a),
    |a| a,
    |columns: *const f32| _mm256_loadu_ps(columns),
    |columns| columns,
    |sum, a, columns| _mm256_fmadd_ps(a, columns, sum),
    |to: *mut f32, sum| _mm256_storeu_ps(to, sum)
);
tile!(
    brain,
    u16,
    u16,
    f32,
    2,
    _mm256_setzero_ps,
    |a: *const u16| _mm256_set1_epi32(a.cast::<i32>().read_unaligned()),
    brain_parts,
    |columns: *const u16| _mm256_loadu_si256(columns.cast()),
    brain_parts,
    |sum, a: [__m256; 2], columns: [__m256; 2]| {
        _mm256_fmadd_ps(a[1], columns[1], _mm256_fmadd_ps(a[0], columns[0], sum))
    },
    |to: *mut f32, sum| _mm256_storeu_ps(to, sum)
);
tile!(
    byte,
    i8,
    u8,
    i32,
    4,
    _mm256_setzero_si256,
    |a: *const i8| _mm256_set1_epi32(a.cast::<i32>().read_unaligned()),
    signed_parts,
    |columns: *const u8| _mm256_loadu_si256(columns.cast()),
    unsigned_parts,
    |sum, a: [__m256i; 2], columns: [__m256i; 2]| {
        let products = [0, 1].map(|part| _mm256_madd_epi16(a[part], columns[part]));
        _mm256_add_epi32(sum, _mm256_add_epi32(products[0], products[1]))
    },
    |to: *mut i32, sum| _mm256_storeu_si256(to.cast(), sum)
);

/// The first and the second bf16 of every pair, as f32.
#[target_feature(enable = "avx2")]
fn brain_parts(pairs: __m256i) -> [__m256; 2] {
    let second = _mm256_and_si256(pairs, _mm256_set1_epi32(0xFFFF_0000_u32.cast_signed()));
    [_mm256_castsi256_ps(_mm256_slli_epi32::<16>(pairs)), _mm256_castsi256_ps(second)]
}

/// The even and the odd bytes of every four, in 16 bits.
#[target_feature(enable = "avx2")]
fn unsigned_parts(fours: __m256i) -> [__m256i; 2] {
    [_mm256_and_si256(fours, _mm256_set1_epi16(0xFF)), _mm256_srli_epi16::<8>(fours)]
}

/// As [`unsigned_parts`], with a sign.
#[target_feature(enable = "avx2")]
fn signed_parts(fours: __m256i) -> [__m256i; 2] {
    [_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(fours)), _mm256_srai_epi16::<8>(fours)]
}
