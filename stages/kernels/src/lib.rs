//! Kernels for models: matrix products with packed weights in f32, bf16 and int8, attention that keeps its scores in the
//! core's private cache, fused layer norm and GELU, LSTM steps; and, with the feature `cuda`, kernels for NVIDIA GPUs.
//!
//! ```text
//! weights -> Linear (packed once) ─┐
//! rows -> Norm -> f32, bf16, int8 ─┴> tiles of 6 rows x 64 columns -> Epilogue: bias, GELU, addition -> rows
//! keys, values -> KvCache (packed) -> attend <- queries
//! ```
//!
//! | item | purpose |
//! |---|---|
//! | [`Linear`], [`Mlp`], [`Norm`] | layers with packed weights, and their fusions |
//! | [`KvCache`], [`attend`], [`weights`](fn@weights) | attention of queries to a sequence; its weights |
//! | [`LstmCell`], [`LstmLayer`] | the recurrent part of an LSTM; a layer that computes a batch of sequences |
//! | [`Quantized8`], [`WeightRows`] | weights in 8 bits as they are stored; any source of weights |
//! | [`Isa`], [`CpuPrecision`] | the instruction set, detected at run time; the numeric type |
//! | [`ops`] | the kernels as candle operations, which are tested against candle's own |
//! | [`fused`] | operations with custom kernels for GPUs, each with a reference in Rust |
//! | [`probe`] | a profiler for inference |
//!
//! # Example
//!
//! A linear layer with two inputs and three outputs:
//!
//! ```
//! use kernels::{CpuPrecision, Epilogue, Linear, Rows};
//!
//! let weight = [1.0, 0.0, /**/ 0.0, 1.0, /**/ 1.0, 1.0];
//! let layer = Linear::new(&weight, Some(&[0.0, 0.0, 10.0]), 2, CpuPrecision::F32);
//!
//! let x = [3.0, 4.0, /**/ 5.0, 6.0];
//! let mut y = [0.0; 6];
//! layer.forward(Rows::dense(&x, 2), None, Epilogue::Store, &mut y);
//! assert_eq!(y, [3.0, 4.0, 17.0, /**/ 5.0, 6.0, 21.0]);
//! ```
//!
//! # Instruction sets
//!
//! [`Isa`] detects each extension of the CPU separately at run time, and every kernel uses the best extension that it
//! supports:
//!
//! | `EARWITNESS_CPU` | CPUs, for example | f32 | bf16 | int8 |
//! |---|---|---|---|---|
//! | `portable` | x86-64 without AVX2; other architectures | plain loops | plain loops | plain loops |
//! | `avx2` | Haswell, Zen 1 to 3 | FMA, 256 bits | split into f32, FMA | widened to 16 bits |
//! | `avxvnni` | Alder Lake | FMA, 256 bits | split into f32, FMA | AVX-VNNI, 256 bits |
//! | `avx512` | Skylake-X | FMA, 512 bits | split into f32, FMA | widened to 16 bits |
//! | `avx512vnni` | Cascade Lake, Ice Lake | FMA, 512 bits | split into f32, FMA | VNNI, 512 bits |
//! | `avx512bf16` | Cooper Lake, Sapphire Rapids, Zen 4 and 5 | FMA, 512 bits | BF16, 512 bits | VNNI, 512 bits |
//!
//! The environment variable limits detection to a level. Programs validate it at startup with [`Isa::check_limit`].
//!
//! # Numerical results
//!
//! Every level gives bitwise equal results in bf16 and int8: sums are accumulated in one order (that of the BF16
//! instruction), products of bf16 are exact in f32, integers do not saturate, and everything else (layer norm, GELU,
//! softmax, quantization) is plain Rust that is compiled for each level without fused multiply-add. In f32, all levels
//! with FMA are equal; the portable level also rounds each product. Subnormal numbers (below 1.2e-38) are the
//! exception: the BF16 instruction flushes them to zero in its inputs and outputs.

mod aligned_buf;
mod attention;
pub mod fused;
mod isa;
mod kv_cache;
mod linear;
mod lstm;
mod math;
mod mlp;
mod norms;
pub mod ops;
mod pack;
mod precision;
pub mod probe;
mod quantize;
mod reduce;
mod rows;
mod scratch;
mod shared;
mod softmax;
mod tile;
mod weights;

pub use attention::{AttentionMask, Queries, Sequence, attend, weights};
pub use isa::Isa;
pub use kv_cache::{KvCache, QkvView};
pub use linear::{Epilogue, Linear, Rows};
pub use lstm::{LstmBatch, LstmCell, LstmLayer, LstmState};
pub use mlp::Mlp;
pub use norms::Then;
pub use precision::CpuPrecision;
pub use quantize::{Quantized8, dequantize};
pub use reduce::{log_sum_exp, maximum};
pub use rows::Norm;
pub(crate) use shared::SharedSlice;
pub use weights::WeightRows;
pub use weights::ZERO as ZERO_LEVEL;
