//! The pages of results in Chromium, driven by `tests/browser`.

use std::process::{Command, Output};

use testkit::{root, skipped};

/// Runs `tests/browser/run.mjs`.
fn node(argument: Option<&str>) -> Result<Output, String> {
    let mut command = Command::new("node");
    command.arg(root().join("tests/browser/run.mjs")).args(argument);
    command.env("EARWITNESS", env!("CARGO_BIN_EXE_earwitness")).env_remove("EARWITNESS_CASES");
    command.output().map_err(|error| format!("node: {error}"))
}

/// What the tests lack on this machine.
fn missing() -> Option<String> {
    match node(Some("--check")) {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(error),
    }
}

#[test]
fn pages_work_in_a_browser() {
    if let Some(missing) = missing() {
        skipped(&missing, "run tests/browser/setup");
        return;
    }
    let Output { status, stdout, stderr } = node(None).unwrap();
    let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(status.success(), "{stdout}\n{stderr}");
}
