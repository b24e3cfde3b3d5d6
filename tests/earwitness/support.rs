//! Runs the program and reads its output.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;
use testkit::{Wav, fixture};

/// The fixture calls.
pub(crate) fn calls() -> PathBuf {
    fixture("calls")
}

/// Expected content of the fixture calls, by file name.
pub(crate) fn expected() -> serde_json::Map<String, Value> {
    let text = std::fs::read_to_string(calls().join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The names of the fixture calls' documents.
pub(crate) fn call_names() -> Vec<String> {
    expected().keys().map(|call| stem(call).to_owned()).collect()
}

/// A file name without its extension.
pub(crate) fn stem(file: &str) -> &str {
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// Text, start and end in seconds of words or utterances.
pub(crate) fn timed_texts<'a>(items: impl IntoIterator<Item = &'a Value>) -> Vec<(String, f64, f64)> {
    let timed = |item: &Value| {
        let s = |name: &str| item[name].as_f64().unwrap();
        (item["text"].as_str().unwrap().to_owned(), s("start_s"), s("end_s"))
    };
    items.into_iter().map(timed).collect()
}

/// The words of one channel of a document: text, start and end in seconds.
pub(crate) fn spoken_words(document: &Value, channel: u64) -> Vec<(String, f64, f64)> {
    timed_texts(document["words"].as_array().unwrap().iter().filter(|word| word["channel"] == channel))
}

/// A small model for tests that do not depend on the text.
pub(crate) fn test_model() -> String {
    fixture("models/test-tiny").to_str().unwrap().to_owned()
}

/// A command that runs the program with arguments.
pub(crate) fn earwitness<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_earwitness"));
    command.args(args);
    command
}

/// Exit status and output of a finished process.
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The last JSON line of `--progress json`.
    pub(crate) fn summary(&self) -> Value {
        let line = self.stderr.lines().rev().find(|line| line.starts_with(r#"{"summary""#));
        let line = line.unwrap_or_else(|| panic!("no summary in {}", self.stderr));
        serde_json::from_str::<Value>(line).unwrap()["summary"].clone()
    }

    /// Asserts the exit code; prints the output on failure.
    pub(crate) fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// Runs the program to its end.
pub(crate) fn finish<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Finished {
    Finished::of(earwitness(args).output().unwrap())
}

/// Runs the program to its end, with its kernels limited to an instruction set.
pub(crate) fn finish_at_level<S: AsRef<std::ffi::OsStr>>(level: &str, args: impl IntoIterator<Item = S>) -> Finished {
    Finished::of(earwitness(args).env("EARWITNESS_CPU", level).output().unwrap())
}

/// Arguments `run INPUTS --out OUT --progress json` and more. Uses the test model unless they name another.
pub(crate) fn run_args(inputs: &[&Path], out: &Path, more: &[&str]) -> Vec<String> {
    let mut args = vec!["run".to_owned()];
    args.extend(inputs.iter().map(|path| path.to_string_lossy().into_owned()));
    args.extend(["--out".to_owned(), out.to_string_lossy().into_owned(), "--progress".to_owned(), "json".to_owned()]);
    if !more.contains(&"--model") {
        args.extend(["--model".to_owned(), test_model()]);
    }
    args.extend(more.iter().map(|&arg| arg.to_owned()));
    args
}

/// Runs the program on the inputs to its end.
pub(crate) fn run(inputs: &[&Path], out: &Path, more: &[&str]) -> Finished {
    finish(run_args(inputs, out, more))
}

/// A temporary folder with copies of a call in `calls`, and the path of a result folder inside it.
pub(crate) fn folder_of_calls(copies: usize) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (inputs, out) = (folder.path().join("calls"), folder.path().join("out"));
    std::fs::create_dir(&inputs).unwrap();
    many_calls(&inputs, copies);
    (folder, inputs, out)
}

/// A temporary folder with a copy of a call as `call.wav`, and its path.
pub(crate) fn folder_with_a_call() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let call = folder.path().join("call.wav");
    std::fs::copy(calls().join("reading.wav"), &call).unwrap();
    (folder, call)
}

/// A temporary folder with the results of one call, `call`, in its folder `out`, which is returned.
pub(crate) fn case_of_a_call() -> (tempfile::TempDir, PathBuf) {
    let (folder, call) = folder_with_a_call();
    let out = folder.path().join("out");
    run(&[&call], &out, &[]).with_code(0);
    (folder, out)
}

/// The file of the custody log in a folder of results.
pub(crate) fn custody_log(out: &Path) -> PathBuf {
    scheduler::store::logs_beside(&out.join("earwitness.db")).remove(0)
}

/// Copies of a call with different bytes (call-0.wav, call-1.wav, …), so that a run takes long enough to be disturbed.
pub(crate) fn many_calls(folder: &Path, copies: usize) {
    let wav = std::fs::read(calls().join("reading.wav")).unwrap();
    for copy in 0..copies {
        let mut wav = wav.clone();
        let last = wav.len() - 1;
        wav[last] ^= copy as u8;
        std::fs::write(folder.join(format!("call-{copy}.wav")), wav).unwrap();
    }
}

/// Writes one long call: a call repeated `times` times.
pub(crate) fn write_joined(call: &Path, times: usize, path: &Path) {
    let call = Wav::read(call);
    Wav { samples: call.samples.repeat(times), ..call }.write(path);
}

/// `DIR/<name>.json`.
pub(crate) fn document(out: &Path, name: &str) -> Value {
    let path = out.join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// All documents of a folder by name, without the provenance fields that differ between runs.
pub(crate) fn documents(out: &Path) -> Vec<(String, Value)> {
    let mut names: Vec<_> = std::fs::read_dir(out)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), without_clocks(document(out, &name)))).collect()
}

fn without_clocks(mut document: Value) -> Value {
    for link in document["provenance"].as_array_mut().unwrap() {
        let link = link.as_object_mut().unwrap();
        for clock in ["started_at", "duration_s", "artifact_sha256", "device"] {
            link.remove(clock).unwrap();
        }
    }
    document
}

/// Asserts that two values are equal: text and structure exactly, times within 1 ms, other numbers within 1e-3.
pub(crate) fn assert_same(a: &Value, b: &Value, at: &str) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{at}");
            a.iter().for_each(|(key, value)| assert_same(value, &b[key], &format!("{at}.{key}")));
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{at}");
            a.iter().zip(b).enumerate().for_each(|(i, (a, b))| assert_same(a, b, &format!("{at}[{i}]")));
        }
        (Value::Number(a), Value::Number(b)) if !at.ends_with("start_s") && !at.ends_with("end_s") => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-3 * b.abs().max(1.0), "{at}: {a} and {b}");
        }
        _ => assert_eq!(a, b, "{at}"),
    }
}

/// Number of artifacts that the store has of a recording: one per stage, the statements of the container, the
/// emissions of transcribe, and the overview of forensics.
pub(crate) fn artifact_count() -> usize {
    stage_count() + 3
}

/// Number of stages of the program, counted from the possible values of the argument of `stage`.
pub(crate) fn stage_count() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        let help = finish(["stage", "--help"]).with_code(0).stdout;
        let (_, values) = help.split_once("possible values: ").unwrap();
        values.split_once(']').unwrap().0.split(',').count()
    })
}
