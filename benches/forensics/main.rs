//! Speed and memory of the forensics stage, by measure and by feature, compared with Praat.
//!
//! ```text
//! cargo bench -p forensics --bench forensics               # speed, one thread
//! cargo bench -p forensics --bench forensics -- --long     # memory of calls up to 4 hours
//! ```
//!
//! Everything runs on one thread, and CPU time is compared, so that other programs on the machine change it little. Praat runs
//! in the same run if `EARWITNESS_ORACLE_PYTHON` or the workspace's `.venv` has parselmouth.

mod call;
mod features;
mod praat;

use std::path::Path;
use std::time::Duration;

use forensics::{Forensics, ForensicsConfig};
use measure::{Machine, figures};
use rustix::time::{ClockId, clock_gettime};
use stage_core::Stage;

use self::call::Call;

/// Length of the calls, in seconds.
const SECONDS: f64 = 600.0;
const RUNS: usize = 3;
/// Lengths of the calls whose memory is measured, in seconds.
const LONG_S: [f64; 3] = [600.0, 3_600.0, 14_400.0];

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    println!("{}; CPU time, best of {RUNS} runs", Machine::here());
    let speech = call::speech(&root.join("../shared/data"), &root.join("fixtures/speech"));
    let stage = Forensics::new(ForensicsConfig::default(), &[]).expect("the project's lexicons load");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool of one thread");
    pool.install(|| {
        if std::env::args().any(|argument| argument == "--long") {
            return memory(&stage, &speech);
        }
        whole_stage(&stage, &speech);
        by_measure(&stage, &speech);
        by_feature(&stage, &root, &speech);
    });
}

/// CPU time of this process, in seconds.
fn cpu_s() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32).as_secs_f64()
}

/// The least CPU time of several runs, in seconds.
fn best_s(mut work: impl FnMut()) -> f64 {
    let timed = |_| {
        let begin_s = cpu_s();
        work();
        cpu_s() - begin_s
    };
    (0..RUNS).map(timed).fold(f64::INFINITY, f64::min)
}

fn run(stage: &Forensics, call: &Call) {
    stage.run(call.input()).expect("samples in memory can be read");
}

fn whole_stage(stage: &Forensics, speech: &[f32]) {
    let mut table = figures(1, ["whole stage", "CPU seconds", "x real time"]);
    let mut row = |name: &str, call: Call| {
        let seconds = best_s(|| run(stage, &call));
        table.add_row([name.to_owned(), format!("{seconds:.2}"), format!("{:.0}", call.duration_s() / seconds)]);
    };
    row("10 minutes, 1 channel, 16 kHz, no speech detected", Call::new(speech, SECONDS, 1).without_speech());
    row("10 minutes, 1 channel, 16 kHz", Call::new(speech, SECONDS, 1));
    row("10 minutes, 2 channels that both speak all the time, 16 kHz", Call::new(speech, SECONDS, 2));
    row("the same, file at 48 kHz", Call::new(speech, SECONDS, 2).at_48_khz());
    row("10 minutes, 2 channels that speak in turns, 48 kHz", Call::new(speech, SECONDS, 2).in_turns().at_48_khz());
    row("20 minutes, the same at 48 kHz", Call::new(speech, 2.0 * SECONDS, 2).at_48_khz());
    println!("{table}");
}

fn by_measure(stage: &Forensics, speech: &[f32]) {
    let call = Call::new(speech, SECONDS, 2).at_48_khz();
    let times = |_| stage.measure_times(call.input(), &cpu_s).expect("samples in memory can be read");
    let runs: Vec<_> = (0..RUNS).map(times).collect();
    let best = |name: &str| runs.iter().filter_map(|times| times.get(name)).copied().fold(f64::INFINITY, f64::min);
    let mut table = figures(1, ["10 minutes, 2 channels, 48 kHz, by measure", "CPU seconds"]);
    for name in runs[0].keys() {
        table.add_row([(*name).to_owned(), format!("{:.2}", best(name))]);
    }
    println!("{table}");
}

fn by_feature(stage: &Forensics, root: &Path, speech: &[f32]) {
    let call = Call::new(speech, SECONDS, 1);
    let f0_times = |_| stage.measure_times(call.input(), &cpu_s).expect("samples in memory can be read")["f0"];
    let f0_s = (0..RUNS).map(f0_times).fold(f64::INFINITY, f64::min);
    let praat = praat::measure(root, call.channel());
    let contour = praat.as_ref().map(|praat| praat.f0_hz.as_slice());
    let ours = features::measure(call.channel(), f0_s, contour);
    let mut table = figures(1, ["10 minutes, 1 channel, 16 kHz, every frame", "CPU seconds", "Praat", "times"]);
    let mut row = |name: &str, ours: f64, praat: Option<f64>| {
        let [seconds, times] = [praat.map(|s| format!("{s:.2}")), praat.map(|s| format!("{:.0}", s / ours))];
        table.add_row([name.to_owned(), format!("{ours:.3}"), seconds.unwrap_or_default(), times.unwrap_or_default()]);
    };
    for (name, seconds) in &ours {
        row(name, *seconds, praat.as_ref().and_then(|praat| praat.seconds.get(*name)).copied());
    }
    let total = ours.iter().map(|(_, seconds)| seconds).sum();
    row("all", total, praat.as_ref().map(|praat| praat.seconds.values().sum()));
    println!("{table}");
    if praat.is_none() {
        println!("Praat is left out: no Python with parselmouth");
    }
}

/// Peak memory of the stage above what was resident before it. Samples are in a temporary file.
fn memory(stage: &Forensics, speech: &[f32]) {
    let mut table = figures(1, ["2 channels, 48 kHz, memory of the stage", "CPU seconds", "MiB above the start"]);
    for seconds in LONG_S {
        let call = Call::new(speech, seconds, 2).at_48_khz();
        let before = measure::resident_mib();
        measure::reset_peak_resident();
        let begin_s = cpu_s();
        run(stage, &call);
        let cpu = cpu_s() - begin_s;
        let above = measure::peak_resident_mib().zip(before).map(|(peak, before)| format!("{:.0}", peak - before));
        let name = format!("{:.0} minutes", seconds / 60.0);
        table.add_row([name, format!("{cpu:.1}"), above.unwrap_or_else(|| "unknown".to_owned())]);
    }
    println!("{table}");
}
