//! No work is lost when processes are killed or interrupted.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use testkit::{send_signal, wait_until};

use crate::support::{assert_same, documents, earwitness, folder_of_calls, run, stage_count, test_model};

fn start(inputs: &Path, out: &Path) -> Child {
    let (inputs, out) = (inputs.to_str().unwrap(), out.to_str().unwrap());
    earwitness(["run", inputs, "--out", out, "-b", "2", "--progress", "none", "--model", &test_model()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until the run has finished at least one recording, so that it is in the middle of its work.
fn wait_for_a_result(child: &mut Child, out: &Path) {
    wait_until("a recording is finished", || {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it was disturbed");
        fs::read_dir(out).map_or(0, json_files) > 0
    });
}

fn json_files(entries: fs::ReadDir) -> usize {
    entries.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|ext| ext == "json")).count()
}

#[test]
fn coordinator_that_is_killed_loses_nothing() {
    let (folder, inputs, out) = folder_of_calls(10);
    let undisturbed = folder.path().join("undisturbed");
    let mut child = start(&inputs, &out);
    wait_for_a_result(&mut child, &out);
    child.kill().unwrap();
    child.wait().unwrap();

    let summary = run(&[&inputs], &out, &[]).with_code(0).summary();
    assert!(summary["stages_reused"].as_u64().unwrap() > 0, "no work of the killed run was kept");
    let made = summary["stages_reused"].as_u64().unwrap() + summary["stages_computed"].as_u64().unwrap();
    assert_eq!(made, 10 * stage_count() as u64);
    run(&[&inputs], &undisturbed, &[]).with_code(0);
    for ((name, a), (_, b)) in documents(&out).iter().zip(&documents(&undisturbed)) {
        assert_same(a, b, name);
    }
    assert_eq!(documents(&out).len(), 10);
}

#[test]
fn run_that_is_interrupted_reports_it_and_resumes() {
    let (_folder, inputs, out) = folder_of_calls(40);
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let _ = fs::remove_dir_all(&out);
        let mut child = start(&inputs, &out);
        wait_for_a_result(&mut child, &out);
        assert!(send_signal(child.id(), name));
        assert_eq!(child.wait().unwrap().code(), Some(code));
    }
    let summary = run(&[&inputs], &out, &[]).with_code(0).summary();
    assert!(summary["stages_reused"].as_u64().unwrap() > 0);
    assert_eq!(summary["files_done"], 40);
}
