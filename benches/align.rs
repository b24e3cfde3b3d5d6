//! Align: how far word boundaries are from the sound of joined digits, before refinement and after; the speed of that
//! and of CTC models: the embedded one, and one of wav2vec2-base's dimensions with random weights.
//!
//! `cargo bench -p align`. Without the digits beside the checkout, tones stand for words.

#[path = "align/random.rs"]
mod random;
#[path = "../stages/align/tests/support/mod.rs"]
mod support;

use std::time::Instant;

use align::{AlignConfig, AlignFiles, Aligner, ModelSource};
use stage_core::Stage;
use support::{Attention, Call, digits, percentile};

/// Takes of every digit by every speaker.
const TAKES: usize = 12;

fn main() {
    let calls: Vec<Call> = match digits() {
        Some(folder) => (0..TAKES).map(|take| Call::of_digits(&folder, take)).collect(),
        None => {
            println!("synthesised tones, no recordings");
            (0..TAKES).map(|_| Call::of_tones()).collect()
        }
    };
    println!(
        "{:<12} {:<10} {:>10} {:>10} {:>10} {:>10}",
        "attention", "refined", "start p50", "start p90", "end p50", "end p90"
    );
    for attention in [Attention::Scattered, Attention::Contiguous] {
        for (label, search_s) in [("no", 0.0), ("yes", AlignConfig::default().search_s)] {
            measure(&calls, attention, label, search_s);
        }
    }
    speed("embedded", &ModelSource::Embedded, &calls);
    let folder = tempfile::tempdir().expect("a temporary folder");
    random::write_base(folder.path()).expect("a model can be written");
    speed("base, random", &ModelSource::Directory(folder.path().into()), &calls[..2]);
}

/// The speed of the whole stage with a model, its weights loaded before.
fn speed(name: &str, source: &ModelSource, calls: &[Call]) {
    let files = AlignFiles::resolve(source).expect("the model's files");
    let aligner = Aligner::with_model(AlignConfig::default(), files).expect("the model's weights");
    let run = |call: &Call| aligner.run((&call.pcm, &call.speech(), &call.transcript(Attention::Scattered, 1)));
    run(&calls[0]).expect("the transcript is this recording's");
    let start = Instant::now();
    let words: usize = calls.iter().map(|call| run(call).expect("as above").words.len()).sum();
    let (spent_s, audio_s) =
        (start.elapsed().as_secs_f64(), calls.iter().map(|call| call.pcm.duration_s()).sum::<f64>());
    println!("ctc, {name}: {words} words, {:.0} times real time", audio_s / spent_s);
}

fn measure(calls: &[Call], attention: Attention, label: &str, search_s: f64) {
    let aligner = Aligner::new(AlignConfig { search_s, ..AlignConfig::default() });
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    let (mut spent_s, mut audio_s) = (0.0, 0.0);
    for (seed, call) in (1..).zip(calls) {
        let (speech, transcript) = (call.speech(), call.transcript(attention, seed));
        let start = Instant::now();
        let aligned = aligner.run((&call.pcm, &speech, &transcript)).expect("the transcript is this recording's");
        spent_s += start.elapsed().as_secs_f64();
        audio_s += call.pcm.duration_s();
        let (start_errors, end_errors) = call.errors(&aligned.words);
        starts.extend(start_errors);
        ends.extend(end_errors);
    }
    let ms = |errors: &[f64], percent| 1000.0 * percentile(errors.to_vec(), percent);
    println!(
        "{:<12} {label:<10} {:>7.1} ms {:>7.1} ms {:>7.1} ms {:>7.1} ms   {:.0} times real time",
        format!("{attention:?}").to_lowercase(),
        ms(&starts, 50),
        ms(&starts, 90),
        ms(&ends, 50),
        ms(&ends, 90),
        audio_s / spent_s
    );
}
