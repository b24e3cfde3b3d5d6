//! Any folder: recordings are found, everything else is listed with its reason, and nothing hangs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;
use testkit::{unreadable_folder, wait_until};

use crate::support::{Finished, calls, document, earwitness, finish, folder_of_calls, run, run_args, test_model};

/// The JSON lines of `--progress json` with this event.
fn events(finished: &Finished, event: &str) -> Vec<Value> {
    let lines = finished.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["event"] == event).collect()
}

fn make_pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

#[test]
fn folder_that_cannot_be_read_is_named_and_the_rest_is_done() {
    let (_folder, inputs, out) = folder_of_calls(2);
    unreadable_folder(&inputs);
    let finished = run(&[&inputs], &out, &[]).with_code(3);
    assert_eq!(finished.summary()["files_done"], 2);
    let failed = events(&finished, "file_failed");
    assert_eq!((failed.len(), failed[0]["code"].as_str()), (1, Some("unreadable-folder")));
    assert!(failed[0]["message"].as_str().unwrap().contains("cannot be searched"), "{failed:?}");
    assert!(finished.stdout.contains("FAILED") && finished.stdout.contains("2 of 3 recordings done, 1 failed"));
    let status = finish(["status", out.to_str().unwrap()]).with_code(0).stdout;
    assert!(status.contains("[unreadable-folder]"), "{status}");
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains("unreadable-folder"));
}

#[test]
fn junk_beside_a_call_is_skipped_and_listed_by_every_command() {
    let (_folder, inputs, out) = folder_of_calls(1);
    for name in ["._call-0.wav", ".DS_Store", "Thumbs.db", "~$x.docx", "call.m4a.part", "photo.JPG"] {
        fs::write(inputs.join(name), b"\0\x05\x16\x07junk").unwrap();
    }
    fs::create_dir(inputs.join("__MACOSX")).unwrap();
    fs::write(inputs.join("__MACOSX/._call-0.wav"), b"\0\x05\x16\x07").unwrap();
    fs::copy(inputs.join("call-0.wav"), inputs.join("recording")).unwrap();
    symlink(".", inputs.join("loop")).unwrap();
    symlink("call-0.wav", inputs.join("same.wav")).unwrap();
    make_pipe(&inputs.join("pipe.wav"));
    let reasons = [
        ("._call-0.wav", "metadata of macOS"),
        (".DS_Store", "metadata of macOS"),
        ("Thumbs.db", "a file of the operating system or of an office program"),
        ("~$x.docx", "a file of the operating system or of an office program"),
        ("__MACOSX", "metadata of macOS"),
        ("call.m4a.part", "an unfinished download or copy"),
        ("loop", "a link to a folder, which is not followed: name it as an input to search it"),
        ("photo.JPG", "not an audio file name"),
        ("pipe.wav", "a pipe"),
        ("recording", "not an audio file name, but its content looks like audio: name the file itself as an input"),
    ];
    let finished = run(&[&inputs], &out, &[]).with_code(0);
    assert_eq!(finished.summary()["files"], 1, "a link to a file is the file");
    let stage_args = ["stage", "decode", inputs.to_str().unwrap(), "--out", out.to_str().unwrap(), "--model"];
    let stage = finish(stage_args.into_iter().map(str::to_owned).chain([test_model()])).with_code(0);
    let mut plan_args = run_args(&[&inputs], &out, &[]);
    plan_args[0] = "plan".to_owned();
    let plan = finish(&plan_args).with_code(0);
    for (name, reason) in reasons {
        let shown = inputs.join(name);
        let line = format!("{}: {reason}", shown.display());
        assert!(finished.stdout.lines().any(|own| own == format!("skipped: {line}")), "{line}\n{}", finished.stdout);
        assert!(stage.stderr.lines().any(|own| own == format!("skipped: {line}")), "{line}\n{}", stage.stderr);
        assert!(plan.stdout.lines().any(|own| own == format!("skipped    {line}")), "{line}\n{}", plan.stdout);
    }
    let skipped = events(&finished, "skipped");
    assert_eq!(skipped.len(), reasons.len());
    let pipe = skipped.iter().find(|line| line["path"].as_str().unwrap().ends_with("pipe.wav")).unwrap();
    assert_eq!((pipe["reason"].as_str(), pipe["message"].as_str()), (Some("pipe"), Some("a pipe")));
}

#[test]
fn pipes_and_devices_are_refused_by_name_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("call.wav");
    make_pipe(&pipe);
    let out = folder.path().join("out");
    for (input, what) in [(&*pipe, "a pipe"), (Path::new("/dev/zero"), "a device"), (Path::new("-"), "standard input")]
    {
        for command in ["run", "plan"] {
            let mut args = run_args(&[input], &out, &[]);
            args[0] = command.to_owned();
            let refused = finish(&args).with_code(2);
            assert!(
                refused.stderr.contains(&*input.to_string_lossy()) && refused.stderr.contains(what),
                "{}",
                refused.stderr
            );
            assert!(refused.stderr.contains("save the recording in a file"), "{}", refused.stderr);
        }
    }
    let mut child = earwitness(run_args(&[Path::new("/dev/stdin")], &out, &[]))
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _open = child.stdin.take();
    wait_until("the program ends although its input stays open", || child.try_wait().unwrap().is_some());
    let refused = Finished::of(child.wait_with_output().unwrap()).with_code(2);
    assert!(refused.stderr.contains("/dev/stdin: a pipe"), "{}", refused.stderr);
    assert!(!out.exists(), "nothing was run");
}

#[test]
fn standard_input_that_is_a_file_is_read() {
    let out = tempfile::tempdir().unwrap();
    let file = fs::File::open(calls().join("reading.wav")).unwrap();
    let run = earwitness(run_args(&[Path::new("/dev/stdin")], out.path(), &[])).stdin(file).output().unwrap();
    Finished::of(run).with_code(0);
    assert!(!document(out.path(), "reading")["words"].as_array().unwrap().is_empty());
}

#[test]
fn recording_that_became_a_pipe_is_reported_and_does_not_hang() {
    let (_folder, inputs, out) = folder_of_calls(2);
    run(&[&inputs], &out, &[]).with_code(0);
    let lost = inputs.join("call-1.wav");
    fs::remove_file(&lost).unwrap();
    make_pipe(&lost);
    let verified = finish(["verify", out.to_str().unwrap()]).with_code(5);
    assert!(verified.stdout.contains("call-1.wav: the recording cannot be read: not a file"), "{}", verified.stdout);
}
