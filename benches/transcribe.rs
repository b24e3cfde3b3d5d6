//! Transcribe: the embedded model on spoken digits, and networks of the size of whisper-tiny and whisper-base with
//! random weights (with meaningless text of a fixed length), at batch sizes 1 and 8 on this machine's CPU.
//!
//! `cargo bench -p transcribe`. The time of the encoder is that of a text of one token (encoder, prompt, first token);
//! the remaining time, divided by the remaining tokens, is one step of the decoder. If the recordings of digits are
//! missing, chirps replace them.

#[path = "transcribe/random.rs"]
mod random;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use measure::{Machine, figures, runs};
use models::whisper::Hypothesis;
use stage_core::{DeviceStage, ListFlow, Pcm, SpeechSegments, Window};
use transcribe::{Compute, ModelSource, Output, Precision, TranscribeConfig, Transcriber, Unit, open_model};

const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::Bf16, Precision::Int8];
const RUNS: usize = 3;
/// Number of windows in each measurement.
const WINDOWS: usize = 8;
/// Text tokens per window of a random network: about as many as in 30 s of telephone speech.
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

/// Prints the table of a model.
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

/// Batch size, milliseconds of the parts, tokens per window, and times real time, for each batch size.
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
    // One attempt that uses the whole token budget, because the bench measures a step.
    let config = TranscribeConfig {
        languages: vec!["en".into()],
        max_tokens,
        token_times: false,
        beam_size: 1,
        temperatures: vec![0.0],
        repetition_limit: 0,
        ..TranscribeConfig::default()
    };
    let transcriber = Transcriber::new(files, config, Compute::cpu(precision)).expect("a model that knows English");
    transcriber.load().expect("weights that fit");
    transcriber
}

/// Time for all windows in batches, in seconds, in the best of several runs, and the number of tokens.
fn infer(transcriber: &Transcriber, units: &[Arc<Unit>], batch: usize) -> (f64, usize) {
    let decoded = runs(0, RUNS, || {
        let mut flow = ListFlow::new(units.to_vec(), batch);
        transcriber.infer(&mut flow).expect("answers");
        flow.into_outputs().expect("an answer for each")
    });
    (decoded.best_s(), decoded.best().iter().map(tokens).sum())
}

/// Number of tokens of a window, including the end token.
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

/// The samples of an 8 kHz file, interpolated to 16 kHz.
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
