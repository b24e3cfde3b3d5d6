//! Run-time detection of the instruction sets that the kernels use.
//!
//! An [`Isa`] is a proof token: only detection creates one, so its existence proves that the CPU has its instructions.
//! It is a set of independent capabilities, and each kernel checks for those that it uses: int8 products for VNNI, bf16
//! products for BF16, all others for AVX-512 or AVX2. [`LEVELS`] names the combinations of real CPUs.
//!
//! The environment variable [`VARIABLE`] limits detection to one of these levels, to measure and test lower levels.

use std::fmt;
use std::sync::OnceLock;

/// The environment variable that limits detection to a level: `portable`, `avx2`, `avxvnni`, `avx512`, `avx512vnni` or
/// `avx512bf16`.
const VARIABLE: &str = "EARWITNESS_CPU";

/// AVX2 with FMA.
const AVX2: u8 = 1;
/// Dot products of int8 in vectors of 256 bits.
const AVX_VNNI: u8 = 1 << 1;
/// AVX-512 F, BW, VL and DQ, with AVX2 and FMA.
const AVX512: u8 = 1 << 2;
/// Dot products of int8 in vectors of 512 bits.
const AVX512_VNNI: u8 = 1 << 3;
/// Dot products of bf16 in vectors of 512 bits.
const AVX512_BF16: u8 = 1 << 4;

/// The set of instructions that the kernels may use. Only detection creates one.
///
/// ```
/// use kernels::Isa;
///
/// let best = Isa::check_limit()?;
/// println!("{}", best.name()); // avx512bf16
/// assert!(Isa::available().any(Isa::is_portable));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Isa(u8);

/// A named combination of capabilities.
struct Level {
    name: &'static str,
    /// The capabilities of a CPU of this level.
    needs: u8,
    /// The capabilities that the kernels use on a CPU that is limited to this level.
    permits: u8,
}

/// All levels, the lowest first. CPUs of level `avx512` (Skylake-X) have no VNNI of any width, so this level does not
/// permit it.
const LEVELS: [Level; 6] = [
    Level { name: "portable", needs: 0, permits: 0 },
    Level { name: "avx2", needs: AVX2, permits: AVX2 },
    Level { name: "avxvnni", needs: AVX2 | AVX_VNNI, permits: AVX2 | AVX_VNNI },
    Level { name: "avx512", needs: AVX2 | AVX512, permits: AVX2 | AVX512 },
    Level { name: "avx512vnni", needs: AVX2 | AVX512 | AVX512_VNNI, permits: AVX2 | AVX_VNNI | AVX512 | AVX512_VNNI },
    Level { name: "avx512bf16", needs: AVX2 | AVX512 | AVX512_VNNI | AVX512_BF16, permits: u8::MAX },
];

/// The value of `EARWITNESS_CPU` is not a level of this CPU.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// The value is not the name of a level.
    #[error("{VARIABLE}={value:?} is not a known instruction set; known are: {}", names(u8::MAX))]
    Unknown {
        /// The variable's value.
        value: String,
    },
    /// The value is the name of a level that this CPU does not have.
    #[error("{VARIABLE}={value} is not supported by this CPU; supported: {available}")]
    Unavailable {
        /// The variable's value.
        value: String,
        /// The names of the levels that this CPU has.
        available: String,
    },
}

impl Isa {
    /// The best instructions of this CPU, within the limit that `EARWITNESS_CPU` sets. An invalid limit is ignored
    /// here; programs report it at startup with [`Isa::check_limit`].
    #[must_use]
    pub fn detect() -> Self {
        static DETECTED: OnceLock<Isa> = OnceLock::new();
        *DETECTED.get_or_init(|| Self::check_limit().unwrap_or_else(|_| cpu()))
    }

    /// The best instructions of this CPU, within the limit that `EARWITNESS_CPU` sets (unset or empty: no limit).
    ///
    /// # Errors
    /// The variable's value is not a level, or is a level that this CPU does not have.
    pub fn check_limit() -> Result<Self, LimitError> {
        let value = std::env::var_os(VARIABLE).unwrap_or_default();
        limited(cpu(), &value.to_string_lossy())
    }

    /// All levels of this CPU within the limit of `EARWITNESS_CPU`, the best first. The portable level is always
    /// included.
    pub fn available() -> impl Iterator<Item = Self> {
        let best = Self::detect();
        let levels = levels_of(best.0).rev().map(move |level| Self(best.0 & level.permits));
        std::iter::once(best).chain(levels.filter(move |level| *level != best))
    }

    /// The name of the highest level that this set includes.
    #[must_use]
    pub fn name(self) -> &'static str {
        levels_of(self.0).next_back().map_or("portable", |level| level.name)
    }

    /// Whether the set contains only the instructions that every supported CPU has.
    #[must_use]
    pub const fn is_portable(self) -> bool {
        self.0 == 0
    }

    #[cfg(target_arch = "x86_64")]
    pub(crate) const fn has_avx2(self) -> bool {
        self.0 & AVX2 != 0
    }

    #[cfg(target_arch = "x86_64")]
    pub(crate) const fn has_avx_vnni(self) -> bool {
        self.0 & AVX_VNNI != 0
    }

    #[cfg(target_arch = "x86_64")]
    pub(crate) const fn has_avx512(self) -> bool {
        self.0 & AVX512 != 0
    }

    #[cfg(target_arch = "x86_64")]
    pub(crate) const fn has_avx512_vnni(self) -> bool {
        self.0 & AVX512_VNNI != 0
    }

    #[cfg(target_arch = "x86_64")]
    pub(crate) const fn has_avx512_bf16(self) -> bool {
        self.0 & AVX512_BF16 != 0
    }

    #[cfg(test)]
    pub(crate) const fn portable() -> Self {
        Self(0)
    }

    /// Every combination of this CPU's capabilities, including those of no real CPU.
    #[cfg(test)]
    pub(crate) fn combinations() -> impl Iterator<Item = Self> {
        let Self(has) = Self::detect();
        (0..=u8::MAX).filter(move |sets| sets & !has == 0 && *sets == closed(*sets)).map(Self)
    }
}

impl fmt::Debug for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:05b})", self.name(), self.0)
    }
}

/// The levels that a CPU with these capabilities supports.
fn levels_of(has: u8) -> impl DoubleEndedIterator<Item = &'static Level> {
    LEVELS.iter().filter(move |level| level.needs & !has == 0)
}

fn names(has: u8) -> String {
    levels_of(has).map(|level| level.name).collect::<Vec<_>>().join(", ")
}

fn limited(Isa(has): Isa, value: &str) -> Result<Isa, LimitError> {
    if value.is_empty() {
        return Ok(Isa(has));
    }
    let level = LEVELS.iter().find(|level| level.name == value);
    let level = level.ok_or_else(|| LimitError::Unknown { value: value.to_owned() })?;
    if level.needs & !has != 0 {
        return Err(LimitError::Unavailable { value: value.to_owned(), available: names(has) });
    }
    Ok(Isa(has & level.permits))
}

/// The usable subset of capabilities: code for AVX-512 also uses AVX2, and code for an extension also uses its base.
const fn closed(mut sets: u8) -> u8 {
    if sets & AVX2 == 0 {
        sets = 0;
    }
    if sets & AVX512 == 0 {
        sets &= !(AVX512_VNNI | AVX512_BF16);
    }
    sets
}

/// All capabilities of this CPU that the operating system supports.
#[cfg(target_arch = "x86_64")]
fn cpu() -> Isa {
    use std::arch::is_x86_feature_detected as has;
    let avx512 = has!("avx512f") && has!("avx512bw") && has!("avx512vl") && has!("avx512dq");
    let sets = [
        (AVX2, has!("avx2") && has!("fma")),
        (AVX_VNNI, has!("avxvnni")),
        (AVX512, avx512),
        (AVX512_VNNI, has!("avx512vnni")),
        (AVX512_BF16, has!("avx512bf16")),
    ];
    Isa(closed(sets.into_iter().filter(|(_, is_here)| *is_here).fold(0, |sets, (set, _)| sets | set)))
}

#[cfg(not(target_arch = "x86_64"))]
const fn cpu() -> Isa {
    Isa(closed(0))
}

/// Prefetches numbers that are needed soon. The hardware prefetcher does not follow rows that are far apart.
#[inline(always)]
pub(crate) fn prefetch(numbers: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in numbers.chunks(16) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch is only a hint, and the memory is borrowed.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
}

/// The start of each vector of 16 numbers in a row, and the mask of the numbers that are inside the row.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn vectors(len: usize) -> impl Iterator<Item = (usize, std::arch::x86_64::__mmask16)> {
    const VECTOR: usize = 16;
    let mask = move |start: usize| (0xFFFF_u32 >> (VECTOR - (len - start).min(VECTOR))) as u16;
    (0..len).step_by(VECTOR).map(move |start| (start, mask(start)))
}

/// Compiles a function once for AVX-512, once for AVX2 and once for every CPU, and calls the version that `isa`
/// permits. The body is plain Rust that the compiler vectorizes. The compiler never fuses a multiplication with an
/// addition, so all versions give bitwise equal results as long as the body fixes the order of its sums.
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
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
            #[cfg(target_arch = "x86_64")]
            if isa.has_avx512() {
                // SAFETY: an `Isa` contains only instructions of this CPU.
                return unsafe { avx512($($arg),*) };
            } else if isa.has_avx2() {
                // SAFETY: as above.
                return unsafe { avx2($($arg),*) };
            }
            #[cfg(not(target_arch = "x86_64"))]
            let _ = isa;
            body($($arg),*)
        }
    };
}
pub(crate) use multiversion;

#[cfg(test)]
mod tests {
    use super::*;

    /// An Ice Lake CPU: VNNI in 512 bits, neither BF16 nor AVX-VNNI. Only for tests of limits: it must never run a
    /// kernel.
    const ICE_LAKE: Isa = Isa(AVX2 | AVX512 | AVX512_VNNI);

    #[test]
    fn limit_keeps_the_level_and_what_it_includes() {
        assert_eq!(limited(ICE_LAKE, ""), Ok(ICE_LAKE));
        assert_eq!(limited(ICE_LAKE, "avx512vnni"), Ok(ICE_LAKE));
        assert_eq!(limited(ICE_LAKE, "avx512"), Ok(Isa(AVX2 | AVX512)));
        assert_eq!(limited(ICE_LAKE, "avx2"), Ok(Isa(AVX2)));
        assert_eq!(limited(ICE_LAKE, "portable"), Ok(Isa(0)));
    }

    #[test]
    fn limit_above_the_cpu_is_an_error_with_what_the_cpu_has() {
        for value in ["avxvnni", "avx512bf16"] {
            let error = limited(ICE_LAKE, value).unwrap_err().to_string();
            let expected = format!(
                "EARWITNESS_CPU={value} is not supported by this CPU; supported: portable, avx2, avx512, avx512vnni"
            );
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn limit_that_is_unknown_is_an_error_with_the_known_ones() {
        let error = limited(ICE_LAKE, "AVX9").unwrap_err().to_string();
        assert_eq!(
            error,
            "EARWITNESS_CPU=\"AVX9\" is not a known instruction set; known are: portable, avx2, avxvnni, avx512, \
             avx512vnni, avx512bf16"
        );
    }

    #[test]
    fn level_names_the_highest_that_is_included() {
        for level in &LEVELS {
            assert_eq!(Isa(level.permits).name(), level.name);
            assert_eq!(Isa(level.needs).name(), level.name);
        }
    }

    #[test]
    fn available_levels_begin_with_the_best_and_end_with_the_portable_one() {
        let available: Vec<_> = Isa::available().collect();
        assert_eq!(available.first(), Some(&Isa::detect()));
        assert!(available.last().is_some_and(|isa| isa.is_portable()));
        assert!(available.iter().all(|isa| Isa::combinations().any(|combination| combination == *isa)));
    }
}
