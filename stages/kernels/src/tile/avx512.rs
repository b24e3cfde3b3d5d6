//! Tiles in AVX-512: the sums stay in registers; an element (or group) of a row is broadcast against four vectors of
//! columns.

use std::arch::x86_64::{
    __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_storeu_ps, _mm512_storeu_si512,
};

use super::PANEL;

/// Vectors that a row's sums fill.
const VECTORS: usize = PANEL / 16;

/// One function a format; within it, one loop for each number of rows, so that every sum has its register.
macro_rules! tile {
    ($name:ident, $row:ty, $column:ty, $sum:ty, $group:literal, $zero:ident, $broadcast:expr, $load:expr, $multiply:expr, $store:expr) => {
        /// # Safety
        /// The processor has AVX-512 with VNNI and BF16; `a` and `panel` hold what is asked for, and `out` has room for it.
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx512bf16")]
        pub(super) unsafe fn $name(
            rows: usize,
            a: (*const $row, usize),
            panel: (*const $column, usize),
            out: (*mut $sum, usize),
        ) {
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx512bf16")]
            unsafe fn of<const M: usize>(
                (a, stride): (*const $row, usize),
                (panel, groups): (*const $column, usize),
                (out, out_stride): (*mut $sum, usize),
            ) {
                let mut acc = [[$zero(); VECTORS]; M];
                for group in 0..groups {
                    // SAFETY: the caller's.
                    unsafe {
                        let columns = panel.add(group * PANEL * $group);
                        let columns: [_; VECTORS] = std::array::from_fn(|v| $load(columns.add(v * 16 * $group)));
                        for (row, acc) in acc.iter_mut().enumerate() {
                            let a = $broadcast(a.add(row * stride + group * $group));
                            for (acc, columns) in acc.iter_mut().zip(columns) {
                                *acc = $multiply(*acc, a, columns);
                            }
                        }
                    }
                }
                for (row, acc) in acc.iter().enumerate() {
                    for (v, acc) in acc.iter().enumerate() {
                        // SAFETY: the caller's.
                        unsafe { $store(out.add(row * out_stride + 16 * v).cast(), *acc) };
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
    _mm512_setzero_ps,
    |a: *const f32| _mm512_set1_ps(*a),
    |columns: *const f32| _mm512_loadu_ps(columns),
    |sum, a, columns| _mm512_fmadd_ps(a, columns, sum),
    |to: *mut f32, sum| _mm512_storeu_ps(to, sum)
);
tile!(
    brain,
    u16,
    u16,
    f32,
    2,
    _mm512_setzero_ps,
    |a: *const u16| _mm512_set1_epi32(a.cast::<i32>().read_unaligned()),
    |columns: *const u16| _mm512_loadu_si512(columns.cast()),
    |sum, a: __m512i, columns: __m512i| _mm512_dpbf16_ps(
        sum,
        std::mem::transmute::<__m512i, __m512bh>(a),
        std::mem::transmute::<__m512i, __m512bh>(columns)
    ),
    |to: *mut f32, sum| _mm512_storeu_ps(to, sum)
);
tile!(
    byte,
    i8,
    u8,
    i32,
    4,
    _mm512_setzero_si512,
    |a: *const i8| _mm512_set1_epi32(a.cast::<i32>().read_unaligned()),
    |columns: *const u8| _mm512_loadu_si512(columns.cast()),
    |sum, a, columns| _mm512_dpbusd_epi32(sum, columns, a),
    |to: *mut __m512i, sum| _mm512_storeu_si512(to, sum)
);
