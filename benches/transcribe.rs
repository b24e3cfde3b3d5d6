//! Transcribe: the embedded model on spoken digits, and networks of the size of whisper-tiny and whisper-base with
//! random weights (whose text means nothing, and whose length is fixed), at batch 1 and 8 on this machine's CPU.
//!
//! `cargo bench -p transcribe`. The encoder's share is what a text of one token takes (encoder, prompt, first choice);
//! the rest of the time, divided by the remaining tokens, is one step of the decoder. Without the recordings beside the
//! checkout, chirps stand in for the digits.

#[path = "transcribe/random.rs"]
mod random;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use measure::{Machine, figures, runs};
use models::whisper::Hypothesis;
use stage_core::{DeviceStage, ListFlow, Pcm, SpeechSegments, Window};
use transcribe::{ModelSource, Output, Precision, TranscribeConfig, Transcriber, Unit, open_model};

const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::Bf16, Precision::Int8];
const RUNS: usize = 3;
/// Windows in each measurement.
const WINDOWS: usize = 8;
/// Text tokens of a random network's window: about what 30 s of speech have on the telephone.
const TOKENS: usize = 34;

fn main() {
    println!("{}; best of {RUNS} runs", Machine::here());
    model("embedded", &ModelSource::Embedded, None);
    for size in [random::TINY, random::BASE, random::SMALL] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        random::write(&size, directory.path());
        model(size.name, &ModelSource::Directory(directory.path().into()), Some(TOKENS));
    }
}

/// A model's table.
fn model(name: &str, source: &ModelSource, max_tokens: Option<usize>) {
    let header = [name, "precision", "batch", "mel ms", "encoder ms", "step ms", "tokens", "x real time"];
    let mut table = figures(2, header);
    for precision in PRECISIONS {
        for row in rows(source, precision, max_tokens) {
            table.add_row([String::new(), precision.name().to_owned()].into_iter().chain(row));
        }
    }
    println!("{table}");
}

/// Batch, milliseconds of the parts, tokens of a window, and times real time, at each batch size.
fn rows(source: &ModelSource, precision: Precision, max_tokens: Option<usize>) -> [[String; 6]; 2] {
    let full = transcriber(source, precision, max_tokens);
    let first = transcriber(source, precision, Some(1));
    let window_s = full.model().window_s();
    let (pcm, segments) = digits(window_s);
    let mel = runs(0, RUNS, || windows(&full, &pcm, &segments));
    let (mel_s, units) = (mel.best_s(), mel.best());
    [1, WINDOWS].map(|batch| {
        let (first_s, _) = infer(&first, units, batch);
        let (full_s, tokens) = infer(&full, units, batch);
        let steps = tokens as f64 / WINDOWS as f64 - 1.0;
        let per_window_ms = |seconds: f64| seconds * 1e3 / WINDOWS as f64;
        [
            batch.to_string(),
            format!("{:.2}", per_window_ms(mel_s)),
            format!("{:.1}", per_window_ms(first_s)),
            format!("{:.2}", per_window_ms((full_s - first_s).max(0.0)) * batch as f64 / steps.max(1.0)),
            format!("{:.1}", tokens as f64 / WINDOWS as f64),
            format!("{:.1}", window_s * WINDOWS as f64 / (full_s + mel_s)),
        ]
    })
}

/// The features of all windows.
fn windows(transcriber: &Transcriber, pcm: &Pcm, segments: &SpeechSegments) -> Vec<Arc<Unit>> {
    let mut units = Vec::new();
    let mut emit = |_, unit| {
        units.push(Arc::new(unit));
        true
    };
    transcriber.prepare((pcm, segments), &|_| false, &mut emit).expect("windows that fit the model");
    units
}

fn transcriber(source: &ModelSource, precision: Precision, max_tokens: Option<usize>) -> Transcriber {
    let files = open_model(source).expect("a whole model");
    // One attempt, as long as the budget: what is measured is a step.
    let config = TranscribeConfig {
        languages: vec!["en".into()],
        precision,
        max_tokens,
        token_times: false,
        beam_size: 1,
        temperatures: vec![0.0],
        repetition_limit: 0,
        ..TranscribeConfig::default()
    };
    let transcriber = Transcriber::new(files, config).expect("a model that knows English");
    transcriber.load().expect("weights that fit");
    transcriber
}

/// Seconds that all windows take in batches in the best of several runs, and how many tokens come out.
fn infer(transcriber: &Transcriber, units: &[Arc<Unit>], batch: usize) -> (f64, usize) {
    let decoded = runs(0, RUNS, || {
        let mut flow = ListFlow::new(units.to_vec(), batch);
        transcriber.infer(&mut flow).expect("answers");
        flow.into_outputs().expect("an answer for each")
    });
    (decoded.best_s(), decoded.best().iter().map(tokens).sum())
}

/// Tokens of a window, its end included.
fn tokens(output: &Output) -> usize {
    output.typed::<Hypothesis>().expect("Whisper's output").tokens.len() + 1
}

/// Whole windows of one speaker's digits, and their positions.
fn digits(window_s: f64) -> (Pcm, SpeechSegments) {
    let frames = (window_s * WINDOWS as f64 * 16_000.0) as usize;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/fsdd");
    let recording = |index: usize| folder.join(format!("{}_lucas_{}.wav", index * 7 % 10, index % 50));
    let mut samples: Vec<f32> = Vec::new();
    for index in 0.. {
        if samples.len() >= frames {
            break;
        }
        samples.extend(read(&recording(index)).unwrap_or_else(|| chirp(index)));
        samples.extend([0.0; 3_200]);
    }
    samples.truncate(frames);
    let window = |index: usize| Window::without_spans(0, index as f64 * window_s, (index + 1) as f64 * window_s);
    (Pcm::from_channels(vec![samples]), SpeechSegments::of_windows((0..WINDOWS).map(window).collect()))
}

/// The samples of a file of 8 kHz, interpolated to 16 kHz.
fn read(path: &PathBuf) -> Option<Vec<f32>> {
    let mut file = hound::WavReader::open(path).ok()?;
    let samples: Vec<f32> = file.samples::<i16>().map_while(Result::ok).map(|x| f32::from(x) / 32_768.0).collect();
    Some(samples.windows(2).flat_map(|pair| [pair[0], (pair[0] + pair[1]) / 2.0]).collect())
}

fn chirp(index: usize) -> Vec<f32> {
    let base = 200.0 + 40.0 * index as f32;
    let sample = |t: f32| (std::f32::consts::TAU * (base + 300.0 * t) * t).sin() * 0.3;
    (0..6_400).map(|i| sample(i as f32 / 16_000.0)).collect()
}
