//! Word times on real speech. In trimmed and joined recordings the edges are known; inside read speech the reference is
//! the output of another tool. The limits are the measured values (BENCHMARKS.md, benches/words) with a margin.

use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::{Random, Wav, fixture, shared};

use crate::support::{run, spoken_words};

const RATE: usize = 16_000;
const FRAME: usize = RATE / 100;
/// Utterances per recording, and the gaps before them, in seconds.
const UTTERANCES: usize = 6;
const GAPS_S: [f64; 5] = [0.5, 1.2, 0.3, 0.8, 1.5];
/// Amplitude of the noise in the gaps: -66 dBFS.
const NOISE: f32 = 5e-4;

/// The samples from the first stable activity to the last. Activity is stable if 10 ms frames are within 25 dB of the
/// speech level and 10 dB above the noise for at least 0.1 s, and reach within 10 dB of the speech level.
fn trimmed(samples: &[f32]) -> &[f32] {
    let level = |frame: &[f32]| 10.0 * (frame.iter().map(|x| x * x).sum::<f32>() / FRAME as f32 + 1e-9).log10();
    let levels: Vec<f32> = samples.chunks_exact(FRAME).map(level).collect();
    let mut sorted = levels.clone();
    sorted.sort_by(f32::total_cmp);
    let (noise, speech) = (sorted[sorted.len() / 20], sorted[sorted.len() * 19 / 20]);
    let is_loud = |level: &f32| *level > (speech - 25.0).max(noise + 10.0);
    let mut firm = Vec::new();
    let mut at = 0;
    for run in levels.chunk_by(|a, b| is_loud(a) == is_loud(b)) {
        let peak = run.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if is_loud(&run[0]) && run.len() >= 10 && peak >= speech - 10.0 {
            firm.push(at..at + run.len());
        }
        at += run.len();
    }
    &samples[firm[0].start * FRAME..firm[firm.len() - 1].end * FRAME]
}

/// Writes the recordings joined, with a gap before each and at the end. Returns the start of each, in seconds.
fn write_joined(clips: &[PathBuf], path: &Path) -> Vec<(f64, f64)> {
    let mut random = Random(7);
    let mut noise = |samples| random.noise(samples, 1.73 * NOISE);
    let mut samples = Vec::new();
    let mut truth = Vec::new();
    for (clip, gap_s) in clips.iter().zip(GAPS_S.iter().cycle()) {
        samples.extend(noise((gap_s * RATE as f64) as usize));
        let start = samples.len();
        samples.extend(trimmed(&Wav::read_mono(clip, RATE as u32)));
        truth.push((start as f64 / RATE as f64, samples.len() as f64 / RATE as f64));
    }
    samples.extend(noise(RATE));
    Wav::mono(RATE as u32, samples).write(path);
    truth
}

fn document(out: &Path, stem: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(out.join(format!("{stem}.json"))).unwrap()).unwrap()
}

/// The `percent`-th percentile.
fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * percent / 100]
}

/// Distances of the first word's start and the last word's end from the edges of each utterance, in seconds, and the
/// number of words that cover more than 50 ms of a gap. An utterance without a word counts as an error of 1 s.
fn edge_errors(truth: &[(f64, f64)], words: &[(String, f64, f64)]) -> (Vec<f64>, usize) {
    let mut errors = Vec::new();
    for (start_s, end_s) in truth {
        let inside = || words.iter().filter(|(_, a, b)| (*start_s..*end_s).contains(&a.midpoint(*b)));
        errors.push(inside().next().map_or(1.0, |(_, a, _)| (a - start_s).abs()));
        errors.push(inside().next_back().map_or(1.0, |(.., b)| (b - end_s).abs()));
    }
    let gaps = truth.windows(2).map(|pair| (pair[0].1, pair[1].0)).collect::<Vec<_>>();
    let is_over = |(_, a, b): &&(String, f64, f64)| gaps.iter().any(|gap| b.min(gap.1) - a.max(gap.0) > 0.05);
    (errors, words.iter().filter(is_over).count())
}

/// Joins the recordings, six per file, and measures the median and the 90th percentile of the edge errors, in seconds,
/// and the share of words that cover gaps.
fn measure_joined(clips: &[PathBuf], language: &str) -> (f64, f64, f64) {
    let folder = tempfile::tempdir().unwrap();
    let (inputs, out) = (folder.path().join("calls"), folder.path().join("out"));
    std::fs::create_dir(&inputs).unwrap();
    let write = |(index, clips): (usize, &[PathBuf])| write_joined(clips, &inputs.join(format!("joined-{index}.wav")));
    let truths: Vec<_> = clips.chunks(UTTERANCES).enumerate().map(write).collect();
    run(&[&inputs], &out, &["--language", language, "--model", "embedded"]).with_code(0);
    let (mut errors, mut over, mut count) = (Vec::new(), 0, 0);
    for (index, truth) in truths.iter().enumerate() {
        let words = spoken_words(&document(&out, &format!("joined-{index}")), 0);
        let (found, over_gaps) = edge_errors(truth, &words);
        errors.extend(found);
        (over, count) = (over + over_gaps, count + words.len());
    }
    (percentile(&mut errors, 50), percentile(&mut errors, 90), over as f64 / count.max(1) as f64)
}

#[test]
#[ignore = "needs ../shared"]
fn word_times_of_joined_korean_calls_meet_their_edges() {
    let folder = shared("ko/talk");
    let clips: Vec<_> = (0..24).map(|index| folder.join(format!("wav_{:03}.wav", 2 * index + 1))).collect();
    let (median, most, over) = measure_joined(&clips, "ko");
    eprintln!("edges: median {median:.3} s, 90 % within {most:.3} s; {over:.3} of the words over gaps");
    assert!(median < 0.015 && most < 0.2, "median {median} s, 90 % within {most} s");
    assert!(over < 0.02, "{over} of the words cover gaps");
}

#[test]
fn word_times_of_joined_english_readings_meet_their_edges() {
    let folder = fixture("speech/en");
    let reading = |number| folder.join(format!("sense_and_sensibility_01_austen_64kb-0{number}.wav"));
    let clips = [reading(870), folder.join("jfk.wav"), reading(880), reading(890)];
    let (median, most, over) = measure_joined(&clips, "en");
    eprintln!("edges: median {median:.3} s, 90 % within {most:.3} s; {over:.3} of the words over gaps");
    assert!(median < 0.015 && most < 0.1, "median {median} s, 90 % within {most} s");
    assert!(over == 0.0, "{over} of the words cover gaps");
}

#[test]
fn word_times_of_english_readings_are_near_those_of_another_tool() {
    let folder = fixture("speech/en");
    let stems = [870, 880, 890].map(|number| format!("sense_and_sensibility_01_austen_64kb-0{number}"));
    let inputs: Vec<PathBuf> = stems.iter().map(|stem| folder.join(format!("{stem}.wav"))).collect();
    let out = tempfile::tempdir().unwrap();
    run(
        &inputs.iter().map(PathBuf::as_path).collect::<Vec<_>>(),
        out.path(),
        &["--language", "en", "--model", "embedded"],
    )
    .with_code(0);
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for stem in &stems {
        let truth = document(&folder, stem);
        let mut words = spoken_words(&document(out.path(), stem), 0).into_iter();
        for said in truth["w"].as_array().unwrap() {
            let text = said["t"].as_str().unwrap().split('(').next().unwrap();
            let (begin, length) = (said["b"].as_f64().unwrap(), said["d"].as_f64().unwrap());
            let is_same = |word: &(String, f64, f64)| {
                let letters: String = word.0.chars().filter(|letter| letter.is_alphanumeric()).collect();
                letters.to_lowercase() == text
            };
            // The next equal word, unless it is so much later that it must be a different one.
            let mut ahead = words.clone();
            if let Some((_, a, b)) = ahead.find(is_same).filter(|(_, a, _)| (a - begin).abs() < 1.5) {
                starts.push((a - begin).abs());
                ends.push((b - begin - length).abs());
                words = ahead;
            }
        }
    }
    assert!(starts.len() >= 35, "{} words were recognized", starts.len());
    let figures = [(&mut starts, 50), (&mut ends, 50)].map(|(errors, percent)| percentile(errors, percent));
    let most = [percentile(&mut starts, 95), percentile(&mut ends, 95)];
    eprintln!("{} words: medians {figures:.3?} s, 95 % within {most:.3?} s", starts.len());
    assert!(figures.iter().all(|median| *median < 0.04), "medians {figures:?} s");
    assert!(most.iter().all(|most| *most < 0.15), "95 % within {most:?} s");
}

#[test]
fn words_are_aligned_again_without_transcribing_again() {
    let folder = tempfile::tempdir().unwrap();
    let call = fixture("calls/reading.wav");
    let align = |aligner: &str| {
        let finished = run(&[&call], folder.path(), &["--model", "embedded", "--aligner", aligner]).with_code(0);
        (finished.summary()["stages_computed"].clone(), document(folder.path(), "reading"))
    };
    let (_, by_attention) = align("attention");
    let (computed, by_phones) = align("phones");
    assert_eq!(computed, 2, "align and forensics");
    let words = |document: &Value| document["words"].as_array().unwrap().clone();
    assert!(words(&by_attention).iter().all(|word| word["expected_error_s"].is_null() && word["uncertain"] == false));
    for word in words(&by_phones) {
        assert_eq!((&word["method"], &word["fallback"]), (&Value::from("phones+energy"), &Value::Null), "{word}");
        assert!((0.0..0.2).contains(&word["expected_error_s"].as_f64().unwrap()), "{word}");
    }
    assert_eq!(by_phones["segments"], by_attention["segments"]);
    assert!(by_phones["further"].is_null(), "emissions stay in the store");
}
