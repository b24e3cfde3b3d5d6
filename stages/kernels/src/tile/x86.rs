//! Tiles in vectors of 256 and 512 bits: the sums stay in registers; a group of a row is broadcast against vectors of
//! columns.
//!
//! A group of every format takes 4 bytes, both in rows and in panels. If one instruction multiplies and sums such a
//! group, the rows are read without a copy. Otherwise a group is split into two parts that an older instruction can
//! process: the parts of the rows are written to a buffer once per tile, so that each needs only a broadcast, and the
//! columns are split once per vector and tile. The sums in bf16 and int8 are exactly those of the portable path:
//! integers do not saturate, and products of bf16 are exact in f32 and are added in the order of the BF16 instruction
//! (the second of a pair first).

use std::mem::MaybeUninit;

use super::{PANEL, ROWS};

/// Bytes of a group.
const GROUP: usize = 4;
/// Groups per pass if a tile takes several passes over a panel, or if its rows are split. This part of a panel stays in
/// the L1 cache.
const CHUNK: usize = 96;

/// The operands of a tile.
#[derive(Clone, Copy)]
pub(super) struct Operands<S> {
    /// Pointer to the first row.
    pub(super) rows: *const u8,
    /// Row stride, in bytes.
    pub(super) row_stride: usize,
    /// `[groups][PANEL][GROUP]`.
    pub(super) panel: *const u8,
    /// Groups along the inner dimension.
    pub(super) groups: usize,
    /// Pointer to the first row's sums.
    pub(super) out: *mut S,
    /// Row stride of the sums, in sums.
    pub(super) out_stride: usize,
}

impl<S> Operands<S> {
    /// The operands of `groups` groups from `first` on.
    ///
    /// # Safety
    /// The operands contain these groups.
    unsafe fn part(self, first: usize, groups: usize) -> Self {
        // SAFETY: the caller guarantees it.
        let (rows, panel) = unsafe { (self.rows.add(first * GROUP), self.panel.add(first * PANEL * GROUP)) };
        Self { rows, panel, groups, ..self }
    }
}

/// The two parts of a chunk's groups, for every row: `[ROWS][2][CHUNK]`.
struct SplitRows([[[MaybeUninit<i32>; CHUNK]; 2]; ROWS]);

impl SplitRows {
    /// Row stride, in bytes.
    const STRIDE: usize = PART_STRIDE * 2;

    #[inline(always)]
    const fn new() -> Self {
        Self([[[MaybeUninit::uninit(); CHUNK]; 2]; ROWS])
    }

    /// Splits the rows into this buffer and returns the operands with pointers to the parts.
    ///
    /// # Safety
    /// The operands have `rows` rows of at most [`CHUNK`] groups.
    #[inline(always)]
    unsafe fn fill<S>(&mut self, rows: usize, of: Operands<S>, split: impl Fn(i32) -> [i32; 2]) -> Operands<S> {
        for (row, [first, second]) in self.0.iter_mut().take(rows).enumerate() {
            let (first, second) = (first.as_mut_ptr().cast::<i32>(), second.as_mut_ptr().cast::<i32>());
            for group in 0..of.groups {
                // SAFETY: the reads are inside the operands' rows, and the writes inside the buffer of a chunk. (With
                // iterators the compiler does not vectorize this loop.)
                unsafe {
                    let from = of.rows.add(row * of.row_stride + group * GROUP).cast::<i32>();
                    let parts = split(from.read_unaligned());
                    first.add(group).write(parts[0]);
                    second.add(group).write(parts[1]);
                }
            }
        }
        Operands { rows: self.0.as_ptr().cast(), row_stride: Self::STRIDE, ..of }
    }
}

/// Hides from the compiler that a number is unchanged, so that it loads columns again for their second part. Keeping
/// them loaded would take registers from the sums.
#[inline(always)]
fn opaque(number: usize) -> usize {
    let mut same = number;
    // SAFETY: it contains no instruction.
    unsafe {
        std::arch::asm!("/* {same} */", same = inout(reg) same, options(pure, readonly, nostack, preserves_flags))
    };
    same
}

/// Distance from a row's first parts to its second parts, in bytes.
const PART_STRIDE: usize = CHUNK * GROUP;

/// The second and the first bf16 of a pair, as the bits of f32.
#[inline(always)]
const fn bf16_parts(pair: i32) -> [i32; 2] {
    [pair & SECOND_BF16, pair << 16]
}

/// Mask of the second bf16 of a pair.
const SECOND_BF16: i32 = 0xFFFF_0000_u32.cast_signed();

/// The even and the odd bytes of four, each pair sign-extended to 16 bits.
#[inline(always)]
const fn int8_parts(four: i32) -> [i32; 2] {
    [odd_bytes(four << 8), odd_bytes(four)]
}

/// The second and the fourth byte, sign-extended to 16 bits.
#[inline(always)]
const fn odd_bytes(four: i32) -> i32 {
    (((four << 16) >> 24) & 0xFFFF) | ((four >> 24) << 16)
}

/// Defines one function for a format; it contains one loop for each number of rows.
///
/// - `rows`: the number of vectors of columns in a pass, for 1, 2, 3 and more rows.
/// - `chunk`: the number of groups that are summed in one pass.
/// - `multiply`: for each part of a group (one or two), the extraction of the part from a vector of columns, and the
///   multiply-add with the row's part.
macro_rules! tile {
    (
        $name:ident, $sum:ty, $features:literal, vector $vector:literal, rows $rows:tt, chunk $chunk:expr,
        $(split $split:expr,)?
        sums ($zero:expr, $read:expr, $write:expr), broadcast $broadcast:expr, load $load:expr,
        multiply [$($part:expr, $multiply:expr);+]
    ) => {
        /// # Safety
        /// The CPU has the instructions; `rows` is 1 to `ROWS`; rows, panel and output are as long as the operands
        /// declare.
        #[target_feature(enable = $features)]
        pub(in crate::tile) unsafe fn $name(rows: usize, all: Operands<$sum>) {
            #[target_feature(enable = $features)]
            unsafe fn of<const M: usize, const V: usize>(operands: Operands<$sum>, is_first: bool) {
                let Operands { rows, row_stride, panel, groups, out, out_stride } = operands;
                for first in (0..PANEL).step_by(V * $vector) {
                    // SAFETY: the caller guarantees it, for every pointer below.
                    let place = |row: usize, v: usize| unsafe { out.add(row * out_stride + first + v * $vector) };
                    let mut acc: [[_; V]; M] = std::array::from_fn(|row| {
                        std::array::from_fn(|v| if is_first { $zero } else { unsafe { $read(place(row, v)) } })
                    });
                    for group in 0..groups {
                        unsafe {
                            let at = (group * PANEL + first) * GROUP;
                            let row_groups = rows.add(group * GROUP);
                            let mut _part = 0;
                            $(
                                let at = opaque(at);
                                let columns: [_; V] =
                                    std::array::from_fn(|v| $part($load(panel.add(at + v * $vector * GROUP).cast())));
                                for (row, acc) in acc.iter_mut().enumerate() {
                                    let row = $broadcast(row_groups.add(row * row_stride + _part).cast());
                                    for (acc, columns) in acc.iter_mut().zip(columns) {
                                        *acc = $multiply(*acc, row, columns);
                                    }
                                }
                                _part += PART_STRIDE;
                            )+
                        }
                    }
                    for (row, acc) in acc.iter().enumerate() {
                        for (v, acc) in acc.iter().enumerate() {
                            unsafe { $write(place(row, v), *acc) };
                        }
                    }
                }
            }
            // A product without groups writes zeros.
            for first in (0..all.groups.max(1)).step_by($chunk) {
                // SAFETY: the caller guarantees it.
                unsafe {
                    let operands = all.part(first, $chunk.min(all.groups - first));
                    $(
                        let mut split = SplitRows::new();
                        let operands = split.fill(rows, operands, $split);
                    )?
                    by_rows!($rows, of, rows, operands, first == 0);
                }
            }
        }
    };
}

/// Calls a function that is generic over the numbers of rows and vectors, so that every sum has a register.
macro_rules! by_rows {
    ([$one:literal, $two:literal, $three:literal, $more:literal], $of:ident, $rows:expr, $($arg:expr),*) => {
        match $rows {
            1 => $of::<1, $one>($($arg),*),
            2 => $of::<2, $two>($($arg),*),
            3 => $of::<3, $three>($($arg),*),
            4 => $of::<4, $more>($($arg),*),
            5 => $of::<5, $more>($($arg),*),
            _ => $of::<6, $more>($($arg),*),
        }
    };
}

pub(super) mod avx2;
pub(super) mod avx512;
