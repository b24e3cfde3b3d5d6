//! Tests that cannot run on this machine.

use std::io::Write;

/// Reports that the running test is skipped because something is missing. The line goes straight to standard error, so
/// it is visible although the test passes.
///
/// # Panics
/// If the environment has `CI=true`: there a test must not pass without having run.
pub fn skipped(missing: &str, remedy: &str) {
    let thread = std::thread::current();
    let line = format!("skipped: {}: {missing} ({remedy})", thread.name().unwrap_or("a test"));
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{line}: with CI=true no test may be skipped");
    // libtest captures only what the print macros write.
    let _ = writeln!(std::io::stderr(), "{line}");
}
