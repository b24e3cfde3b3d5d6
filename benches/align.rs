//! Align: errors of word boundaries on joined recordings of digits, before and after refinement, with the speed of the
//! refinement, and the speed of CTC models: the small one of the tests, and one of wav2vec2-base's dimensions with random
//! weights.
//!
//! `cargo bench -p align`. Without ../shared it measures the takes of the fixtures.

#[path = "align/random.rs"]
mod random;
#[path = "../stages/align/tests/support/mod.rs"]
mod support;

use align::{AlignConfig, Aligner, ModelSource, Wav2Vec2Files};
use measure::{Machine, figures, runs};
use stage_core::{AlignedWords, PhoneEmissions, Speakers, Stage};
use support::{Attention, Call, percentile};
use testkit::{DIGIT_TAKES, root};

/// Number of recordings per digit and speaker.
const TAKES: usize = 12;
const RUNS: usize = 3;

fn main() {
    let whole = root().join("../shared/data/fsdd");
    let calls: Vec<Call> = if whole.is_dir() {
        (0..TAKES).map(|take| Call::of_digits_in(&whole, take)).collect()
    } else {
        println!("only {} takes, those of the fixtures", DIGIT_TAKES.len());
        DIGIT_TAKES.map(Call::of_digits).collect()
    };
    println!("{}; best of {RUNS} runs", Machine::here());
    let header = ["attention", "refined", "start p50 ms", "p90 ms", "end p50 ms", "p90 ms", "x real time"];
    let mut table = figures(2, header);
    for attention in [Attention::Scattered, Attention::Contiguous] {
        for (label, search_s) in [("no", 0.0), ("yes", AlignConfig::default().search_s)] {
            let name = format!("{attention:?}").to_lowercase();
            table.add_row([name, label.to_owned()].into_iter().chain(boundaries(&calls, attention, search_s)));
        }
    }
    println!("{table}");
    speed("test-ctc", &ModelSource::Directory(root().join("fixtures/models/test-ctc")), &calls);
    let folder = tempfile::tempdir().expect("a temporary folder");
    random::write_base(folder.path()).expect("a model can be written");
    speed("base, random", &ModelSource::Directory(folder.path().into()), &calls[..2]);
}

/// Measures the speed of the whole stage with a model whose weights are already loaded.
fn speed(name: &str, source: &ModelSource, calls: &[Call]) {
    let files = Wav2Vec2Files::resolve(source).expect("the model's files");
    let aligner = Aligner::with_model(AlignConfig::default(), files).expect("the model's weights");
    let inputs: Vec<_> =
        calls.iter().map(|call| (call, call.speech(), call.transcript(Attention::Scattered, 1))).collect();
    let align = |(call, speech, transcript): &(&Call, _, _)| {
        let aligned = aligner
            .run((&call.pcm, speech, &Speakers::default(), transcript, &PhoneEmissions::default()))
            .expect("the transcript is this recording's");
        aligned.words.len()
    };
    align(&inputs[0]);
    let aligned = runs(0, RUNS, || inputs.iter().map(align).sum::<usize>());
    println!("ctc, {name}: {} words, {:.0} times real time", aligned.best(), aligned.times_real_time(audio_s(calls)));
}

fn audio_s(calls: &[Call]) -> f64 {
    calls.iter().map(|call| call.pcm.duration_s()).sum()
}

/// Table cells: median and 90th percentile of the errors of starts and of ends, in milliseconds, and the speed in times
/// real time.
fn boundaries(calls: &[Call], attention: Attention, search_s: f64) -> [String; 5] {
    let aligner = Aligner::new(AlignConfig { search_s, ..AlignConfig::default() });
    let inputs: Vec<_> =
        (1..).zip(calls).map(|(seed, call)| (call, call.speech(), call.transcript(attention, seed))).collect();
    let align = |(call, speech, transcript): &(&Call, _, _)| {
        aligner
            .run((&call.pcm, speech, &Speakers::default(), transcript, &PhoneEmissions::default()))
            .expect("the transcript is this recording's")
    };
    let aligned = runs(0, RUNS, || inputs.iter().map(align).collect::<Vec<AlignedWords>>());
    let errors = calls.iter().zip(aligned.best()).map(|(call, aligned)| call.errors(&aligned.words));
    let (starts, ends): (Vec<_>, Vec<_>) = errors.unzip();
    let (starts, ends) = (starts.concat(), ends.concat());
    let ms = |errors: &Vec<f64>, percent| format!("{:.1}", 1000.0 * percentile(errors.clone(), percent));
    let speed = format!("{:.0}", aligned.times_real_time(audio_s(calls)));
    [ms(&starts, 50), ms(&starts, 90), ms(&ends, 50), ms(&ends, 90), speed]
}
