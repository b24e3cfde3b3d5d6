//! A scripted NVML library: tests admission, overheating and loss of GPUs with the real program and without a GPU.
//!
//! The environment variable [`SCRIPT_ENV`] names the script; it is read again on every call, so that a test may replace
//! the file. Each line is `SECONDS GPU FIELD VALUE`: from so many seconds after the library's first `nvmlInit_v2` in
//! the process on, the field of that GPU (a number from 0, or `*` for all) has the value. The latest line applies; `#`
//! starts a comment.
//!
//! | field | value |
//! |---|---|
//! | `gpus` | number of GPUs (only with `*`) |
//! | `temperature` | degrees Celsius; 40 at first |
//! | `memory_used_percent` | percent of 80 GiB; 0 at first |
//! | `utilization` | percent; 0 at first |
//! | `ecc_uncorrected` | uncorrected errors since the driver was loaded; 0 at first |
//! | `process` | pid and bytes of device memory of one more compute process |
//! | `xid` | number of an Xid event at that time |
//! | `lost` | none: it has fallen off the bus |
//! | `hang` | none: calls on it do not return |
//!
//! A value may be `error CODE` with a code of `nvmlReturn_t`, which the call for that field returns. An unreadable or
//! invalid script gives NVML_ERROR_UNKNOWN and a line on standard error.

mod calls;
mod script;

use std::path::PathBuf;

/// The environment variable that names the script.
pub const SCRIPT_ENV: &str = "FAKE_NVML_SCRIPT";

/// The library file, beside the test executable: cargo builds both into one folder.
///
/// # Panics
/// If it is not there: the test's package does not have this crate among its dev-dependencies.
#[must_use]
pub fn library() -> PathBuf {
    let beside = |executable: PathBuf| executable.with_file_name("libfake_nvml.so");
    match std::env::current_exe().map(beside) {
        Ok(library) if library.is_file() => library,
        Ok(library) => panic!("{}: the fake NVML was not built", library.display()),
        Err(error) => panic!("the path of this executable is unknown: {error}"),
    }
}

/// The UUID of the GPU with this number.
#[must_use]
pub fn uuid(gpu: u32) -> String {
    format!("GPU-00000000-fake-4000-8000-{gpu:012}")
}
