//! The store on the command line: its lock, its integrity, and the incident log of its runs.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use testkit::wait_until;

use crate::support::{Finished, artifact_count, calls, earwitness, finish, run, test_model};

/// A coordinator that keeps the store of `out` locked: it hashes its only input, a sparse file of many gigabytes.
struct Holder(Child);

impl Holder {
    fn start(folder: &Path, out: &Path) -> Self {
        let hole = folder.join("hole.wav");
        fs::File::create(&hole).unwrap().set_len(1 << 36).unwrap();
        let args = ["run", hole.to_str().unwrap(), "--out", out.to_str().unwrap(), "--model", &test_model()];
        let child = earwitness(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (holder, lock) = (Self(child), out.join("earwitness.db.lock"));
        wait_until("the store is locked", || fs::read_to_string(&lock).is_ok_and(|text| !text.is_empty()));
        holder
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn on_folder(command: &[&str], out: &Path) -> Finished {
    finish(command.iter().copied().chain([out.to_str().unwrap()]))
}

fn call() -> std::path::PathBuf {
    calls().join("reading.wav")
}

#[test]
fn coordinator_without_the_lock_reports_who_holds_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let holder = Holder::start(folder.path(), &out);
    let message = run(&[&call()], &out, &[]).with_code(6).stderr;
    let sentence = format!("is in use by process {} (earwitness run ", holder.0.id());
    assert!(
        message.contains(&sentence) && message.contains("), since ") && message.contains(" UTC: wait"),
        "{message}"
    );
    drop(holder);
    run(&[&call()], &out, &[]).with_code(0);
}

#[test]
fn store_is_checked_and_compacted() {
    let out = tempfile::tempdir().unwrap();
    run(&[&call()], out.path(), &[]).with_code(0);
    let compacted = on_folder(&["store", "compact"], out.path()).with_code(0).stdout;
    assert!(compacted.contains("MB before"), "{compacted}");
    let checked = on_folder(&["store", "check"], out.path()).with_code(0).stdout;
    let sound = format!("The store is sound: {} artifacts, 0 checkpoints", artifact_count());
    assert!(checked.contains(&sound), "{checked}");
    on_folder(&["verify"], out.path()).with_code(0);
}

#[test]
fn store_check_reports_the_artifact_of_an_altered_byte() {
    let out = tempfile::tempdir().unwrap();
    run(&[&call()], out.path(), &[]).with_code(0);
    on_folder(&["store", "compact"], out.path()).with_code(0);
    let db = out.path().join("earwitness.db");
    let mut bytes = fs::read(&db).unwrap();
    let needle = b"avg_logprob";
    let at = bytes.windows(needle.len()).position(|window| window == needle).expect("a transcript is in the store");
    bytes[at] ^= 1;
    fs::write(&db, bytes).unwrap();
    let checked = on_folder(&["store", "check"], out.path()).with_code(5).stdout;
    let faults: Vec<_> = checked.lines().filter(|line| line.starts_with("BROKEN")).collect();
    assert!(faults.len() == 1 && faults[0].contains("artifact "), "{checked}");
}

#[test]
fn commands_create_no_store() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["check", "compact"] {
        on_folder(&["store", command], folder.path()).with_code(6);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn status_lists_run_results_and_failures() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let empty = folder.path().join("empty.wav");
    fs::write(&empty, "").unwrap();
    run(&[&call(), &empty], &out, &["--language", "en"]).with_code(3);
    let status = on_folder(&["status"], &out).with_code(0).stdout;
    assert!(status.contains("run 1: finished after 0:0"), "{status}");
    let failed = status.lines().find(|line| line.trim_start().starts_with("FAILED"));
    assert!(failed.is_some_and(|line| line.contains("empty.wav")), "{status}");
    assert!(!status.contains("quarantined"), "{status}");
}
