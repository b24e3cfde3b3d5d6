//! An error names the part of the program that failed, with a code and its causes, wherever it is shown.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::outputs::disturbed;
use crate::support::{Finished, calls, finish, run};

/// The lines of `--progress json` about failed files.
fn failed_files(finished: &Finished) -> Vec<Value> {
    let lines = finished.stderr.lines().filter(|line| line.starts_with('{'));
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["event"] == "file_failed").collect()
}

fn status(out: &Path) -> String {
    finish(["status", out.to_str().unwrap()]).with_code(0).stdout
}

fn contains(text: &str, part: &str) {
    assert!(text.contains(part), "no `{part}` in:\n{text}");
}

#[test]
fn unreadable_file_is_an_error_of_the_planner() {
    let out = tempfile::tempdir().unwrap();
    // It can be opened and not read, by any user.
    let unreadable = Path::new("/proc/self/mem");
    let finished = run(&[&calls().join("reading.wav"), unreadable], out.path(), &[]).with_code(3);
    contains(&finished.stdout, "FAILED planner: the file cannot be read");
    let reason = "planner: the file cannot be read: Input/output error (os error 5) [unreadable-file]";
    contains(&status(out.path()), reason);
    contains(&fs::read_to_string(out.path().join("report.html")).unwrap(), "<td>planner</td>");
}

#[test]
fn unwritable_result_is_an_error_of_the_export_with_its_cause() {
    let folder = tempfile::tempdir().unwrap();
    let (out, report) = (folder.path().join("out"), folder.path().join("report.html"));
    let store = format!("sqlite:{}", folder.path().join("store.db").display());
    let more = ["--store", store.as_str(), "--report", report.to_str().unwrap()];
    let finished = disturbed(&[&calls().join("reading.wav")], &out, &more, || fs::remove_dir(&out).unwrap());
    let finished = finished.with_code(3);
    let [failed] = &failed_files(&finished)[..] else { panic!("{}", finished.stderr) };
    assert_eq!((&failed["origin"], &failed["code"]), (&"export".into(), &"results-not-written".into()));
    contains(failed["message"].as_str().unwrap(), "reading.json: cannot be written");
    contains(failed["causes"][0].as_str().unwrap(), "No such file or directory");
    contains(&finished.stdout, "FAILED export: ");
    let reason = "reading.json: cannot be written: No such file or directory (os error 2) [results-not-written]";
    let (out, on_store) = (out.to_str().unwrap(), ["--store", store.as_str()]);
    contains(&finish(["status", out].into_iter().chain(on_store)).with_code(0).stdout, reason);
    fs::create_dir(out).unwrap();
    finish(["export", out].into_iter().chain(on_store)).with_code(0);
    assert!(Path::new(out).join("reading.json").is_file());
}

#[test]
fn folder_in_the_place_of_a_result_is_named_before_anything_starts() {
    let out = tempfile::tempdir().unwrap();
    fs::create_dir(out.path().join("reading.json")).unwrap();
    let refused = run(&[&calls().join("reading.wav")], out.path(), &["--overwrite"]).with_code(2).stderr;
    contains(&refused, "reading.json: not a file");
}

#[test]
fn worker_that_cannot_start_is_the_origin_of_its_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let faults = folder.path().join("faults.toml");
    fs::write(&faults, "[[fault]]\nat = 'build'\nkind = { fail = 'bad_input' }\n").unwrap();
    let more = ["--devices", "cpu:1", "--faults", faults.to_str().unwrap()];
    let finished = run(&[&calls().join("reading.wav")], &folder.path().join("out"), &more).with_code(4);
    contains(&finished.stderr, "the last was cpu:0: worker: injected fault [injected]");
    contains(&status(&folder.path().join("out")), "worker: injected fault [injected]");
}

#[test]
fn store_that_cannot_be_used_is_named_by_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let finished = finish(["status", folder.path().to_str().unwrap()]).with_code(6);
    contains(&finished.stderr, "[store-missing]");
    fs::write(folder.path().join("earwitness.db"), "no database".repeat(100)).unwrap();
    let finished = finish(["status", folder.path().to_str().unwrap()]).with_code(6);
    contains(&finished.stderr, "[not-a-store]");
}
