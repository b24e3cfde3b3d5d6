//! Runs the program on the files of a batch, and watches its time, memory and disk.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{fixture, tree_memory, tree_unlinked};

/// Time that a batch may take: a start, and this much per file.
const START: Duration = Duration::from_secs(60);
const PER_FILE: Duration = Duration::from_secs(2);
const INTERVAL: Duration = Duration::from_millis(20);

/// How the program ended on a file.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Done(Facts),
    /// The code of the error.
    Failed(String),
}

/// Facts of a result file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) duration_s: f64,
    pub(crate) rate_hz: u64,
    pub(crate) channels: u64,
    pub(crate) codec: String,
    pub(crate) warnings: usize,
    pub(crate) account: Option<Account>,
}

/// Counts of bytes and packets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    pub(crate) audio: u64,
    pub(crate) other: u64,
    pub(crate) left_out: u64,
    pub(crate) packets: u64,
}

/// What became of a batch.
#[derive(Debug)]
pub(crate) struct Batch {
    outcomes: BTreeMap<String, Outcome>,
    /// Exit code. `None` if it was killed, by a signal or because its time was over.
    pub(crate) code: Option<i32>,
    pub(crate) hung: bool,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
    /// Highest memory of the program and its workers, in bytes.
    pub(crate) peak_memory: u64,
    /// Highest size of the result folder and of the files for samples, in bytes.
    pub(crate) peak_disk: u64,
}

impl Batch {
    /// Runs the program on these files.
    pub(crate) fn run<'a>(program: &Path, files: impl Iterator<Item = (String, &'a [u8])>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("calls")).unwrap();
        let mut names = Vec::new();
        for (name, bytes) in files {
            std::fs::write(path("calls").join(&name), bytes).unwrap();
            names.push(name);
        }
        let mut child = Command::new(program)
            .args(["run", "calls", "--out", "out", "--vad", "energy", "--devices", "cpu:1", "--progress", "none"])
            .args(["--model", fixture("models/test-tiny").to_str().unwrap()])
            .current_dir(folder.path())
            .stdout(std::fs::File::create(path("stdout")).unwrap())
            .stderr(std::fs::File::create(path("stderr")).unwrap())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let (start, limit) = (Instant::now(), START + PER_FILE * names.len() as u32);
        let (mut peak_memory, mut peak_disk, mut hung) = (0, 0, false);
        let code = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status.code();
            }
            peak_memory = peak_memory.max(tree_memory(child.id()));
            peak_disk = peak_disk.max(size(&path("out")) + tree_unlinked(child.id()));
            if start.elapsed() > limit && !hung {
                hung = true;
                child.kill().unwrap();
            }
            std::thread::sleep(INTERVAL);
        };
        let stdout = std::fs::read_to_string(path("stdout")).unwrap_or_default();
        let status = Command::new(program).arg("status").arg(path("out")).output().unwrap().stdout;
        let lines = stdout + &String::from_utf8_lossy(&status);
        let outcome = |name: String| Some((name.clone(), outcome(&path("out"), &name, &lines)?));
        Self {
            outcomes: names.into_iter().filter_map(outcome).collect(),
            code,
            hung,
            stderr: String::from_utf8_lossy(&std::fs::read(path("stderr")).unwrap()).into_owned(),
            took: start.elapsed(),
            peak_memory,
            peak_disk,
        }
    }

    pub(crate) fn outcome(&self, name: &str) -> Option<&Outcome> {
        self.outcomes.get(name)
    }
}

/// Size of a folder's files in bytes.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

fn outcome(out: &Path, name: &str, lines: &str) -> Option<Outcome> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    if let Ok(text) = std::fs::read_to_string(out.join(format!("{stem}.json"))) {
        return Some(Outcome::Done(facts(&serde_json::from_str(&text).ok()?)));
    }
    if lines.lines().any(|line| line.starts_with("skipped ") && line.contains(name)) {
        return Some(Outcome::Failed("skipped".to_owned()));
    }
    let line = lines.lines().find(|line| line.contains("FAILED ") && line.contains(name) && line.ends_with(']'))?;
    let (_, code) = line.rsplit_once('[')?;
    Some(Outcome::Failed(code.split_once(']')?.0.to_owned()))
}

fn facts(document: &Value) -> Facts {
    let recording = &document["recording"];
    let count = |value: &Value| value.as_u64().unwrap_or_default();
    let account = recording.get("account").filter(|account| account.is_object()).map(|account| Account {
        audio: count(&account["audio_bytes"]),
        other: count(&account["other_bytes"]),
        left_out: count(&account["left_out_bytes"]),
        packets: count(&account["packets"]),
    });
    Facts {
        duration_s: recording["duration_s"].as_f64().unwrap_or_default(),
        rate_hz: count(&recording["sample_rate_hz"]),
        channels: count(&recording["channels"]),
        codec: recording["codec"].as_str().unwrap_or_default().to_owned(),
        warnings: recording["warnings"].as_array().map_or(0, Vec::len),
        account,
    }
}
