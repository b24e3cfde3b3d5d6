//! Which instructions the kernels use: found out once, when the program runs.

use std::sync::OnceLock;

/// A set of instructions that the kernels are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// AVX-512 with VNNI (int8) and BF16.
    Avx512,
    /// Whatever the compiler makes of plain loops for the oldest processor that the program supports.
    Portable,
}

impl Isa {
    /// The best set that this processor has.
    #[must_use]
    pub fn detect() -> Self {
        static DETECTED: OnceLock<Isa> = OnceLock::new();
        *DETECTED.get_or_init(|| if has_avx512() { Self::Avx512 } else { Self::Portable })
    }

    /// A short name for records: the kernel family.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Portable => "portable",
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("avx512f")
        && has!("avx512bw")
        && has!("avx512vl")
        && has!("avx512dq")
        && has!("avx512vnni")
        && has!("avx512bf16")
        && has!("avx2")
        && has!("fma")
}

#[cfg(not(target_arch = "x86_64"))]
const fn has_avx512() -> bool {
    false
}

/// Asks for numbers that are needed soon: rows far apart are not fetched ahead by the processor itself.
#[inline(always)]
pub(crate) fn prefetch(numbers: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in numbers.chunks(16) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint about memory that is borrowed.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
}

/// Where the vectors of a row begin, and which of their 16 numbers are in it.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn vectors(len: usize) -> impl Iterator<Item = (usize, std::arch::x86_64::__mmask16)> {
    const VECTOR: usize = 16;
    let mask = move |start: usize| (0xFFFF_u32 >> (VECTOR - (len - start).min(VECTOR))) as u16;
    (0..len).step_by(VECTOR).map(move |start| (start, mask(start)))
}

/// Compiles a function twice, once with AVX-512 switched on, and calls the one that `isa` asks for. The body is plain
/// Rust that the compiler can make vectors of.
macro_rules! multiversion {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        #[inline]
        $vis fn $name(isa: $crate::isa::Isa, $($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
            fn avx512($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
            match isa {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: this set of instructions is only chosen where the processor has it.
                $crate::isa::Isa::Avx512 => unsafe { avx512($($arg),*) },
                _ => body($($arg),*),
            }
        }
    };
}
pub(crate) use multiversion;
