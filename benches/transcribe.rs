//! Transcribe: the embedded model on spoken digits, and networks of the size of whisper-tiny and whisper-base with
//! random weights (whose text means nothing, and whose length is fixed), at batch 1 and 8 on this machine's processor.
//!
//! `cargo bench -p transcribe`. The encoder's share is what a text of one token takes (encoder, prompt, first choice);
//! the rest of the time, divided by the remaining tokens, is one step of the decoder. Without the recordings beside the
//! checkout, chirps stand in for the digits.

#[path = "transcribe/random.rs"]
mod random;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use stage_core::{DeviceStage, ListFlow, Pcm, SpeechSegments, VadIdentity, Window};
use transcribe::{MelWindow, ModelFiles, ModelSource, Precision, TranscribeConfig, Transcriber};

const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::Bf16, Precision::Int8];
/// Windows in each measurement.
const WINDOWS: usize = 8;
/// Text tokens of a random network's window: about what 30 s of speech have on the telephone.
const TOKENS: usize = 34;

fn main() {
    println!(
        "{:<9} {:<9} {:>5} {:>10} {:>12} {:>12} {:>10} {:>12}",
        "model", "precision", "batch", "mel ms", "encoder ms", "step ms", "tokens", "x real time"
    );
    let embedded = ModelSource::Embedded;
    for precision in PRECISIONS {
        measure("embedded", &embedded, precision, None);
    }
    for size in [random::TINY, random::BASE, random::SMALL] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        random::write(&size, directory.path());
        for precision in PRECISIONS {
            measure(size.name, &ModelSource::Directory(directory.path().into()), precision, Some(TOKENS));
        }
    }
}

fn measure(name: &str, source: &ModelSource, precision: Precision, max_tokens: Option<usize>) {
    let full = transcriber(source, precision, max_tokens);
    let first = transcriber(source, precision, Some(1));
    let window_s = full.files().window_s();
    let (pcm, segments) = digits(window_s);
    let start = Instant::now();
    let mut units = Vec::new();
    full.prepare((&pcm, &segments), &|_| false, &mut |_, unit| {
        units.push(Arc::new(unit));
        true
    })
    .expect("windows that fit the model");
    let mel_s = start.elapsed().as_secs_f64();
    for batch in [1, WINDOWS] {
        let (first_s, _) = infer(&first, &units, batch);
        let (full_s, tokens) = infer(&full, &units, batch);
        let steps = tokens as f64 / WINDOWS as f64 - 1.0;
        println!(
            "{name:<9} {:<9} {batch:>5} {:>10.2} {:>12.1} {:>12.2} {:>10.1} {:>12.1}",
            precision.name(),
            mel_s * 1e3 / WINDOWS as f64,
            first_s * 1e3 / WINDOWS as f64,
            (full_s - first_s).max(0.0) * 1e3 / WINDOWS as f64 * batch as f64 / steps.max(1.0),
            tokens as f64 / WINDOWS as f64,
            window_s * WINDOWS as f64 / (full_s + mel_s),
        );
    }
}

fn transcriber(source: &ModelSource, precision: Precision, max_tokens: Option<usize>) -> Transcriber {
    let files = ModelFiles::resolve(source).expect("a whole model");
    // One attempt, as long as the budget: what is measured is a step.
    let config = TranscribeConfig {
        languages: vec!["en".into()],
        precision,
        max_tokens,
        token_times: false,
        temperatures: vec![0.0],
        repetition_limit: 0,
        ..TranscribeConfig::default()
    };
    let transcriber = Transcriber::new(files, config).expect("a model that knows English");
    transcriber.load().expect("weights that fit");
    transcriber
}

/// Seconds that all windows take in batches, and how many tokens come out; the best of three runs.
fn infer(transcriber: &Transcriber, units: &[Arc<MelWindow>], batch: usize) -> (f64, usize) {
    let run = || {
        let start = Instant::now();
        let mut flow = ListFlow::new(units.to_vec(), batch);
        transcriber.infer(&mut flow).expect("answers");
        let answers = flow.into_answers().expect("an answer for each");
        let tokens = answers.iter().map(|answer| answer.tokens.len() + 1).sum();
        (start.elapsed().as_secs_f64(), tokens)
    };
    (0..3).map(|_| run()).min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or_default()
}

/// Whole windows of one speaker's digits, and where they lie.
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
    let window = |index: usize| Window {
        channel: 0,
        start_s: index as f64 * window_s,
        end_s: (index + 1) as f64 * window_s,
        first_span: 0,
        spans: 0,
    };
    let segments = SpeechSegments {
        vad: VadIdentity { name: "none".into(), model_sha256: None },
        spans: vec![],
        windows: (0..WINDOWS).map(window).collect(),
        dropped: vec![],
    };
    (Pcm::from_channels(vec![samples]), segments)
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
