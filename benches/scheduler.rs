//! What the scheduler itself costs: a batch's way through coordinator, worker and store, a durable commit beside a raw
//! sync of the same disk, and a worker's start. No audio is involved: the stages do nothing.
#![expect(clippy::unwrap_used, reason = "a bench that cannot measure must stop")]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::exit;
use std::time::Instant;

use scheduler::coordinator::{Event, Interrupt, Recompute, RunOptions, Timing, WorkerCommand, run};
use scheduler::protocol::{Decoder, Encoder, FromWorker};
use scheduler::store::{Commit, Lease, NewArtifact, RecordingEntry, SqliteStore, Store};
use scheduler::worker::{Artifact, ItemJob, Pipeline, serve};
use serde_json::json;
use stage_core::{DeviceId, StageError, StageKey, StageKind, sha256_hex};

/// Recordings in a batch.
const BATCH: usize = 10;
/// Bytes of an artifact: a transcript of a few minutes.
const BODY_BYTES: usize = 8 << 10;

struct Nothing;

impl Pipeline for Nothing {
    type Item = ();
    type Unit = ();
    type Answer = ();

    fn open(&self, _: &ItemJob) -> Result<(), StageError> {
        Ok(())
    }

    fn run(&self, (): &(), _: StageKind) -> Result<Artifact, StageError> {
        Ok(Artifact { body: body() })
    }

    fn prepare(&self, (): &(), _: StageKind, emit: &mut dyn FnMut(()) -> bool) -> Result<(), StageError> {
        emit(());
        Ok(())
    }

    fn load_device(&self) -> Result<(), StageError> {
        Ok(())
    }

    fn infer(&self, _: StageKind, units: &[()]) -> Result<Vec<()>, StageError> {
        Ok(units.to_vec())
    }

    fn finish(&self, (): &(), _: StageKind, _: Vec<()>) -> Result<Artifact, StageError> {
        Ok(Artifact { body: body() })
    }
}

fn main() {
    if std::env::args().any(|arg| arg == "--worker") {
        exit(i32::from(serve("bench", |_| Ok(Nothing)).is_err()));
    }
    println!("{:<62} {:>10}  unit", "scheduler", "value");
    worker_start();
    whole_batches();
    messages();
    commits();
}

fn row(what: &str, value: f64, unit: &str) {
    println!("{what:<62} {value:>10.3}  {unit}");
}

fn body() -> String {
    json!({"text": "x".repeat(BODY_BYTES)}).to_string()
}

fn key(name: &str, stage: StageKind, inputs: &[StageKey]) -> StageKey {
    StageKey {
        file_sha256: sha256_hex(name.as_bytes()),
        stage,
        version: 1,
        settings: json!({}),
        model_sha256: None,
        numeric: None,
        inputs: inputs.iter().map(StageKey::fingerprint).collect(),
    }
}

fn planned(count: usize) -> Vec<RecordingEntry> {
    let item = |index: usize| {
        let name = format!("recording-{index}");
        let mut keys = Vec::new();
        for stage in StageKind::ALL {
            keys.push(key(&name, stage, &keys));
        }
        let file_sha256 = sha256_hex(name.as_bytes());
        RecordingEntry { path: (&name).into(), file_sha256, audio_s: 60.0, name, keys }
    };
    (0..count).map(item).collect()
}

fn options() -> RunOptions {
    RunOptions {
        devices: vec![DeviceId::Cpu(0)],
        batch_items: BATCH,
        device_batch: 8,
        threads: 2,
        worker: WorkerCommand { program: std::env::current_exe().unwrap(), args: vec!["--worker".into()] },
        settings: json!({}),
        recompute: Recompute::Nothing,
        command: "bench".to_owned(),
        tool_version: "bench".to_owned(),
        timing: Timing::default(),
    }
}

/// Seconds until the first worker was up, and until the run ended.
fn timed_run(recordings: usize) -> (f64, f64) {
    let folder = tempfile::tempdir_in(".").unwrap();
    let mut store = SqliteStore::open(&folder.path().join("bench.db")).unwrap();
    let items = planned(recordings);
    let (began, mut up_s) = (Instant::now(), f64::NAN);
    run(&items, &mut store, &options(), &Interrupt::default(), &mut |event, _| {
        if matches!(event, Event::WorkerUp { .. }) {
            up_s = began.elapsed().as_secs_f64();
        }
    })
    .unwrap();
    (up_s, began.elapsed().as_secs_f64())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn worker_start() {
    let ups = (0..9).map(|_| timed_run(1).0 * 1e3).collect();
    row("start of a worker without a model, until it takes batches", median(ups), "ms");
}

fn whole_batches() {
    let recordings = 40 * BATCH;
    let per_batch = (0..3).map(|_| {
        let (up_s, whole_s) = timed_run(recordings);
        (whole_s - up_s) / (recordings / BATCH) as f64 * 1e3
    });
    row("batch of 10 recordings, 50 artifacts: all costs but the stages'", median(per_batch.collect()), "ms");
}

fn messages() {
    let lease = Lease { batch: 1, number: 1 };
    let done = |item| FromWorker::Done {
        result: item,
        lease,
        item,
        stage: StageKind::Decode,
        fingerprint: key("a", StageKind::Decode, &[]).fingerprint(),
        body: body(),
        started_at_ms: 0,
        duration_s: 0.1,
    };
    let batch: Vec<_> = (0..5 * BATCH as u64).map(done).collect();
    let times = (0..21).map(|_| {
        let began = Instant::now();
        let mut wire = Vec::new();
        let mut encoder = Encoder::new(&mut wire);
        batch.iter().for_each(|message| encoder.write(message).unwrap());
        let mut decoder = Decoder::new(wire.as_slice());
        while decoder.read::<FromWorker>().unwrap().is_some() {}
        began.elapsed().as_secs_f64() * 1e3
    });
    row("batch of 10 recordings: writing and reading its 50 artifacts", median(times.collect()), "ms");
}

fn commits() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let mut store = SqliteStore::open(&folder.path().join("bench.db")).unwrap();
    let run = store.begin_run("bench", "bench").unwrap();
    let lease = store.grant(run).unwrap();
    let times = (0..51).map(|round| {
        let artifact = |index| NewArtifact {
            key: key(&format!("{round}-{index}"), StageKind::Decode, &[]),
            body: body(),
            started_at_ms: 0,
            duration_s: 0.1,
            tool_version: "bench".to_owned(),
            device: "cpu:0".to_owned(),
        };
        let commit = |index| Commit { lease, artifact: artifact(index), replace: false };
        let group: Vec<_> = (0..BATCH).map(commit).collect();
        let began = Instant::now();
        store.commit(&group).unwrap();
        began.elapsed().as_secs_f64() * 1e3
    });
    row("durable commit of 10 artifacts of 8 KiB", median(times.collect()), "ms");
    row("raw write and sync of 80 KiB to the same disk", raw_sync(folder.path()), "ms");
}

fn raw_sync(folder: &Path) -> f64 {
    let mut file = File::create(folder.join("raw")).unwrap();
    let block = vec![7; BATCH * BODY_BYTES];
    let times = (0..51).map(|_| {
        let began = Instant::now();
        file.write_all(&block).unwrap();
        file.sync_data().unwrap();
        began.elapsed().as_secs_f64() * 1e3
    });
    median(times.collect())
}
