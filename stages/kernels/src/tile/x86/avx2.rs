//! Tiles in AVX2 with FMA, and in AVX-VNNI: the sums of a pass fill 8 to 12 of 16 registers. With few rows a pass
//! covers more vectors of columns, so that enough independent sums hide the latency of the instructions.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_castsi256_ps, _mm256_dpbusd_avx_epi32, _mm256_fmadd_ps,
    _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_setzero_si256, _mm256_slli_epi32, _mm256_srli_epi16, _mm256_storeu_ps,
    _mm256_storeu_si256,
};

use super::{CHUNK, GROUP, Operands, PANEL, PART_STRIDE, SECOND_BF16, SplitRows, bf16_parts, int8_parts, opaque};

tile!(
    f32_by_f32, f32, "avx2,fma", vector 8, rows [8, 4, 4, 2], chunk CHUNK,
    sums (_mm256_setzero_ps(), |from: *mut f32| _mm256_loadu_ps(from), |to: *mut f32, sum| _mm256_storeu_ps(to, sum)),
    broadcast |row: *const f32| _mm256_set1_ps(*row),
    load |columns: *const f32| _mm256_loadu_ps(columns),
    multiply [|columns| columns, |sum, row, columns| _mm256_fmadd_ps(row, columns, sum)]
);
tile!(
    bf16_by_f32, f32, "avx2,fma", vector 8, rows [8, 4, 2, 2], chunk CHUNK,
    split bf16_parts,
    sums (_mm256_setzero_ps(), |from: *mut f32| _mm256_loadu_ps(from), |to: *mut f32, sum| _mm256_storeu_ps(to, sum)),
    broadcast |row: *const f32| _mm256_set1_ps(*row),
    load |columns: *const __m256i| _mm256_loadu_si256(columns),
    multiply [
        |columns| _mm256_castsi256_ps(_mm256_and_si256(columns, _mm256_set1_epi32(SECOND_BF16))),
        |sum, row, columns| _mm256_fmadd_ps(row, columns, sum);
        |columns| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(columns)),
        |sum, row, columns| _mm256_fmadd_ps(row, columns, sum)
    ]
);
tile!(
    int8_by_vnni, i32, "avx2,avxvnni", vector 8, rows [8, 4, 4, 2], chunk CHUNK,
    sums (
        _mm256_setzero_si256(),
        |from: *mut i32| _mm256_loadu_si256(from.cast()),
        |to: *mut i32, sum| _mm256_storeu_si256(to.cast(), sum)
    ),
    broadcast |row: *const i32| _mm256_set1_epi32(row.read_unaligned()),
    load |columns: *const __m256i| _mm256_loadu_si256(columns),
    multiply [|columns| columns, |sum, row, columns| _mm256_dpbusd_avx_epi32(sum, columns, row)]
);
tile!(
    int8_by_int16, i32, "avx2", vector 8, rows [8, 4, 2, 2], chunk CHUNK,
    split int8_parts,
    sums (
        _mm256_setzero_si256(),
        |from: *mut i32| _mm256_loadu_si256(from.cast()),
        |to: *mut i32, sum| _mm256_storeu_si256(to.cast(), sum)
    ),
    broadcast |row: *const i32| _mm256_set1_epi32(*row),
    load |columns: *const __m256i| _mm256_loadu_si256(columns),
    multiply [
        |columns| _mm256_and_si256(columns, _mm256_set1_epi16(0xFF)),
        |sum, row, columns| _mm256_add_epi32(sum, _mm256_madd_epi16(row, columns));
        |columns| _mm256_srli_epi16::<8>(columns),
        |sum, row, columns| _mm256_add_epi32(sum, _mm256_madd_epi16(row, columns))
    ]
);
