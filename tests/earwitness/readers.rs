//! Commands that only read work without any write, as another user and on read-only media; output that cannot be
//! written ends with a documented exit code.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use scheduler::store::{Access, NewRun, StoreUrl, open};

use crate::support::{Finished, calls, earwitness, finish, run, run_args, test_model};

/// A user who owns none of the files.
const NOBODY: u32 = 65_534;
const ROOT: u32 = 0;

/// Size, modification time and hash of each file of a folder.
fn states(folder: &Path) -> BTreeMap<PathBuf, (u64, i64, i64, String)> {
    let paths = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let state = |path: PathBuf| {
        let found = fs::metadata(&path).unwrap();
        let sha256 = stage_core::sha256_file(&path).unwrap();
        (path, (found.len(), found.mtime(), found.mtime_nsec(), sha256))
    };
    paths.map(state).collect()
}

/// A case whose files and folder nobody may write, with a copy of the program that everybody may run.
struct ReadOnly {
    folder: tempfile::TempDir,
    out: PathBuf,
}

impl ReadOnly {
    /// With `killed`, the store has a log, as a killed process leaves it.
    fn new(killed: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (call, whole) = (folder.path().join("call.wav"), folder.path().join("whole"));
        fs::copy(calls().join("reading.wav"), &call).unwrap();
        run(&[&call], &whole, &["--format", "srt"]).with_code(0);
        let out = folder.path().join("out");
        if killed {
            let mut store = open(&StoreUrl::file(whole.join("earwitness.db")), Access::Write).unwrap();
            let new = NewRun { command: "was killed".into(), tool_version: "0".into(), ..NewRun::default() };
            store.begin_run(&new).unwrap();
            copy(&whole, &out);
            assert!(out.join("earwitness.db-wal").metadata().unwrap().len() > 0);
        } else {
            copy(&whole, &out);
        }
        fs::copy(env!("CARGO_BIN_EXE_earwitness"), folder.path().join("earwitness")).unwrap();
        let case = Self { folder, out };
        case.set_modes(0o444, 0o555);
        case
    }

    fn set_modes(&self, file: u32, folder: u32) {
        for entry in self.out.read_dir().unwrap() {
            fs::set_permissions(entry.unwrap().path(), Permissions::from_mode(file)).unwrap();
        }
        fs::set_permissions(&self.out, Permissions::from_mode(folder)).unwrap();
        fs::set_permissions(self.folder.path(), Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a command as a user who may not write here.
    fn finish(&self, args: &[&str]) -> Finished {
        let mut command = Command::new(self.folder.path().join("earwitness"));
        command.args(args).current_dir("/");
        if rustix::process::geteuid().as_raw() == ROOT {
            command.uid(NOBODY).gid(NOBODY);
        }
        Finished::of(command.output().unwrap())
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        self.set_modes(0o644, 0o755);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in from.read_dir().unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

#[test]
fn commands_that_read_work_for_another_user_and_write_nothing() {
    for killed in [false, true] {
        let case = ReadOnly::new(killed);
        let before = states(&case.out);
        let out = case.out.to_str().unwrap();
        let status = case.finish(&["status", out]).with_code(0).stdout;
        assert!(status.contains("1 recordings") && status.contains("run 2") == killed, "{status}");
        let verified = case.finish(&["verify", out]).with_code(0).stdout;
        assert!(verified.contains("Everything is valid"), "{verified}");
        case.finish(&["store", "check", out]).with_code(0);
        let elsewhere = tempfile::tempdir().unwrap();
        fs::set_permissions(elsewhere.path(), Permissions::from_mode(0o777)).unwrap();
        let copies = elsewhere.path().to_str().unwrap();
        for _ in 0..2 {
            case.finish(&["export", out, "--out", copies, "--format", "srt,csv"]).with_code(0);
        }
        let srt = |folder: &Path| fs::read(folder.join("call.srt")).unwrap();
        assert_eq!(srt(elsewhere.path()), srt(&case.out));
        fs::write(elsewhere.path().join("call.srt"), "theirs").unwrap();
        let refused = case.finish(&["export", out, "--out", copies, "--format", "srt"]).with_code(3).stdout;
        assert!(refused.contains("[output-taken]"), "{refused}");
        assert_eq!(srt(elsewhere.path()), b"theirs");
        let refused = case.finish(&["export", out]).with_code(6);
        assert!(refused.stderr.contains("[store-unavailable]"), "{}", refused.stderr);
        assert_eq!(states(&case.out), before, "killed: {killed}");
    }
}

#[test]
fn plan_reads_a_case_of_another_user_and_writes_nothing() {
    let case = ReadOnly::new(true);
    let before = states(&case.out);
    let call = case.folder.path().join("call.wav");
    let (call, out) = (call.to_str().unwrap(), case.out.to_str().unwrap());
    let model = case.folder.path().join("model");
    copy(Path::new(&test_model()), &model);
    let planned = case.finish(&["plan", call, "--out", out, "--model", model.to_str().unwrap()]).with_code(0);
    assert!(planned.stdout.contains("transcribe: 1 cached"), "{}", planned.stdout);
    assert_eq!(states(&case.out), before);
}

/// Runs the program with standard output on a full device.
fn on_a_full_device<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Finished {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    Finished::of(earwitness(args).stdout(full()).stderr(Stdio::piped()).output().unwrap())
}

#[test]
fn output_to_a_full_device_is_an_error_and_the_results_are_complete() {
    let out = tempfile::tempdir().unwrap();
    let args = run_args(&[&calls().join("reading.wav")], out.path(), &[]);
    let finished = on_a_full_device(args).with_code(1);
    assert!(finished.stderr.contains("standard output cannot be written"), "{}", finished.stderr);
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    finish(["verify", out.path().to_str().unwrap()]).with_code(0);
    for command in [&["status", out.path().to_str().unwrap()][..], &["schema"], &["licenses"], &["config", "show"]] {
        let finished = on_a_full_device(command).with_code(1);
        assert!(finished.stderr.contains("standard output") && !finished.stderr.contains("panicked"), "{command:?}");
    }
}

#[test]
fn run_continues_without_readers_of_its_output() {
    let out = tempfile::tempdir().unwrap();
    let args = run_args(&[&calls().join("reading.wav")], out.path(), &[]);
    let mut child = earwitness(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    finish(["verify", out.path().to_str().unwrap()]).with_code(0);
    let mut child = earwitness(["licenses"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let sigpipe = 13;
    assert_eq!(child.wait().unwrap().signal(), Some(sigpipe), "which shells report as 141");
}

/// A command that may not write files of more than `blocks` of 512 bytes: as on a full disk, a write fails.
fn limited(blocks: u32, args: &[&str]) -> Finished {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let program = env!("CARGO_BIN_EXE_earwitness");
    Finished::of(Command::new("sh").args(["-c", &script, program]).args(args).output().unwrap())
}

#[test]
fn export_that_cannot_write_fails_and_leaves_no_part_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (out, copies) = (folder.path().join("out"), folder.path().join("copies"));
    run(&[&calls().join("reading.wav")], &out, &[]).with_code(0);
    let args = ["export", out.to_str().unwrap(), "--out", copies.to_str().unwrap()];
    let exported = limited(4, &args).with_code(3).stdout;
    assert!(exported.contains("[results-not-written]") && exported.contains("0 files written"), "{exported}");
    assert_eq!(copies.read_dir().unwrap().count(), 0);
    let finished = finish(args).with_code(0).stdout;
    assert!(finished.contains("1 files written"), "{finished}");
}

#[test]
fn store_that_cannot_grow_ends_the_run_and_the_next_one_resumes() {
    let out = tempfile::tempdir().unwrap();
    let call = calls().join("reading.wav");
    let args = run_args(&[&call], out.path(), &[]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let finished = limited(120, &args).with_code(6);
    assert!(finished.stderr.contains("error: ") && !finished.stderr.contains("panicked"), "{}", finished.stderr);
    assert!(!out.path().join("reading.json").exists());
    run(&[&call], out.path(), &[]).with_code(0);
    finish(["verify", out.path().to_str().unwrap()]).with_code(0);
}
