//! The example programs of the library.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use testkit::skipped;

use crate::support::{Finished, calls};

/// Runs an example; `None` if it was not built, because only this test was.
fn example<S: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = S>) -> Option<Finished> {
    let folder = Path::new(env!("CARGO_BIN_EXE_earwitness")).parent().unwrap().join("examples");
    let program = folder.join(name);
    if !program.exists() {
        skipped(&format!("the example {name} is not built"), "cargo build --release -p earwitness --examples");
        return None;
    }
    Some(Finished::of(Command::new(program).args(args).output().unwrap()).with_code(0))
}

#[test]
fn example_decode_prints_format_and_levels() {
    let Some(finished) = example("decode", [calls().join("reading.wav")]) else { return };
    assert!(finished.stdout.contains("8000 Hz, 8.3"), "{}", finished.stdout);
    assert!(finished.stdout.contains("channel 0: at most -"), "{}", finished.stdout);
}

#[test]
fn example_transcribe_prints_segments() {
    let Some(finished) = example("transcribe", [calls().join("reading.wav")]) else { return };
    assert!(finished.stdout.starts_with("0 ") && finished.stdout.contains("Dashwood"), "{}", finished.stdout);
}

#[test]
fn example_exporter_writes_its_format_and_read_store_reads_the_results() {
    let out = tempfile::tempdir().unwrap();
    let Some(run) = example("exporter", [out.path(), &calls().join("reading.wav")]) else { return };
    assert!(run.stdout.contains("reading.wav:"), "{}", run.stdout);
    assert!(out.path().join("reading.unsure.txt").exists() && out.path().join("reading.json").exists());
    let Some(read) = example("read_store", [out.path()]) else { return };
    assert!(read.stdout.contains("reading.wav (8.3 s)") && read.stdout.contains("transcribe in"), "{}", read.stdout);
}
