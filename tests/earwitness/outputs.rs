//! Files that are not ours are never replaced: not an input, not somebody's file, not what a link leads to.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use scheduler::store::{Access, NewRun, RecordingEntry, StoreUrl, open};

use crate::support::{Finished, calls, earwitness, finish, folder_with_a_call, run, run_args};

/// A folder with a recording, `call.wav`.
/// Names and contents of the files in a folder.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn on_folder(command: &[&str], out: &Path, more: &[&str]) -> Finished {
    finish(command.iter().copied().chain([out.to_str().unwrap()]).chain(more.iter().copied()))
}

#[test]
fn files_of_others_in_the_folder_of_results_are_named_and_kept() {
    let (folder, call) = folder_with_a_call();
    for name in ["call.json", "call.srt", "report.html", "call.vtt"] {
        fs::write(folder.path().join(name), "theirs").unwrap();
    }
    let before = contents(folder.path());
    let refused = run(&[&call], folder.path(), &["--format", "srt"]).with_code(2).stderr;
    for name in ["call.json", "call.srt", "report.html", "--overwrite", "[output-taken]"] {
        assert!(refused.contains(name), "{name}: {refused}");
    }
    assert!(!refused.contains("call.vtt"), "vtt is not written: {refused}");
    assert_eq!(contents(folder.path()), before, "not even a store is created");
    run(&[&call], folder.path(), &["--format", "srt", "--overwrite"]).with_code(0);
    let after = contents(folder.path());
    for (path, theirs) in before {
        let is_kept = path.ends_with("call.vtt") || path.ends_with("call.wav");
        assert_eq!(after[&path] == theirs, is_kept, "{}", path.display());
    }
    run(&[&call], folder.path(), &["--format", "srt", "--from", "align"]).with_code(0);
    let verified = on_folder(&["verify"], folder.path(), &[]).with_code(0).stdout;
    assert!(verified.contains("note        call.vtt: not written by this store"), "{verified}");
}

#[test]
fn results_that_somebody_edited_are_kept_by_run_and_export() {
    let (folder, call) = folder_with_a_call();
    let out = folder.path().join("out");
    run(&[&call], &out, &["--format", "srt"]).with_code(0);
    let srt = out.join("call.srt");
    fs::write(&srt, "with my notes").unwrap();
    for refused in [run(&[&call], &out, &["--from", "align"]), on_folder(&["export"], &out, &[])] {
        let message = refused.with_code(2).stderr;
        assert!(message.contains("call.srt: it was changed since") && !message.contains("call.json"), "{message}");
        assert_eq!(fs::read(&srt).unwrap(), b"with my notes");
    }
    on_folder(&["export"], &out, &["--overwrite"]).with_code(0);
    assert_ne!(fs::read(&srt).unwrap(), b"with my notes");
    on_folder(&["verify"], &out, &[]).with_code(0);
}

#[test]
fn inputs_are_never_outputs_by_any_name() {
    let (folder, call) = folder_with_a_call();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::hard_link(&call, at("hard.html")).unwrap();
    symlink(&call, at("soft.html")).unwrap();
    fs::write(at("earwitness.toml"), "").unwrap();
    let before = contents(folder.path());
    let (out, config) = (folder.path().join("out"), at("earwitness.toml"));
    let store = format!("sqlite:{}", call.display());
    let (trace, metrics) = (at("same.json"), at("./SAME.json"));
    let cases: &[&[&str]] = &[
        &["--report", &at("call.wav")],
        &["--trace", &at("hard.html")],
        &["--metrics", &at("soft.html")],
        &["--report", &at("CALL.WAV")],
        &["--trace", &config, "--config", &config],
        &["--store", &store],
        &["--trace", &trace, "--metrics", &metrics],
        &["--report", &at("out/call.json")],
        &["--report", &at("out/earwitness.db")],
        &["--metrics", "/dev/null"],
    ];
    for case in cases {
        for more in [&[][..], &["--overwrite"]] {
            let finished = run(&[&call], &out, &[case, more].concat()).with_code(2);
            assert!(finished.stderr.contains("error: "), "{case:?}: {}", finished.stderr);
            assert_eq!(contents(folder.path()), before, "{case:?}");
            assert!(!out.exists(), "{case:?}");
        }
    }
    run(&[&call], &call, &["--overwrite"]).with_code(2);
    assert_eq!(contents(folder.path()), before);
}

#[test]
fn files_about_the_run_replace_only_those_of_this_store() {
    let (folder, call) = folder_with_a_call();
    let out = folder.path().join("out");
    let about = [("--report", "r.html"), ("--trace", "t.json"), ("--metrics", "m.prom")];
    let paths = about.map(|(_, name)| folder.path().join(name));
    let flags = about.iter().zip(&paths).flat_map(|((flag, _), path)| [*flag, path.to_str().unwrap()]);
    let flags: Vec<&str> = flags.chain(["--from", "align"]).collect();
    run(&[&call], &out, &flags).with_code(0);
    run(&[&call], &out, &flags).with_code(0);
    on_folder(&["verify"], &out, &[]).with_code(0);
    for path in &paths {
        let ours = fs::read(path).unwrap();
        fs::write(path, "theirs").unwrap();
        let refused = run(&[&call], &out, &flags).with_code(2).stderr;
        assert!(refused.contains(path.to_str().unwrap()), "{refused}");
        assert_eq!(fs::read(path).unwrap(), b"theirs");
        fs::write(path, ours).unwrap();
    }
    let another = run(&[&call], &folder.path().join("other"), &flags).with_code(2).stderr;
    assert!(another.contains("t.json: it exists, and this store has no record of it"), "{another}");
}

#[test]
fn results_are_not_written_through_links() {
    let (folder, call) = folder_with_a_call();
    let (out, outside) = (folder.path().join("out"), folder.path().join("outside"));
    fs::create_dir(&out).unwrap();
    for (link, code) in [("call.json", 2), ("report.html", 2), ("earwitness.db", 6), ("earwitness.db.lock", 6)] {
        symlink(&outside, out.join(link)).unwrap();
        run(&[&call], &out, &[]).with_code(code);
        assert!(!outside.exists(), "{link}");
        fs::remove_file(out.join(link)).unwrap();
    }
    let link = folder.path().join("link");
    symlink(&out, &link).unwrap();
    run(&[&call], &link, &[]).with_code(0);
    assert!(out.join("call.json").is_file(), "the folder itself may be a link");
    run(&[&call], &out, &["--from", "align"]).with_code(0);
}

#[test]
fn names_from_the_store_do_not_lead_out_of_the_folder() {
    let (folder, call) = folder_with_a_call();
    let out = folder.path().join("out");
    run(&[&call], &out, &[]).with_code(0);
    let absolute = folder.path().join("absolute");
    for name in ["../evil", absolute.to_str().unwrap(), "sub/evil"] {
        let mut store = open(&StoreUrl::file(out.join("earwitness.db")), Access::Write).unwrap();
        let known = store.recordings().unwrap().remove(0);
        let new = NewRun { command: "altered".into(), tool_version: "0".into(), ..NewRun::default() };
        let number = store.begin_run(&new).unwrap();
        let entry = RecordingEntry { name: name.to_owned(), recipe: Arc::clone(&known.recipe), ..known };
        store.put_recordings(number, &[entry]).unwrap();
        drop(store);
        let exported = on_folder(&["export"], &out, &["--overwrite"]).with_code(3).stdout;
        assert!(exported.contains("[altered-artifact]"), "{exported}");
        run(&[&call], &out, &["--overwrite"]).with_code(3);
    }
    let names: Vec<_> = contents(folder.path()).into_keys().collect();
    assert_eq!(names, [call], "nothing was written outside");
}

#[test]
fn store_that_was_lost_or_is_an_older_copy_replaces_nothing() {
    let (folder, call) = folder_with_a_call();
    let out = folder.path().join("out");
    run(&[&call], &out, &[]).with_code(0);
    let (db, older) = (out.join("earwitness.db"), folder.path().join("older.db"));
    fs::copy(&db, &older).unwrap();
    run(&[&call], &out, &["--deception"]).with_code(0);
    let results = fs::read(out.join("call.json")).unwrap();
    fs::copy(&older, &db).unwrap();
    let refused = run(&[&call], &out, &["--overwrite"]).with_code(6).stderr;
    assert!(refused.contains("older copy") && refused.contains("[custody-broken]"), "{refused}");
    let verified = on_folder(&["verify"], &out, &[]).with_code(5).stdout;
    assert!(verified.contains("call.json: altered") && verified.contains("older copy"), "{verified}");
    fs::remove_file(&db).unwrap();
    let refused = run(&[&call], &out, &["--overwrite"]).with_code(6).stderr;
    assert!(!db.exists() && refused.contains("[store-replaced]"), "no new store: {refused}");
    assert_eq!(fs::read(out.join("call.json")).unwrap(), results);
}

#[test]
fn store_that_is_deleted_during_a_run_ends_it() {
    let (folder, call) = folder_with_a_call();
    let out = folder.path().join("out");
    let db = out.join("earwitness.db");
    let finished = disturbed(&[&call], &out, &[], || fs::remove_file(&db).unwrap()).with_code(6);
    assert!(finished.stderr.contains("[store-replaced]"), "{}", finished.stderr);
    assert!(!out.join("call.json").exists() && !db.exists());
}

/// Runs the program, and disturbs it at its first commit.
pub(crate) fn disturbed(inputs: &[&Path], out: &Path, more: &[&str], disturb: impl FnOnce()) -> Finished {
    use std::io::{BufRead, BufReader, Read};
    let args = run_args(inputs, out, &[more, &["--pause-at-commits", "300"]].concat());
    let mut child = earwitness(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains(r#""event":"commit""#) {
        assert!(stderr.read_line(&mut text).unwrap() > 0, "the run ended without a commit: {text}");
    }
    disturb();
    stderr.read_to_string(&mut text).unwrap();
    let output = child.wait_with_output().unwrap();
    Finished { stderr: text, ..Finished::of(output) }
}

#[test]
fn exit_code_of_the_recordings_is_kept_though_the_report_fails() {
    let (folder, call) = folder_with_a_call();
    let broken = folder.path().join("broken.wav");
    fs::write(&broken, "no audio").unwrap();
    let reports = folder.path().join("reports");
    for (inputs, code) in [(vec![&*call, &*broken], 3), (vec![&*call], 1)] {
        fs::create_dir_all(&reports).unwrap();
        let report = reports.join("r.html");
        let more = ["--report", report.to_str().unwrap(), "--from", "align"];
        let gone = || fs::remove_dir(&reports).unwrap();
        let finished = disturbed(&inputs, &folder.path().join("out"), &more, gone).with_code(code);
        assert!(finished.stderr.contains("a file about it is not"), "{}", finished.stderr);
    }
}

#[test]
fn names_of_results_are_legal_on_windows_and_short() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = folder.path().join("calls");
    fs::create_dir(&inputs).unwrap();
    let long = "가".repeat(83);
    for (number, stem) in ["CON", "a:b?", "one", "ONE", long.as_str(), "caf\u{e9}", "cafe\u{301}"].iter().enumerate() {
        let mut bytes = fs::read(calls().join("reading.wav")).unwrap();
        *bytes.last_mut().unwrap() ^= number as u8;
        fs::write(inputs.join(format!("{stem}.wav")), bytes).unwrap();
    }
    fs::copy(calls().join("silence.mp3"), inputs.join("one.mp3")).unwrap();
    let out = folder.path().join("out");
    run(&[&inputs], &out, &[]).with_code(0);
    let names = |out: &Path| -> Vec<String> {
        let names = contents(out).into_keys().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
        names.filter(|name| name.ends_with(".json")).collect()
    };
    let before = names(&out);
    for name in ["_CON.json", "a%3Ab%3F.json", "ONE.json", "one-2.json", "one-3.json", "café.json", "café-2.json"] {
        assert!(before.iter().any(|found| found == name), "{name}: {before:?}");
    }
    assert!(before.iter().any(|name| name.starts_with("가가") && name.len() < 220), "{before:?}");
    run(&[&inputs], &out, &[]).with_code(0);
    assert_eq!(names(&out), before, "names are stable");
}

#[test]
fn files_of_a_killed_run_are_replaced_by_the_next_one() {
    let (folder, call) = folder_with_a_call();
    let out = folder.path().join("out");
    let paths = ["r.html", "t.json", "m.prom"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    let flags = ["--report", &paths[0], "--trace", &paths[1], "--metrics", &paths[2]];
    let args = run_args(&[&call], &out, &[&flags[..], &["--pause-at-commits", "2000"]].concat());
    let mut child = earwitness(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    testkit::wait_until("the run writes its metrics", || Path::new(&paths[2]).exists());
    child.kill().unwrap();
    child.wait().unwrap();
    fs::write(out.join(".earwitness-0123456789abcdef.part"), "cut off").unwrap();
    run(&[&call], &out, &flags).with_code(0);
    on_folder(&["verify"], &out, &[]).with_code(0);
    assert!(contents(&out).keys().all(|path| path.extension().unwrap() != "part"), "leftovers are removed");
}
