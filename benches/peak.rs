//! The peak rate of each instruction that the products use, with all operands in registers.

use std::arch::asm;
use std::arch::x86_64::*;
use std::hint::black_box;
use std::time::Instant;

/// Measures the operations per second of an instruction that the CPU has.
type Peak = unsafe fn() -> f64;

/// Operations per second of one thread, for each instruction that this CPU has.
pub(crate) fn peaks() -> Vec<(&'static str, f64)> {
    use std::arch::is_x86_feature_detected as has;
    let (avx2, avx512) = (has!("avx2") && has!("fma"), has!("avx512f") && has!("avx512bw"));
    // SAFETY: only functions whose instructions were detected are called.
    let all: [(&str, bool, Peak); 7] = [
        ("f32 FMA, 256 bits", avx2, fma_256),
        ("f32 FMA, 512 bits", avx512, fma_512),
        ("bf16, 512 bits", avx512 && has!("avx512bf16"), bf16_512),
        ("int8 through int16, 256 bits", avx2, int16_256),
        ("int8 through int16, 512 bits", avx512, int16_512),
        ("int8 VNNI, 256 bits", avx2 && has!("avxvnni"), vnni_256),
        ("int8 VNNI, 512 bits", avx512 && has!("avx512vnni"), vnni_512),
    ];
    all.into_iter().filter(|(_, has, _)| *has).map(|(name, _, peak)| (name, unsafe { peak() })).collect()
}

/// Best of several short runs, to exclude interruptions by other programs.
fn best(operations: f64, mut run: impl FnMut()) -> f64 {
    let timed = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    operations / (0..200).map(timed).fold(f64::INFINITY, f64::min)
}

/// Defines a loop over independent sums. `multiply` takes a sum and two factors, and counts as `operations`.
macro_rules! peak {
    ($name:ident, $features:literal, $sums:literal, $operations:literal, $zero:expr, $factor:expr, $multiply:expr) => {
        #[target_feature(enable = $features)]
        fn $name() -> f64 {
            const ROUNDS: usize = 10_000;
            best((ROUNDS * $sums * $operations) as f64, || {
                let (a, b) = (black_box($factor), black_box($factor));
                let mut sums = [$zero; $sums];
                for _ in 0..ROUNDS {
                    sums.iter_mut().for_each(|sum| *sum = $multiply(*sum, a, b));
                }
                black_box(sums);
            })
        }
    };
}

peak!(fma_256, "avx2,fma", 12, 16, _mm256_setzero_ps(), _mm256_setzero_ps(), |sum, a, b| _mm256_fmadd_ps(a, b, sum));
peak!(fma_512, "avx512f", 24, 32, _mm512_setzero_ps(), _mm512_setzero_ps(), |sum, a, b| _mm512_fmadd_ps(a, b, sum));
peak!(
    bf16_512,
    "avx512f,avx512bf16",
    24,
    64,
    _mm512_setzero_ps(),
    // SAFETY: both types have the same size, and every bit pattern is valid.
    unsafe { std::mem::transmute::<__m512i, __m512bh>(_mm512_setzero_si512()) },
    |sum, a, b| _mm512_dpbf16_ps(sum, a, b)
);
peak!(vnni_256, "avx2,avxvnni", 12, 64, _mm256_setzero_si256(), _mm256_setzero_si256(), |sum, a, b| {
    _mm256_dpbusd_avx_epi32(sum, a, b)
});
peak!(vnni_512, "avx512f,avx512vnni", 24, 128, _mm512_setzero_si512(), _mm512_setzero_si512(), |sum, a, b| {
    _mm512_dpbusd_epi32(sum, a, b)
});
peak!(int16_256, "avx2", 12, 32, _mm256_setzero_si256(), _mm256_setzero_si256(), |sum, a: __m256i, b| {
    let mut a = a;
    // SAFETY: it contains no instruction. Without it, the compiler would move the product out of the loop.
    unsafe { asm!("/* {0} */", inout(ymm_reg) a, options(nomem, nostack, preserves_flags)) };
    _mm256_add_epi32(sum, _mm256_madd_epi16(a, b))
});
peak!(int16_512, "avx512f,avx512bw", 24, 64, _mm512_setzero_si512(), _mm512_setzero_si512(), |sum, a: __m512i, b| {
    let mut a = a;
    // SAFETY: as above.
    unsafe { asm!("/* {0} */", inout(zmm_reg) a, options(nomem, nostack, preserves_flags)) };
    _mm512_add_epi32(sum, _mm512_madd_epi16(a, b))
});
