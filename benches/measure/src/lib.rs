//! Code shared by `cargo bench` and `earwitness bench`: timed runs, their statistics, the memory of the process, a
//! description of the machine, and tables.
//!
//! | item | purpose |
//! |---|---|
//! | [`runs`], [`try_runs`], [`Runs`] | timed runs after warm-up runs, and the result of the fastest |
//! | [`median`], [`percentile`] | statistics of any values |
//! | [`Machine`], [`peak_resident_mib`] | the CPU and system; peak memory of the process, on Linux |
//! | [`table`], [`figures`], [`markdown`] | tables for terminals and documentation pages |
//!
//! # Example
//!
//! ```
//! use measure::{figures, median, runs};
//!
//! let timed = runs(1, 5, || (1..=1_000_u64).sum::<u64>());
//! assert_eq!(*timed.best(), 500_500);
//! assert_eq!(timed.seconds().len(), 5);
//!
//! let mut table = figures(1, ["work", "median, ms"]);
//! let median_s = median(timed.seconds()).expect("five runs");
//! table.add_row(["sum".to_owned(), format!("{:.3}", 1e3 * median_s)]);
//! println!("{table}");
//! ```

mod machine;
mod runs;
mod table;

pub use machine::{Machine, peak_resident_mib, reset_peak_resident, resident_mib};
pub use runs::{Runs, median, percentile, runs, try_runs};
pub use table::{figures, markdown, table};
