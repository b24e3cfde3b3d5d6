//! The namespaces in which Ray runs.

use std::path::PathBuf;
use std::process::{Command, Stdio, exit};

use testkit::skipped;

/// Set inside the namespaces; names the folder of Ray's files.
const INSIDE: &str = "EARWITNESS_RAY_TEST_FOLDER";
const UNSHARE: [&str; 5] = ["--net", "--pid", "--fork", "--mount-proc", "--kill-child"];

pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// The Python that has Ray.
pub(crate) fn python() -> PathBuf {
    testkit::root().join(".venv-ray/bin/python")
}

/// Runs this executable again inside new namespaces, and exits as it does.
pub(crate) fn enter(args: &[String]) {
    if !python().exists() {
        return skipped(&format!("no Ray at {}", python().display()), "run tests/ray/setup");
    }
    let probe = Command::new("unshare").args(UNSHARE).arg("true").stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        return skipped("`unshare` may not create namespaces", "run as root");
    }
    // Ray's sockets are in this folder, and their names have a length limit.
    let folder = tempfile::Builder::new().prefix("ew").tempdir_in("/tmp").unwrap();
    let script = "ip link set lo up && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(UNSHARE).args(["sh", "-c", script, "sh"]).arg(std::env::current_exe().unwrap()).args(args);
    command.env(INSIDE, folder.path()).env("HOME", folder.path()).env("RAY_TMPDIR", folder.path());
    let status = command.env("RAY_USAGE_STATS_ENABLED", "0").status().unwrap();
    drop(folder);
    exit(status.code().unwrap_or(1));
}
