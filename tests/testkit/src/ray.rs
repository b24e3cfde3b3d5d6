//! Ray, for tests of workers on a cluster.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{root, skipped};

/// Ray listens on every address and ends processes of others, so it has a network and processes of its own.
const UNSHARE: [&str; 5] = ["--net", "--pid", "--fork", "--mount-proc", "--kill-child"];

/// The Python that has Ray. It exists if `tests/ray/setup` has run.
#[must_use]
pub fn ray_python() -> PathBuf {
    root().join(".venv-ray/bin/python")
}

/// A folder for Ray's files. Its sockets are there, and their names have a length limit.
///
/// # Panics
/// If it cannot be created.
#[must_use]
pub fn ray_folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("ew").tempdir_in("/tmp").unwrap()
}

/// A command that runs the program and the arguments that are added to it inside new namespaces, with Ray's files in
/// `folder`. Everything in them ends with it. Reports the test as skipped and returns `None` if Ray is not installed, or
/// the system permits no namespaces.
///
/// # Panics
/// If `unshare` cannot be started.
#[must_use]
pub fn in_ray_namespace(folder: &Path) -> Option<Command> {
    let python = ray_python();
    if !python.exists() {
        skipped(&format!("no Ray at {}", python.display()), "run tests/ray/setup");
        return None;
    }
    let probe = Command::new("unshare").args(UNSHARE).arg("true").stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        skipped("`unshare` may not create namespaces", "run as root");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(UNSHARE).args(["sh", "-c", "ip link set lo up && exec \"$@\"", "sh"]);
    command.env("HOME", folder).env("RAY_TMPDIR", folder).env("RAY_USAGE_STATS_ENABLED", "0");
    Some(command)
}
