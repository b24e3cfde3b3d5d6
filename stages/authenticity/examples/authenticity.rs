//! Prints the authenticity cues of WAV files as JSON, one line per file. Each line of the standard input is a path and,
//! after a tab, the codec of the file that it was decoded from (`aac`, `mp3`, `pcm`). `--grids` seeks frame grids alone,
//! and `--without-grids` everything else. `benches/authenticity` uses it.

use std::error::Error;
use std::f64::consts::PI;
use std::io;
use std::time::Instant;

use authenticity::{Cue, Examiner, PLANE_RATE_HZ, Plane, Sought};
use serde_json::{Value, json};

/// Samples that are added at once, as a decoder gives them.
const BLOCK: usize = 4096;

fn main() -> Result<(), Box<dyn Error>> {
    let sought = match std::env::args().nth(1).as_deref() {
        None => Sought::All,
        Some("--grids") => Sought::Grids,
        Some("--without-grids") => Sought::WithoutGrids,
        Some(option) => return Err(format!("{option} is not an option").into()),
    };
    for line in io::stdin().lines() {
        let line = line?;
        let (path, codec) = line.split_once('\t').unwrap_or((&line, "pcm"));
        let (rate_hz, samples) = read(path).map_err(|error| format!("{path}: {error}"))?;
        let plane = if rate_hz == PLANE_RATE_HZ { samples.clone() } else { resample(&samples, f64::from(rate_hz)) };
        let plane = Memory(plane);
        let begin = Instant::now();
        let mut examiner = Examiner::seeking(sought, rate_hz, codec);
        samples.chunks(BLOCK).for_each(|block| examiner.add(block));
        let cues: Vec<Value> = examiner.finish(&plane)?.iter().map(to_json).collect();
        let seconds = samples.len() as f64 / f64::from(rate_hz);
        let wall_s = begin.elapsed().as_secs_f64();
        println!("{}", json!({ "path": path, "seconds": seconds, "wall_s": wall_s, "cues": cues }));
    }
    Ok(())
}

fn to_json(cue: &Cue) -> Value {
    json!({
        "kind": format!("{:?}", cue.kind),
        "start_s": cue.start_s,
        "end_s": cue.end_s,
        "other_start_s": cue.other_start_s,
        "statistic": cue.statistic,
    })
}

/// Rate and samples of the first channel.
fn read(path: &str) -> Result<(u32, Vec<f32>), hound::Error> {
    let mut wav = hound::WavReader::open(path)?;
    let spec = wav.spec();
    let channels = usize::from(spec.channels);
    let samples: Result<Vec<f32>, _> = match spec.sample_format {
        hound::SampleFormat::Float => wav.samples::<f32>().step_by(channels).collect(),
        hound::SampleFormat::Int => {
            let scale = 2f32.powi(1 - i32::from(spec.bits_per_sample));
            wav.samples::<i32>().step_by(channels).map(|sample| Ok(sample? as f32 * scale)).collect()
        }
    };
    Ok((spec.sample_rate, samples?))
}

struct Memory(Vec<f32>);

impl Plane for Memory {
    fn read(&self, start: u64, len: usize) -> io::Result<Vec<f32>> {
        let start = (start as usize).min(self.0.len());
        Ok(self.0[start..(start + len).min(self.0.len())].to_vec())
    }
}

/// The samples at [`PLANE_RATE_HZ`], by a windowed sinc. The pipeline's planes are those of decode.
fn resample(samples: &[f32], rate_hz: f64) -> Vec<f32> {
    let ratio = rate_hz / f64::from(PLANE_RATE_HZ);
    let cut = ratio.max(1.0) / 0.97;
    let half = (24.0 * cut) as i64;
    let steps = 256;
    let value = |at: i64| {
        let t = at as f64 / steps as f64;
        let u = PI * t / cut;
        let sinc = if at == 0 { 1.0 } else { u.sin() / u };
        (sinc * (0.5 + 0.5 * (PI * t / (half + 1) as f64).cos()) / cut) as f32
    };
    let table: Vec<f32> = (0..=(half + 1) * steps).map(value).collect();
    let length = (samples.len() as f64 / ratio) as usize;
    let at = |index: usize| {
        let center = index as f64 * ratio;
        let first = (center as i64 - half + 1).max(0) as usize;
        let end = ((center as i64 + half + 1) as usize).min(samples.len());
        let term = |near: usize| samples[near] * table[((near as f64 - center).abs() * steps as f64) as usize];
        (first..end).map(term).sum()
    };
    (0..length).map(at).collect()
}
