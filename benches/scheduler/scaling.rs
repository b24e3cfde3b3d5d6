//! Scaling over simulated devices: the real coordinator, worker processes and store process the fixed load in
//! compressed time. Efficiency is T1 / (N x TN) over whole runs, including worker starts. The idle time of the devices
//! is printed in three parts: before the first call, between calls, and after the last call.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use scheduler::coordinator::{Event, Interrupt, run};
use scheduler::protocol::Lane;
use scheduler::worker::sim::SimSettings;

use crate::load;

/// Approximate length of a run on one device.
const ONE_DEVICE_S: f64 = 60.0;

/// Measurements of one run.
struct Timed {
    wall_s: f64,
    commits: usize,
    revoked: usize,
    /// Average idle time per device before the first call, in seconds.
    before_s: f64,
    between_s: f64,
    after_s: f64,
}

/// A device's calls.
struct Calls {
    first_us: u64,
    last_us: u64,
    busy_us: u64,
}

/// Prints the table.
pub(crate) fn table() {
    let lengths_s = load::lengths_s();
    let audio_s: f64 = lengths_s.iter().sum();
    let windows: f64 = lengths_s.iter().map(|length_s| (length_s / 30.0).ceil()).sum();
    let real = SimSettings { load_s: 0.0, ..SimSettings::default() };
    let device_s = windows * (real.device_s_per_input + real.device_s_per_call / 8.0);
    let sim = SimSettings { time_scale: device_s / ONE_DEVICE_S, ..real };
    let (calls, hours) = (lengths_s.len(), audio_s / 3600.0);
    println!("\n{calls} calls, {hours:.1} h, {windows:.0} windows; time compressed {:.1} times", sim.time_scale);
    println!(
        "{:>8}  {:>8}  {:>10}  {:>8}  {:>10}  idle time of a device before, between and after its calls",
        "devices", "wall s", "efficiency", "commits", "revoked"
    );
    let mut one_s = f64::NAN;
    for devices in [1, 2, 4, 8] {
        let timed = timed(devices, &sim, &lengths_s);
        if devices == 1 {
            one_s = timed.wall_s;
        }
        print(&devices.to_string(), &timed, one_s / (f64::from(devices) * timed.wall_s));
    }
    let uneven = SimSettings { slower: [("sim:0".to_owned(), 2.0)].into(), ..sim };
    let timed = timed(4, &uneven, &lengths_s);
    println!("four devices, one at half speed: efficiency of 3.5");
    print("4", &timed, one_s / (3.5 * timed.wall_s));
}

fn print(devices: &str, timed: &Timed, efficiency: f64) {
    println!(
        "{devices:>8}  {:>8.2}  {:>8.1} %  {:>8}  {:>10}  {:.2} s, {:.2} s, {:.2} s",
        timed.wall_s,
        efficiency * 100.0,
        timed.commits,
        timed.revoked,
        timed.before_s,
        timed.between_s,
        timed.after_s
    );
}

fn timed(devices: u32, sim: &SimSettings, lengths_s: &[f64]) -> Timed {
    let folder = tempfile::tempdir_in(".").unwrap();
    let mut store = load::store(folder.path());
    let items = load::planned(lengths_s.iter().copied());
    let mut calls: BTreeMap<_, Calls> = BTreeMap::new();
    let (began, began_us, mut commits) = (Instant::now(), now_us(), 0);
    let outcome =
        run(&items, &mut *store, &load::options(devices, sim), &Interrupt::default(), &mut |event, _| match event {
            Event::StageCommitted { .. } | Event::CheckpointCommitted { .. } => commits += 1,
            Event::Spans { worker, spans } => {
                for (span, _) in spans.iter().filter(|(span, _)| span.lane == Lane::Device && span.inputs > 0) {
                    let first = Calls { first_us: span.start_us, last_us: 0, busy_us: 0 };
                    let of_device = calls.entry(worker.clone()).or_insert(first);
                    of_device.last_us = span.end_us;
                    of_device.busy_us += span.end_us - span.start_us;
                }
            }
            _ => {}
        })
        .unwrap();
    let (wall_s, ended_us) = (began.elapsed().as_secs_f64(), now_us());
    assert_eq!(outcome.stages_computed, items.len() * 5, "every artifact was computed");
    let mean_s = |of: &dyn Fn(&Calls) -> u64| calls.values().map(of).sum::<u64>() as f64 / calls.len() as f64 / 1e6;
    Timed {
        wall_s,
        commits,
        revoked: outcome.revoked,
        before_s: mean_s(&|calls| calls.first_us.saturating_sub(began_us)),
        between_s: mean_s(&|calls| (calls.last_us - calls.first_us).saturating_sub(calls.busy_us)),
        after_s: mean_s(&|calls| ended_us.saturating_sub(calls.last_us)),
    }
}

fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64
}
