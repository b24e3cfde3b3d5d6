//! Code shared by `cargo bench` and `earwitness bench`: timed runs, their statistics, the memory of the process, a
//! description of the machine, and tables.

mod machine;
mod runs;
mod table;

pub use machine::{Machine, peak_resident_mib, reset_peak_resident, resident_mib};
pub use runs::{Runs, median, percentile, runs, try_runs};
pub use table::{figures, markdown, table};
