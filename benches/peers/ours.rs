//! Earwitness's worker of the peers bench: `peers_ours MODEL_FOLDER PRECISION THREADS`, with the protocol of
//! `worker.py` (`RAYON_NUM_THREADS` sets the number of threads).

#[path = "../engine.rs"]
mod engine;

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use models::Compute;
use models::whisper::MelWindow;
use serde_json::{Value, json};

use crate::engine::{Engine, Result, one_attempt};

/// Number of timed windows of 30 s.
const TIMED: usize = 8;
/// Number of text tokens per window.
const TOKENS: usize = 34;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(precision)) = (arguments.next(), arguments.next()) else {
        return Err("benches/peers/run.py runs this: MODEL_FOLDER PRECISION THREADS".into());
    };
    let folder = PathBuf::from(folder);
    let idle_mib = measure::resident_mib().ok_or("the memory use of the process is unknown")?;
    let (engine, units) = match load(&folder, &precision) {
        Ok(loaded) => loaded,
        Err(reason) => return say(&json!({ "error": reason.to_string() })),
    };
    say(&json!({ "ready": format!("earwitness {precision}"), "idle_mib": idle_mib }))?;
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        say(&answer(&engine, &units, &request).unwrap_or_else(|reason| json!({ "error": reason.to_string() })))?;
    }
    Ok(())
}

fn say(reply: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{reply}")?;
    Ok(out.flush()?)
}

fn answer(engine: &Engine, units: &[Arc<MelWindow>], request: &Value) -> Result<Value> {
    let path = |name: &str| request[name].as_str().map(PathBuf::from).ok_or("a path is expected");
    if request["do"] == "teach" {
        engine.teach(&path("from")?, &path("to")?)?;
        return Ok(json!({}));
    }
    let batch = request["batch"].as_u64().and_then(|batch| usize::try_from(batch).ok()).filter(|batch| *batch > 0);
    let batch = batch.ok_or("a batch is expected")?;
    let start = Instant::now();
    let tokens = engine.decode(units, batch)?;
    let seconds = start.elapsed().as_secs_f64();
    let lengths: Vec<usize> = tokens.iter().map(Vec::len).collect();
    if lengths != [TOKENS; TIMED] {
        return Err(format!("{lengths:?} tokens in the windows, not {TOKENS} in each").into());
    }
    Ok(json!({ "seconds": seconds, "tokens": tokens, "peak_mib": measure::peak_resident_mib() }))
}

/// Loads the model, and computes the features of the timed windows.
fn load(folder: &Path, precision: &str) -> Result<(Engine, Vec<Arc<MelWindow>>)> {
    let compute = Compute::cpu(precision.parse()?);
    let (engine, _) = Engine::load(&folder.join("hf"), one_attempt(Some(TOKENS)), compute)?;
    let units = engine.units(&folder.join("teacher.safetensors"), TIMED)?;
    Ok((engine, units))
}
