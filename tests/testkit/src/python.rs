//! Reference implementations in Python.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::{root, skipped};

/// Exit status of a script if a Python module is missing.
const MODULE_MISSING: i32 = 77;
const REMEDY: &str = "run tests/oracles/setup";

/// Runs a script and returns its standard output. Reports the test as skipped and returns `None` if the reference
/// environment or one of its modules is missing. `EARWITNESS_ORACLE_PYTHON` names another Python than `.venv`'s.
///
/// # Panics
/// If the script fails.
#[must_use]
pub fn python(script: &str, arguments: &[&OsStr]) -> Option<Vec<u8>> {
    let named = std::env::var_os("EARWITNESS_ORACLE_PYTHON");
    let python = named.map_or_else(|| root().join(".venv/bin/python"), PathBuf::from);
    let output = match Command::new(&python).arg("-B").arg(script).args(arguments).stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(reason) => {
            skipped(&format!("no reference environment at {}: {reason}", python.display()), REMEDY);
            return None;
        }
    };
    let message = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(MODULE_MISSING) {
        skipped(&format!("the reference environment lacks a module: {}", message.trim()), REMEDY);
        return None;
    }
    assert!(output.status.success(), "{script}: {message}");
    Some(output.stdout)
}
