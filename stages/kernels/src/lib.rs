//! What a CPU computes of a model, as fast as it can: matrix products with packed weights in f32, bf16 and int8,
//! attention that keeps its scores in the near cache, layer norm and GELU on the way, and the steps of an LSTM.
//!
//! Every kernel has a path for AVX-512 (VNNI, BF16), chosen when the program runs, and a portable one in plain loops.
//! [`ops`] makes candle operations of them, with the plain candle path as their test. [`fused`] has what a GPU computes
//! in kernels of our own.

mod attention;
pub mod fused;
mod isa;
mod keys_values;
mod linear;
mod lines;
mod lstm;
mod math;
mod mlp;
mod norms;
pub mod ops;
mod pack;
mod precision;
pub mod probe;
mod quantise;
mod reduce;
mod rows;
mod scratch;
mod shared;
mod softmax;
mod tile;
mod weights;

pub use attention::{Queries, Sequence, Visible, attend, weights};
pub use isa::Isa;
pub use keys_values::{KeysValues, Projected};
pub use linear::{Finish, Linear, Rows};
pub use lstm::{LstmCell, LstmState};
pub use mlp::Mlp;
pub use norms::Then;
pub use precision::Precision;
pub use quantise::{Quantised8, dequantise};
pub use reduce::{log_sum_exp, maximum};
pub use rows::Norm;
pub(crate) use shared::SharedSlice;
pub use weights::WeightRows;
