//! The coordinator's cost of a batch, the time of a durable commit compared with a raw sync to the same disk, and the
//! start time of a worker.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use scheduler::coordinator::{Event, Interrupt, run};
use scheduler::protocol::{Decoder, Encoder, FromWorker, NewBody};
use scheduler::store::{Commit, Lease, NewCheckpoint, NewRecord, Store};
use scheduler::worker::sim::{SPECS, SimSettings};
use stage_core::StageName;

use crate::{load, median, row};

/// Recordings per batch.
const BATCH: usize = 10;
/// Bytes per artifact, about a transcript of a few minutes.
const BODY_BYTES: usize = 8 << 10;

pub(crate) fn table() {
    worker_start();
    whole_batches();
    messages();
    commits();
}

/// Stages that take no time and produce artifacts of a few kilobytes.
fn instant() -> SimSettings {
    SimSettings { time_scale: 1e9, ..SimSettings::default() }
}

/// Seconds until the first worker was up and until the run ended.
fn timed_run(recordings: usize) -> (f64, f64) {
    let folder = tempfile::tempdir_in(".").unwrap();
    let mut store = load::store(folder.path());
    let items = load::planned(std::iter::repeat_n(20.0, recordings));
    let (began, mut up_s) = (Instant::now(), f64::NAN);
    run(&items, &mut *store, &load::options(1, &instant()), &Interrupt::default(), &mut |event, _| {
        if matches!(event, Event::WorkerUp { .. }) {
            up_s = began.elapsed().as_secs_f64();
        }
    })
    .unwrap();
    (up_s, began.elapsed().as_secs_f64())
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
    row("batch of 10 recordings, 50 artifacts, 10 checkpoints, without stages", median(per_batch.collect()), "ms");
}

/// The first of the simulated stages.
const READ: StageName = SPECS[0].name;

fn messages() {
    let lease = Lease { batch: 1, number: 1 };
    let recording = &load::planned([60.0])[0];
    let fingerprint = recording.keys()[0].fingerprint();
    let done = |item| FromWorker::Done {
        result: item,
        lease,
        item,
        stage: READ,
        artifacts: vec![NewBody { artifact: READ.artifact(), fingerprint, body: load::body(BODY_BYTES) }],
        started_at_ms: 0,
        duration_s: 0.1,
    };
    let batch: Vec<_> = (0..5 * BATCH as u64).map(done).collect();
    let mut wire = Vec::new();
    let mut encoder = Encoder::new(&mut wire);
    batch.iter().for_each(|message| encoder.write(message).unwrap());
    let times = (0..51).map(|_| {
        let began = Instant::now();
        let mut decoder = Decoder::new(wire.as_slice());
        while decoder.read::<FromWorker>().unwrap().is_some() {}
        began.elapsed().as_secs_f64() * 1e3
    });
    row("coordinator: reading a batch's 50 artifacts of 8 KiB", median(times.collect()), "ms");
}

fn commits() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let mut store = load::store(folder.path());
    let run = store.begin_run(&load::new_run()).unwrap();
    let lease = store.grant(run, &load::new_batch(BATCH)).unwrap();
    let items = load::planned(std::iter::repeat_n(60.0, 51 * BATCH));
    let mut artifacts = Vec::new();
    let mut parts = Vec::new();
    for group in items.chunks(BATCH) {
        artifacts.push(timed_commit(&mut *store, group, |item| {
            load::commit(lease, item.keys()[0].clone(), load::body(BODY_BYTES))
        }));
        parts.push(timed_commit(&mut *store, group, |item| {
            let fingerprint = item.keys()[2].fingerprint();
            let device = "sim:0".to_owned();
            let part = NewCheckpoint {
                fingerprint,
                index: 0,
                body: load::body(BODY_BYTES),
                started_at_ms: 0,
                duration_s: 0.1,
                device,
            };
            Commit { lease, what: NewRecord::Checkpoint(part) }
        }));
    }
    let sync_ms = raw_sync(folder.path());
    let artifacts_ms = median(artifacts);
    row("durable commit of a batch of 10 artifacts of 8 KiB", artifacts_ms, "ms");
    row("durable commit of 10 checkpoints of 8 KiB", median(parts), "ms");
    row("raw write and sync of 80 KiB to the same disk", sync_ms, "ms");
    row("durable commit, as a multiple of the raw sync", artifacts_ms / sync_ms, "x");
}

fn timed_commit(
    store: &mut dyn Store,
    items: &[scheduler::store::RecordingEntry],
    make: impl Fn(&scheduler::store::RecordingEntry) -> Commit,
) -> f64 {
    let group: Vec<_> = items.iter().map(make).collect();
    let began = Instant::now();
    store.commit(&group).unwrap();
    began.elapsed().as_secs_f64() * 1e3
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
