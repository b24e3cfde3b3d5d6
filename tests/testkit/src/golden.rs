//! Golden files: expected outputs of the program under `tests/golden`.

use std::fs;
use std::path::PathBuf;

use similar::TextDiff;

use crate::root;

/// The environment variable that rewrites the golden files.
const UPDATE: &str = "UPDATE_GOLDEN";

/// Path of a golden file.
#[must_use]
pub fn golden(name: &str) -> PathBuf {
    root().join("tests/golden").join(name)
}

/// Asserts that a text equals a golden file. With `UPDATE_GOLDEN=1` the file is written instead.
///
/// # Panics
/// If they differ; prints the difference and the command that accepts it.
pub fn assert_golden(name: &str, text: &str) {
    let path = golden(name);
    if std::env::var_os(UPDATE).is_some_and(|value| value == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if expected != text {
        let diff = TextDiff::from_lines(&expected, text);
        let diff = diff.unified_diff().context_radius(2).header("expected", "found").to_string();
        let accept = "UPDATE_GOLDEN=1 cargo test --release -p earwitness golden";
        panic!("{} differs:\n{diff}\nIf the change is intended, accept it: {accept}", path.display());
    }
}
