//! The pages of large cases: sizes, and seconds to write them through `export`. `open.mjs` measures how long Chromium needs
//! to open them. The results are those of real calls, under the hashes of different files.
//!
//! ```text
//! cargo bench -p earwitness --bench pages -- FOLDER
//! ```
#![expect(clippy::unwrap_used, reason = "a bench that cannot measure must stop")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use scheduler::store::{
    Access, Commit, Lookup, NewArtifact, NewBatch, NewRecord, NewRun, RecordingEntry, RunEnd, Store, StoreUrl,
    StoredArtifact, open,
};
use stage_core::{StageKey, sha256_hex};

/// Recordings per commit.
const BATCH: usize = 50;
/// Length of the long call in seconds: 183 of them are 26 hours.
const LONG_S: &str = "512";
const CONTACTS: usize = 40;

fn main() {
    // Cargo passes `--bench` too.
    let folder = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).expect("name a folder for the cases");
    let folder = PathBuf::from(folder);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    fs::create_dir_all(&folder).unwrap();
    let long = folder.join("long.m4a");
    if !long.exists() {
        make_long(&fixtures, &long);
    }
    let (of_long, of_short) = (folder.join("of-long"), folder.join("of-short"));
    earwitness(&["run", text(&long), "--out", text(&of_long), "--progress", "none"]);
    earwitness(&["run", text(&fixtures.join("calls")), "--out", text(&of_short), "--progress", "none"]);
    println!(
        "{:>6} {:>8} {:>9} {:>11} {:>14} {:>11} {:>12}",
        "calls", "hours", "export s", "ms/call", "page of call", "index MB", "texts MB"
    );
    for (name, source, size) in [("183", &of_long, 183), ("10000", &of_short, 10_000)] {
        measure(&folder.join(name), source, size);
    }
}

/// Writes a case and prints its row.
fn measure(case: &Path, source: &Path, size: usize) {
    if case.exists() {
        fs::remove_dir_all(case).unwrap();
    }
    let hours = make(case, source, size) / 3600.0;
    let began = Instant::now();
    earwitness(&["export", text(case), "--format", "html", "--report-language", "ko"]);
    let seconds = began.elapsed().as_secs_f64();
    let [mut pages, mut texts, mut index] = [0_u64; 3];
    for entry in fs::read_dir(case).unwrap().map(Result::unwrap) {
        let (name, bytes) = (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len());
        match name.as_str() {
            "index.html" => index = bytes,
            _ if name.starts_with("index-text-") => texts += bytes,
            _ if name.ends_with(".html") => pages += bytes,
            _ => {}
        }
    }
    let (each_kb, each_ms) = (pages as f64 / size as f64 / 1e3, seconds * 1e3 / size as f64);
    let (index, texts) = (index as f64 / 1e6, texts as f64 / 1e6);
    println!("{size:>6} {hours:>8.1} {seconds:>9.1} {each_ms:>11.1} {each_kb:>11.0} kB {index:>11.2} {texts:>12.2}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn earwitness(args: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_earwitness")).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Joins the fixture calls to a long one.
fn make_long(fixtures: &Path, out: &Path) {
    let calls = ["reading.wav", "audiobook.opus", "민수_261107_213000.m4a", "two-speakers_261105_142530.m4a"];
    let plain: Vec<PathBuf> =
        calls.iter().enumerate().map(|(index, _)| out.with_extension(format!("{index}.wav"))).collect();
    for (call, plain) in calls.iter().zip(&plain) {
        let call = fixtures.join("calls").join(call);
        ffmpeg(&["-i", text(&call), "-ar", "16000", "-ac", "1", text(plain)]);
    }
    let names: String =
        plain.iter().map(|path| format!("file '{}'\n", path.canonicalize().unwrap().display())).collect();
    let list = out.with_extension("txt");
    fs::write(&list, names).unwrap();
    let joined = ["-stream_loop", "-1", "-f", "concat", "-safe", "0", "-i", text(&list), "-t", LONG_S, "-c:a", "aac"];
    ffmpeg(&[&joined[..], &[text(out)]].concat());
}

fn ffmpeg(args: &[&str]) {
    let status = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(args).status().unwrap();
    assert!(status.success(), "ffmpeg {args:?}");
}

fn store(folder: &Path, access: Access) -> Box<dyn Store> {
    open(&StoreUrl::file(folder.join("earwitness.db")), access).unwrap()
}

/// Makes a case of this many recordings with the results of others in turn. Returns its length in seconds.
fn make(case: &Path, source: &Path, size: usize) -> f64 {
    let from = store(source, Access::Read);
    let known = from.recordings().unwrap();
    let results: Vec<Vec<StoredArtifact>> = known.iter().map(|entry| artifacts(&*from, entry)).collect();
    let entry = |index: usize| {
        let of = &known[index % known.len()];
        let sha256 = sha256_hex(format!("call {index}").as_bytes());
        RecordingEntry::new(format!("/calls/{}.m4a", name(index)), sha256, of.audio_s, of.recipe.clone())
    };
    let entries: Vec<RecordingEntry> = (0..size).map(entry).collect();
    fs::create_dir_all(case).unwrap();
    let mut to = store(case, Access::Create);
    let run = to.begin_run(&NewRun { command: "bench".to_owned(), ..NewRun::default() }).unwrap();
    to.put_recordings(run, &entries).unwrap();
    let batch = NewBatch { worker: "cpu:0".to_owned(), priority: 0, recordings: size, audio_s: 1.0 };
    let lease = to.grant(run, &batch).unwrap();
    for (group, first) in entries.chunks(BATCH).zip((0..).step_by(BATCH)) {
        let commit = |(key, stored): (StageKey, &StoredArtifact)| {
            let artifact = NewArtifact { key, ..stored.artifact.clone() };
            Commit { lease, what: NewRecord::Artifact { artifact, replace: false } }
        };
        let of = |(at, entry): (usize, &RecordingEntry)| {
            entry.keys().into_iter().zip(&results[(first + at) % known.len()]).map(commit).collect::<Vec<_>>()
        };
        to.commit(&group.iter().enumerate().flat_map(of).collect::<Vec<_>>()).unwrap();
    }
    to.end_run(run, RunEnd::Finished).unwrap();
    entries.iter().map(|entry| entry.audio_s).sum()
}

fn artifacts(store: &dyn Store, entry: &RecordingEntry) -> Vec<StoredArtifact> {
    let sound = |fingerprint| match store.artifact(fingerprint).unwrap() {
        Lookup::Sound(stored) => *stored,
        other => panic!("{other:?}"),
    };
    entry.fingerprints().iter().map(sound).collect()
}

/// A name as a phone gives it: some contacts, over two years.
fn name(index: usize) -> String {
    let (day, contact) = (index % 672, index * index % CONTACTS);
    let (year, month, day) = (24 + day / 336, day / 28 % 12 + 1, day % 28 + 1);
    let time = index / 672 * 601 % 86_400;
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("통화 녹음 상대{contact}_{year:02}{month:02}{day:02}_{hour:02}{minute:02}{second:02}")
}
