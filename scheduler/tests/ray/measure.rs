//! What Ray costs: the same runs on workers of this machine and on workers in actors of a cluster on this machine.

use std::time::Instant;

use scheduler::coordinator::{Event, Interrupt, RunOptions, run};
use scheduler::store::{Access, RecordingEntry};
use scheduler::worker::sim::SimSettings;

use crate::nodes::Nodes;
use crate::{coordinator, work};

/// Recordings per worker in runs with service times. One takes about a second.
const PER_WORKER: usize = 16;
/// Recordings of runs without service times, and their number in a batch.
const INSTANT: usize = 400;
const BATCH: usize = 10;
const ROUNDS: usize = 3;

/// Prints throughput at 1, 2 and 4 workers, and the cost of a batch.
pub(crate) fn table() {
    let nodes = Nodes::start(1, 4);
    println!("{:<8} {:>14} {:>14} {:>10}", "workers", "local, rec/s", "Ray, rec/s", "Ray/local");
    for workers in [1, 2, 4] {
        let recordings = work::recordings(PER_WORKER * workers);
        let options = |address| RunOptions { batch_items: 2, ..coordinator::options(workers, address) };
        let per_s = |address| recordings.len() as f64 / timed(&recordings, &options(address), workers);
        let (local, ray) = (per_s(None), per_s(Some(&nodes.address)));
        println!("{workers:<8} {local:>14.3} {ray:>14.3} {:>9.1}%", 100.0 * ray / local);
    }
    let instant = SimSettings { time_scale: 1e9, ..work::settings() };
    let recordings = work::recordings(INSTANT);
    let batch_ms = |address| {
        let options = RunOptions {
            settings: serde_json::to_value(&instant).unwrap(),
            batch_items: BATCH,
            ..coordinator::options(1, address)
        };
        let mut times: Vec<_> = (0..ROUNDS).map(|_| timed(&recordings, &options, 1)).collect();
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2] * 1e3 / (INSTANT / BATCH) as f64
    };
    let (local, ray) = (batch_ms(None), batch_ms(Some(&nodes.address)));
    println!("batch of {BATCH} recordings without service times: local {local:.2} ms, Ray {ray:.2} ms");
}

/// Seconds from the moment when all workers are up to the end of a run.
fn timed(recordings: &[RecordingEntry], options: &RunOptions, workers: usize) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let mut store = work::store(folder.path(), Access::Create);
    let (mut up, mut began) = (0, Instant::now());
    let outcome = run(recordings, &mut *store, options, &Interrupt::default(), &mut |event, _| {
        if matches!(event, Event::WorkerUp { .. }) {
            up += 1;
            began = Instant::now();
        }
    });
    let (outcome, seconds) = (outcome.unwrap(), began.elapsed().as_secs_f64());
    assert_eq!((up, outcome.stages_reused), (workers, 0));
    assert_eq!(outcome.stages_computed, recordings.iter().map(|recording| recording.keys().len()).sum::<usize>());
    seconds
}
