//! Tiles in AVX-512: the sums of [`ROWS`](super::ROWS) rows and a whole panel fill 24 of 32 registers.

use std::arch::x86_64::{
    __m512bh, __m512i, _mm512_add_epi32, _mm512_and_si512, _mm512_castsi512_ps, _mm512_dpbf16_ps, _mm512_dpbusd_epi32,
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_madd_epi16, _mm512_set1_epi16, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_slli_epi32, _mm512_srli_epi16, _mm512_storeu_ps,
    _mm512_storeu_si512,
};

use super::{CHUNK, GROUP, Operands, PANEL, PART_STRIDE, SECOND_BF16, SplitRows, bf16_parts, int8_parts, opaque};

/// All groups in one pass: the sums of a whole panel stay in registers.
const ALL: usize = usize::MAX;

tile!(
    f32_by_f32, f32, "avx512f", vector 16, rows [4, 4, 4, 4], chunk ALL,
    sums (_mm512_setzero_ps(), |from: *mut f32| _mm512_loadu_ps(from), |to: *mut f32, sum| _mm512_storeu_ps(to, sum)),
    broadcast |row: *const f32| _mm512_set1_ps(*row),
    load |columns: *const f32| _mm512_loadu_ps(columns),
    multiply [|columns| columns, |sum, row, columns| _mm512_fmadd_ps(row, columns, sum)]
);
tile!(
    bf16_by_bf16, f32, "avx512f,avx512bf16", vector 16, rows [4, 4, 4, 4], chunk ALL,
    sums (_mm512_setzero_ps(), |from: *mut f32| _mm512_loadu_ps(from), |to: *mut f32, sum| _mm512_storeu_ps(to, sum)),
    broadcast |row: *const i32| _mm512_set1_epi32(row.read_unaligned()),
    load |columns: *const __m512i| _mm512_loadu_si512(columns),
    multiply [|columns| columns, |sum, row: __m512i, columns: __m512i| _mm512_dpbf16_ps(
        sum,
        std::mem::transmute::<__m512i, __m512bh>(row),
        std::mem::transmute::<__m512i, __m512bh>(columns)
    )]
);
tile!(
    bf16_by_f32, f32, "avx512f", vector 16, rows [4, 4, 4, 4], chunk CHUNK,
    split bf16_parts,
    sums (_mm512_setzero_ps(), |from: *mut f32| _mm512_loadu_ps(from), |to: *mut f32, sum| _mm512_storeu_ps(to, sum)),
    broadcast |row: *const f32| _mm512_set1_ps(*row),
    load |columns: *const __m512i| _mm512_loadu_si512(columns),
    multiply [
        |columns| _mm512_castsi512_ps(_mm512_and_si512(columns, _mm512_set1_epi32(SECOND_BF16))),
        |sum, row, columns| _mm512_fmadd_ps(row, columns, sum);
        |columns| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(columns)),
        |sum, row, columns| _mm512_fmadd_ps(row, columns, sum)
    ]
);
tile!(
    int8_by_vnni, i32, "avx512f,avx512vnni", vector 16, rows [4, 4, 4, 4], chunk ALL,
    sums (
        _mm512_setzero_si512(),
        |from: *mut i32| _mm512_loadu_si512(from.cast()),
        |to: *mut i32, sum| _mm512_storeu_si512(to.cast(), sum)
    ),
    broadcast |row: *const i32| _mm512_set1_epi32(row.read_unaligned()),
    load |columns: *const __m512i| _mm512_loadu_si512(columns),
    multiply [|columns| columns, |sum, row, columns| _mm512_dpbusd_epi32(sum, columns, row)]
);
tile!(
    int8_by_int16, i32, "avx512f,avx512bw", vector 16, rows [4, 4, 4, 4], chunk CHUNK,
    split int8_parts,
    sums (
        _mm512_setzero_si512(),
        |from: *mut i32| _mm512_loadu_si512(from.cast()),
        |to: *mut i32, sum| _mm512_storeu_si512(to.cast(), sum)
    ),
    broadcast |row: *const i32| _mm512_set1_epi32(*row),
    load |columns: *const __m512i| _mm512_loadu_si512(columns),
    multiply [
        |columns| _mm512_and_si512(columns, _mm512_set1_epi16(0xFF)),
        |sum, row, columns| _mm512_add_epi32(sum, _mm512_madd_epi16(row, columns));
        |columns| _mm512_srli_epi16::<8>(columns),
        |sum, row, columns| _mm512_add_epi32(sum, _mm512_madd_epi16(row, columns))
    ]
);
