//! `verify` on cases of up to 10,000 recordings: seconds and peak memory by number of recordings. The results are those of
//! one real call, under the hashes of different files.
#![expect(clippy::unwrap_used, reason = "a bench that cannot measure must stop")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use scheduler::store::{
    Access, Commit, Lookup, NewArtifact, NewBatch, NewRecord, NewRun, RecordingEntry, RunEnd, StoreUrl, StoredArtifact,
    open,
};
use stage_core::{StageKey, sha256_hex};

/// Numbers of recordings.
const SIZES: [usize; 4] = [1_250, 2_500, 5_000, 10_000];
/// Recordings per commit.
const BATCH: usize = 50;

fn main() {
    let call = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/calls/synthetic-threat.flac");
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    earwitness(&["run", text(&call), "--out", text(&model), "--progress", "none"]);
    println!("{:>10} {:>10} {:>14} {:>12} {:>12}", "recordings", "verify s", "ms/recording", "log lines", "log MB");
    for size in SIZES {
        let case = folder.path().join(format!("case-{size}"));
        make(&case, &model, &call, size);
        let began = Instant::now();
        let verified = earwitness(&["verify", text(&case.join("out"))]);
        let seconds = began.elapsed().as_secs_f64();
        assert!(verified.contains("Everything is valid"), "{verified}");
        let custody = store(&case.join("out"), Access::Read).custody().unwrap();
        let bytes = fs::metadata(custody.file.unwrap()).unwrap().len();
        let (lines, each_ms) = (custody.lines.len(), seconds * 1e3 / size as f64);
        println!("{size:>10} {seconds:>10.2} {each_ms:>14.3} {lines:>12} {:>12.1}", bytes as f64 / 1e6);
        fs::remove_dir_all(case).unwrap();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn earwitness(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_earwitness")).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn store(folder: &Path, access: Access) -> Box<dyn scheduler::store::Store> {
    open(&StoreUrl::file(folder.join("earwitness.db")), access).unwrap()
}

/// Makes a case of this many recordings with the results of a run, and writes them as JSON and subtitles.
fn make(case: &Path, model: &Path, call: &Path, size: usize) {
    let from = store(model, Access::Read);
    let known = from.recordings().unwrap().remove(0);
    let stored: Vec<StoredArtifact> = known
        .fingerprints()
        .iter()
        .map(|fingerprint| match from.artifact(fingerprint).unwrap() {
            Lookup::Sound(stored) => *stored,
            other => panic!("{other:?}"),
        })
        .collect();
    let (calls, out) = (case.join("calls"), case.join("out"));
    fs::create_dir_all(&calls).unwrap();
    let bytes = fs::read(call).unwrap();
    let recording = |index: usize| {
        let path = calls.join(format!("call-{index}.flac"));
        let content = [&bytes[..], format!("{index:08}").as_bytes()].concat();
        fs::write(&path, &content).unwrap();
        RecordingEntry::new(path, sha256_hex(&content), known.audio_s, known.recipe.clone())
    };
    let entries: Vec<_> = (0..size).map(recording).collect();
    let mut to = store(&out, Access::Create);
    let run = to.begin_run(&NewRun { command: "bench".to_owned(), ..NewRun::default() }).unwrap();
    to.put_recordings(run, &entries).unwrap();
    let batch = NewBatch { worker: "cpu:0".to_owned(), priority: 0, recordings: size, audio_s: 1.0 };
    let lease = to.grant(run, &batch).unwrap();
    for group in entries.chunks(BATCH) {
        let commit = |(key, stored): (StageKey, &StoredArtifact)| {
            let artifact = NewArtifact { key, ..stored.artifact.clone() };
            Commit { lease, what: NewRecord::Artifact { artifact, replace: false } }
        };
        let commits: Vec<_> =
            group.iter().flat_map(|entry| entry.keys().into_iter().zip(&stored).map(commit)).collect();
        to.commit(&commits).unwrap();
    }
    to.end_run(run, RunEnd::Finished).unwrap();
    drop(to);
    earwitness(&["export", text(&out), "--format", "json,srt"]);
}
