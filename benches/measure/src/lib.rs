//! What every measurement shares, those of `cargo bench` and of `earwitness bench`: timed runs of a piece of work,
//! their statistics, the memory of the process, the machine, and the table.

mod machine;
mod runs;
mod table;

pub use machine::{Machine, peak_resident_mib, reset_peak_resident, resident_mib};
pub use runs::{Runs, median, percentile, runs, try_runs};
pub use table::{figures, markdown, table};
