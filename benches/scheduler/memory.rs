//! The coordinator's memory with 100,000 recordings queued.

use std::time::{Duration, Instant};

use scheduler::coordinator::{Event, Interrupt, run};
use scheduler::worker::sim::SimSettings;

use crate::{load, row};

const RECORDINGS: usize = 100_000;
/// How long the run continues before it is stopped.
const WATCHED: Duration = Duration::from_secs(20);

pub(crate) fn table() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let mut store = load::store(folder.path());
    let sim = SimSettings { time_scale: 1e6, ..SimSettings::default() };
    let before_mb = resident_mb();
    let items = load::planned((0..RECORDINGS).map(|index| 60.0 + (index % 900) as f64));
    let interrupt = Interrupt::default();
    let (mut first, mut last_mb, mut done) = (None, 0.0, 0_usize);
    run(&items, &mut *store, &load::options(2, &sim), &interrupt, &mut |event, _| {
        if matches!(event, Event::ItemDone { .. }) {
            done += 1;
            let (at, _) = *first.get_or_insert_with(|| (Instant::now(), resident_mb()));
            last_mb = f64::max(last_mb, resident_mb());
            if at.elapsed() > WATCHED && interrupt.requests() == 0 {
                interrupt.request();
            }
        }
    })
    .unwrap();
    let (_, first_mb) = first.unwrap();
    row("coordinator with 100,000 recordings queued, at the first one done", first_mb - before_mb, "MB");
    row(&format!("the same after {done} recordings"), last_mb - before_mb, "MB");
}

/// Memory of this process, in MB (1e6 bytes).
fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0 / 1e6
}
