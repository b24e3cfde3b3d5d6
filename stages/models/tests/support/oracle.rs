//! Runs the reference scripts in `tests/oracle`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Exit status of a script if a Python module is missing.
const MODULE_MISSING: i32 = 77;

/// Runs a script. Prints a message and returns `None` if Python or a module is missing.
pub(crate) fn run(script: &str, arguments: &[&OsStr]) -> Option<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python =
        std::env::var_os("EARWITNESS_ORACLE_PYTHON").map_or_else(|| root.join("../../.venv/bin/python"), PathBuf::from);
    let script = root.join("tests/oracle").join(script);
    let output = match Command::new(&python).arg("-B").arg(&script).args(arguments).output() {
        Ok(output) => output,
        Err(reason) => {
            eprintln!("skipped: no reference environment at {}: {reason}", python.display());
            return None;
        }
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(MODULE_MISSING) {
        eprintln!("skipped: the reference environment lacks a module: {said}");
        return None;
    }
    assert!(output.status.success(), "{}: {said}", script.display());
    Some(())
}
