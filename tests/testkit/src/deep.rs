//! A folder that nobody can read, not even root.

use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};

/// Names of 250 bytes exceed the longest path of the system (4096) together.
const DEPTH: usize = 17;

/// Makes nested folders in `folder` whose paths become longer than the system allows, so that the innermost ones cannot
/// be read by path.
///
/// # Panics
/// If they cannot be made.
pub fn unreadable_folder(folder: &Path) {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let name = "n".repeat(250);
    let mut at = openat(CWD, folder, flags, Mode::empty()).unwrap();
    for _ in 0..DEPTH {
        mkdirat(&at, &name, Mode::RWXU).unwrap();
        at = openat(&at, &name, flags, Mode::empty()).unwrap();
    }
}
