//! Load time of a model, up to a first window of silence, and its memory use.
//!
//!     cargo bench -p transcribe --bench load -- MODEL PRECISION
//!
//! MODEL is `embedded` or a folder. Each step runs once, as in a worker; run the bench again for another sample.

use std::time::Instant;

use stage_core::DeviceStage;
use transcribe::{Compute, ModelSource, Precision, TranscribeConfig, Transcriber, open_model};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let model = arguments.first().map_or("embedded", String::as_str);
    let precision = arguments.get(1).map_or("f32", String::as_str);
    let source: ModelSource = model.parse().expect("a model");
    let precision: Precision = precision.parse().expect("a precision");
    println!("{model} in {precision}, {} threads", rayon::current_num_threads());
    let model_files = timed("find and check the files", || open_model(&source).expect("a whole model"));
    timed("hash (coordinator)", || model_files.sha256().map(drop).expect("readable files"));
    timed("check all numbers (coordinator)", || model_files.check_contents().expect("a sound model"));
    let transcriber = Transcriber::new(model_files, TranscribeConfig::default(), Compute::cpu(precision))
        .expect("settings that the model knows");
    timed("load and pack", || transcriber.load().expect("a model that loads"));
    timed("a window of silence", || transcriber.health_probe().expect("a model that works"));
}

/// Runs a step and prints its time in seconds, and the memory in use after it and at its peak.
fn timed<T>(step: &str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = work();
    let seconds = started.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mib = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kib: f64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN);
        kib / 1024.0
    };
    println!(
        "{step:32} {seconds:6.3} s   in use {:5.0} MiB ({:.0} of files), peak {:5.0} MiB",
        mib("VmRSS:"),
        mib("RssFile:"),
        mib("VmHWM:")
    );
    result
}
