//! Earwitness's own worker of the peers bench: `peers_ours MODEL_FOLDER PRECISION THREADS`, driven as `worker.py` says
//! (the threads are those of `RAYON_NUM_THREADS`).

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use candle_core::{DType, Device};
use serde_json::{Value, json};
use stage_core::{DeviceStage, ListFlow, Pcm, SpeechSegments, VadIdentity, Window};
use transcribe::{MelWindow, ModelFiles, ModelSource, TranscribeConfig, Transcriber};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Windows of 30 s that are timed.
const TIMED: usize = 8;
/// Text tokens of each.
const TOKENS: usize = 34;

// What depends on the stage's interface.

/// One greedy attempt of exactly `TOKENS` (the model's own configuration suppresses the end token), no token times.
fn config(precision: &str) -> Result<TranscribeConfig> {
    Ok(TranscribeConfig {
        language: Some("en".into()),
        precision: precision.parse()?,
        max_tokens: Some(TOKENS),
        token_times: false,
        temperatures: vec![0.0],
        repetition_limit: 0,
        ..TranscribeConfig::default()
    })
}

/// The texts of all units, at most `batch` of them under way at a time.
fn decode(transcriber: &Transcriber, units: &[MelWindow], batch: usize) -> Result<Vec<Vec<u32>>> {
    let mut flow = ListFlow::new(units.iter().cloned().map(Arc::new).collect(), batch);
    transcriber.infer(&mut flow)?;
    let answers = flow.into_answers().ok_or("a window was not answered")?;
    Ok(answers.into_iter().map(|answer| answer.tokens).collect())
}

/// The logits before each of `tokens`, `[tokens, vocabulary]`, as `logits.i` for `windows.i` and `tokens.i` of `from`.
fn teach(transcriber: &Transcriber, from: &Path, to: &Path) -> Result<()> {
    let given = candle_core::safetensors::load(from, &Device::Cpu)?;
    let tensor = |name: String| given.get(&name).ok_or(format!("{name} is missing"));
    let mut logits = HashMap::new();
    for index in 0..given.keys().filter(|name| name.starts_with("tokens.")).count() {
        let unit = units(transcriber, tensor(format!("windows.{index}"))?.to_vec1()?)?.remove(0);
        let tokens: Vec<u32> = tensor(format!("tokens.{index}"))?.to_dtype(DType::U32)?.to_vec1()?;
        logits.insert(format!("logits.{index}"), transcriber.logits(&unit, &tokens)?);
    }
    Ok(candle_core::safetensors::save(&logits, to)?)
}

// What does not.

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(precision)) = (arguments.next(), arguments.next()) else {
        return Err("benches/peers/run.py runs this: MODEL_FOLDER PRECISION THREADS".into());
    };
    let folder = PathBuf::from(folder);
    let windows = windows(&folder.join("teacher.safetensors"))?;
    let idle_mib = memory_mib("VmRSS:")?;
    let (transcriber, units) = match load(&folder.join("hf"), &precision, windows) {
        Ok(loaded) => loaded,
        Err(reason) => return say(&json!({ "error": reason.to_string() })),
    };
    say(&json!({ "ready": format!("earwitness {precision}"), "idle_mib": idle_mib }))?;
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        say(&answer(&transcriber, &units, &request).unwrap_or_else(|reason| json!({ "error": reason.to_string() })))?;
    }
    Ok(())
}

fn say(reply: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{reply}")?;
    Ok(out.flush()?)
}

fn answer(transcriber: &Transcriber, units: &[MelWindow], request: &Value) -> Result<Value> {
    let path = |name: &str| request[name].as_str().map(PathBuf::from).ok_or("a path is expected");
    if request["do"] == "teach" {
        teach(transcriber, &path("from")?, &path("to")?)?;
        return Ok(json!({}));
    }
    let batch = request["batch"].as_u64().and_then(|batch| usize::try_from(batch).ok()).filter(|batch| *batch > 0);
    let batch = batch.ok_or("a batch is expected")?;
    let start = Instant::now();
    let tokens = decode(transcriber, units, batch)?;
    let seconds = start.elapsed().as_secs_f64();
    let lengths: Vec<usize> = tokens.iter().map(Vec::len).collect();
    if lengths != [TOKENS; TIMED] {
        return Err(format!("{lengths:?} tokens in the windows, not {TOKENS} in each").into());
    }
    Ok(json!({ "seconds": seconds, "tokens": tokens, "peak_mib": memory_mib("VmHWM:")? }))
}

/// The timed windows' samples (16 kHz), one after the other.
fn windows(path: &Path) -> Result<Vec<f32>> {
    let tensors = candle_core::safetensors::load(path, &Device::Cpu)?;
    let mut samples = Vec::new();
    for index in 0..TIMED {
        let window = tensors.get(&format!("windows.{index}")).ok_or("a window is missing")?;
        samples.extend(window.to_vec1::<f32>()?);
    }
    Ok(samples)
}

/// The model, and the windows' features.
fn load(model: &Path, precision: &str, samples: Vec<f32>) -> Result<(Transcriber, Vec<MelWindow>)> {
    let files = ModelFiles::resolve(&ModelSource::Directory(model.into()))?;
    let transcriber = Transcriber::new(files, config(precision)?)?;
    transcriber.load()?;
    let units = units(&transcriber, samples)?;
    Ok((transcriber, units))
}

/// The features of windows' samples, which lie one after the other.
fn units(transcriber: &Transcriber, samples: Vec<f32>) -> Result<Vec<MelWindow>> {
    let window_s = transcriber.files().window_s();
    let window = |index: usize| {
        let start_s = index as f64 * window_s;
        Window { channel: 0, start_s, end_s: start_s + window_s, first_span: 0, spans: 0 }
    };
    let segments = SpeechSegments {
        vad: VadIdentity { name: "none".into(), model_sha256: None },
        spans: vec![],
        windows: (0..samples.len() / (window_s * 16_000.0) as usize).map(window).collect(),
        dropped: vec![],
    };
    let mut units = Vec::new();
    let pcm = Pcm::from_channels(vec![samples]);
    transcriber.prepare((&pcm, &segments), &|_| false, &mut |_, unit| {
        units.push(unit);
        true
    })?;
    Ok(units)
}

/// `VmRSS:` or `VmHWM:` (its peak) of this process, in MiB.
fn memory_mib(field: &str) -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).ok_or("no such field")?;
    Ok(line.split_whitespace().next().ok_or("no number")?.parse::<f64>()? / 1024.0)
}
