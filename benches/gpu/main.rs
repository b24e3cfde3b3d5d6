//! The Rust half of the GPU check: measures the transcribe stage on one device. `check.py` runs it; every subcommand
//! prints one JSON object.
//!
//! ```text
//! gpu_bench kernels    --device D
//! gpu_bench ceilings   --device D
//! gpu_bench throughput MODEL --device D --precision P --batch B --windows FILE --count N --tokens T --repeats R
//!                      [--limit-s S] [--token-times]
//! gpu_bench profile    MODEL (the same flags)
//! gpu_bench teach      MODEL --device D --precision P --from FILE --to FILE
//! ```

mod arguments;
mod ceilings;
#[path = "../engine.rs"]
mod engine;
mod kernels_check;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use kernels::probe;
use serde_json::{Value, json};
use transcribe::{Compute, TranscribeConfig};

use crate::arguments::Arguments;
use crate::engine::{Engine, Result, one_attempt};

/// Seconds of a window.
const WINDOW_S: f64 = 30.0;

fn main() -> Result<ExitCode> {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let arguments = Arguments::parse(words)?;
    let report = match command.as_str() {
        "kernels" => kernels(&arguments)?,
        "ceilings" => ceilings::measure(&arguments.device()?.open()?)?,
        "throughput" => throughput(&arguments)?,
        "profile" => profile(&arguments)?,
        "teach" => teach(&arguments)?,
        other => return Err(format!("no subcommand `{other}`").into()),
    };
    println!("{report}");
    Ok(if report["passed"] == false { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn kernels(arguments: &Arguments) -> Result<Value> {
    let entries = kernels_check::run(&arguments.device()?.open()?);
    let all_passed = |entries: &Vec<Value>| !entries.is_empty() && entries.iter().all(|entry| entry["passed"] == true);
    let passed = entries.as_array().is_some_and(all_passed);
    Ok(json!({ "passed": passed, "kernels": entries }))
}

/// Timed passes over all windows, after an untimed warm-up pass.
fn throughput(arguments: &Arguments) -> Result<Value> {
    let mut passes = Passes::prepare(arguments)?;
    let (repeats, limit_s) = (arguments.required("repeats")?, arguments.optional("limit-s")?.unwrap_or(f64::INFINITY));
    let started = Instant::now();
    let warm_up_s = passes.run()?;
    let mut seconds = Vec::new();
    while seconds.len() < repeats && (seconds.is_empty() || started.elapsed().as_secs_f64() < limit_s) {
        seconds.push(passes.run()?);
    }
    let times_real_time = passes.audio_s() / measure::median(&seconds).ok_or("no run was timed")?;
    Ok(json!({
        "load_s": passes.load_s, "mel_s": passes.mel_s, "warm_up_s": warm_up_s, "seconds": seconds,
        "audio_s": passes.audio_s(), "times_real_time": times_real_time, "tokens": passes.tokens,
    }))
}

/// One pass with the probe on, after a pass without it.
fn profile(arguments: &Arguments) -> Result<Value> {
    let mut passes = Passes::prepare(arguments)?;
    passes.run()?;
    let plain_s = passes.run()?;
    probe::start();
    let probed_s = passes.run()?;
    let parts: Vec<_> = probe::finish()
        .iter()
        .map(|part| json!({ "name": part.name, "seconds": part.seconds, "count": part.count }))
        .collect();
    Ok(json!({ "plain_s": plain_s, "probed_s": probed_s, "audio_s": passes.audio_s(), "parts": parts }))
}

fn teach(arguments: &Arguments) -> Result<Value> {
    let (engine, load_s) = load(arguments, None)?;
    let (from, to): (PathBuf, PathBuf) = (arguments.required("from")?, arguments.required("to")?);
    let windows = engine.teach(&from, &to)?;
    Ok(json!({ "load_s": load_s, "windows": windows }))
}

/// The model named in the arguments, and its load time in seconds.
fn load(arguments: &Arguments, tokens: Option<usize>) -> Result<(Engine, f64)> {
    let config = TranscribeConfig { token_times: arguments.has("token-times"), ..one_attempt(tokens) };
    let compute = Compute { device: arguments.device()?, precision: arguments.required("precision")? };
    Engine::load(&arguments.model()?, config, compute)
}

/// Windows that are decoded repeatedly.
struct Passes {
    engine: Engine,
    load_s: f64,
    units: Vec<std::sync::Arc<models::whisper::MelWindow>>,
    mel_s: f64,
    batch: usize,
    tokens_per_window: usize,
    /// The tokens of the last pass.
    tokens: Vec<Vec<u32>>,
}

impl Passes {
    fn prepare(arguments: &Arguments) -> Result<Self> {
        let tokens_per_window = arguments.required("tokens")?;
        let (engine, load_s) = load(arguments, Some(tokens_per_window))?;
        let start = Instant::now();
        let units = engine.units(&arguments.required::<PathBuf>("windows")?, arguments.required("count")?)?;
        let mel_s = start.elapsed().as_secs_f64();
        Ok(Self {
            engine,
            load_s,
            units,
            mel_s,
            batch: arguments.required("batch")?,
            tokens_per_window,
            tokens: vec![],
        })
    }

    /// Time of one pass in seconds. Fails if a text does not have the requested length.
    fn run(&mut self) -> Result<f64> {
        let start = Instant::now();
        self.tokens = self.engine.decode(&self.units, self.batch)?;
        let seconds = start.elapsed().as_secs_f64();
        match self.tokens.iter().find(|tokens| tokens.len() != self.tokens_per_window) {
            None => Ok(seconds),
            Some(tokens) => Err(format!("a window has {} tokens, not {}", tokens.len(), self.tokens_per_window).into()),
        }
    }

    fn audio_s(&self) -> f64 {
        self.units.len() as f64 * WINDOW_S
    }
}
