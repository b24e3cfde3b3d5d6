//! Shared by the tests of all crates: recordings, reference programs, made signals, golden files and waiting.
//!
//! Three kinds of requirements are handled differently:
//!
//! - **Fixtures** are part of the repository. [`fixture`] fails if one is missing.
//! - **Reference programs** ([`Ffmpeg`], [`python`]) and the database server ([`Postgres`]) may be missing on a
//!   contributor's machine. Then the test prints that it is skipped and returns, except if `CI=true`: then it fails
//!   ([`skipped`]).
//! - **The developers' recordings** in `../shared` may not be redistributed. A test that needs them has the attribute
//!   `#[ignore = "needs ../shared"]` and finds them with [`shared`], which fails if they are missing.
#![expect(clippy::unwrap_used, reason = "a failed test must stop")]

mod deep;
mod ffmpeg;
mod golden;
mod http;
mod lines;
mod paths;
mod postgres;
mod process;
mod python;
mod random;
mod ray;
mod skip;
mod speech;
mod wait;
mod wav;

pub use deep::unreadable_folder;
pub use ffmpeg::{FORMATS, Ffmpeg, RATES_HZ};
pub use golden::{assert_golden, golden};
pub use http::{Client, Connection, Reply, multipart};
pub use lines::Lines;
pub use paths::{fixture, root, shared};
pub use postgres::Postgres;
pub use process::{is_alive, send_signal, tree_memory, tree_unlinked, wait_with_peak_memory};
pub use python::python;
pub use random::Random;
pub use ray::{in_ray_namespace, ray_folder, ray_python};
pub use skip::skipped;
pub use speech::{DIGIT_SPEAKERS, DIGIT_TAKES, digit, doubled, sounding};
pub use wait::{PATIENCE, wait_until};
pub use wav::{Wav, f32_samples};
