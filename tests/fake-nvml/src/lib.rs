//! A scripted NVML library, which tests admission, overheating and loss of GPUs with the real program but without a
//! GPU.
//!
//! The environment variable [`SCRIPT_ENV`] names the script, which is read again on every call, so that a test can
//! replace the file. Each line is `GPU FIELD VALUE`: the field of this GPU (an index from 0, or `*` for all) has the
//! value. The last line of a field applies; `#` starts a comment. The script has no times: a test changes the state
//! after an event that it waits for. For each temperature that is read, the library appends a byte to the file
//! [`readings`], so that a test can also wait for readings of a new script.
//!
//! | field | value |
//! |---|---|
//! | `gpus` | number of GPUs (only with `*`) |
//! | `temperature` | degrees Celsius; 40 at first |
//! | `memory_used_percent` | percent of 80 GiB; 0 at first |
//! | `utilization` | percent; 0 at first |
//! | `ecc_uncorrected` | uncorrected errors since the driver was loaded; 0 at first |
//! | `process` | pid and bytes of device memory of one more compute process |
//! | `xid` | number of one more Xid event |
//! | `lost` | none: it has fallen off the bus |
//! | `hang` | none: calls on it do not return |
//!
//! A value can be `error CODE` with a code of `nvmlReturn_t`; the call that reads the field then returns this code. If
//! the script is unreadable or invalid, calls return NVML_ERROR_UNKNOWN and print a line to standard error.

mod calls;
mod script;

use std::path::{Path, PathBuf};

/// The environment variable that names the script.
pub const SCRIPT_ENV: &str = "FAKE_NVML_SCRIPT";

/// Path of the library, which cargo builds into the folder of the test executable.
///
/// # Panics
/// If it does not exist, because the test's package lacks this crate among its dev-dependencies.
#[must_use]
pub fn library() -> PathBuf {
    let beside = |executable: PathBuf| executable.with_file_name("libfake_nvml.so");
    match std::env::current_exe().map(beside) {
        Ok(library) if library.is_file() => library,
        Ok(library) => panic!("{}: the fake NVML was not built", library.display()),
        Err(error) => panic!("the path of this executable is unknown: {error}"),
    }
}

/// Path of the file that has a byte for each reading of a temperature with this script.
#[must_use]
pub fn readings(script: &Path) -> PathBuf {
    script.with_extension("readings")
}

/// The UUID of the GPU with this number.
#[must_use]
pub fn uuid(gpu: u32) -> String {
    format!("GPU-00000000-fake-4000-8000-{gpu:012}")
}
