//! Very quiet speech, alone and beside a loud speaker; and quiet sound that is not speech.

mod support;

use segment::VadChoice;
use stage_core::{Pcm, SpeechSegments};
use support::mixes::{Mix, mixes};
use support::{Agreement, DETECTORS, Recordings, detect, segment};
use testkit::Random;

const RATE: usize = 16_000;

fn gain(db: f32) -> f32 {
    10f32.powf(db / 20.0)
}

fn scaled(samples: &[f32], db: f32) -> Vec<f32> {
    samples.iter().map(|sample| sample * gain(db)).collect()
}

/// Samples as a file with this many bits stores them.
fn quantized(samples: &[f32], bits: i32) -> Vec<f32> {
    let steps = 2f32.powi(bits - 1);
    samples.iter().map(|sample| (sample * steps).round() / steps).collect()
}

/// A reading of 33 s.
fn reading() -> Vec<f32> {
    Recordings::fixtures().read("ko/azure_ko.wav")
}

fn segmented(samples: Vec<f32>) -> SpeechSegments {
    segment(VadChoice::Silero, 30.0, &Pcm::from_channels(vec![samples]))
}

fn speech_s(found: &SpeechSegments) -> f64 {
    found.spans.iter().map(|span| span.end_s - span.start_s).sum()
}

/// Seconds of `of` that `found` contains.
fn shared_s(found: &SpeechSegments, of: &SpeechSegments) -> f64 {
    let overlap = |a: f64, b: f64, c: f64, d: f64| (b.min(d) - a.max(c)).max(0.0);
    let spans = of.spans.iter().flat_map(|of| found.spans.iter().map(move |span| (of, span)));
    spans.map(|(of, span)| overlap(of.start_s, of.end_s, span.start_s, span.end_s)).sum()
}

#[test]
fn quiet_speech_is_found_where_it_is_found_at_its_own_level() {
    let samples = reading();
    let loud = segmented(samples.clone());
    for (db, bits) in [(-30.0, 16), (-40.0, 16), (-50.0, 16), (-50.0, 24), (-60.0, 24), (-70.0, 24)] {
        let found = segmented(quantized(&scaled(&samples, db), bits));
        let (shared, false_s) = (shared_s(&found, &loud), speech_s(&found) - shared_s(&found, &loud));
        println!("{db} dB, {bits} bits: {shared:.1} of {:.1} s found, {false_s:.1} s more", speech_s(&loud));
        assert!(shared > 0.9 * speech_s(&loud), "{db} dB, {bits} bits: {shared} of {} s", speech_s(&loud));
        assert!(false_s < 0.1 * speech_s(&loud), "{db} dB, {bits} bits: {false_s} s of silence are speech");
    }
}

#[test]
fn quiet_digits_in_noise_are_found_as_well_as_loud_ones() {
    for snr_db in [20.0, 10.0] {
        let loud: Vec<Mix> = mixes(&Recordings::fixtures(), "pink", snr_db);
        let cost = |db: f32| {
            let agreement = |mix: &Mix| {
                let found = detect(VadChoice::Silero, scaled(&mix.samples, db));
                Agreement::of(&found, &mix.speech, mix.samples.len() as f64 / RATE as f64)
            };
            loud.iter().map(agreement).sum::<Agreement>().cost()
        };
        let (at_0, at_60) = (cost(0.0), cost(-60.0));
        println!("digits in pink noise, {snr_db} dB: detection cost {at_0:.3}, 60 dB down {at_60:.3}");
        assert!(at_60 < at_0 + 0.02, "SNR {snr_db} dB: cost {at_60}, at the usual level {at_0}");
    }
}

/// A click must not hide the speech around it, nor a speaker at -20 dBFS one at -65 dBFS.
#[test]
fn quiet_speech_is_found_beside_clicks_and_a_loud_speaker() {
    let near = Recordings::fixtures().read("en/azure_en.wav");
    let far = scaled(&reading(), -45.0);
    let turn = 5 * RATE;
    let turns = near.chunks(turn).zip(far.chunks(turn)).flat_map(|(near, far)| [near, far].concat());
    let call: Vec<f32> = turns.collect();
    let found = segmented(call.clone());
    let silent = near.chunks(turn).zip(far.chunks(turn));
    let alone = segmented(silent.flat_map(|(near, far)| [&vec![0.0; near.len()], far].concat()).collect());
    let far_turns: Vec<(f64, f64)> = alone.spans.iter().map(|span| (span.start_s, span.end_s)).collect();
    let quiet = Agreement::of(&found, &far_turns, call.len() as f64 / RATE as f64);
    println!("far speaker, 45 dB below the near one: {quiet:?}");
    assert!(far_turns.len() > 3 && quiet.recall() > 0.9, "{quiet:?} of {far_turns:?}");
    let mut clicked = scaled(&reading(), -60.0);
    (0..clicked.len()).step_by(2 * RATE).for_each(|at| clicked[at] = 0.9);
    let shared = shared_s(&segmented(clicked), &segmented(reading()));
    assert!(shared > 0.85 * speech_s(&segmented(reading())), "{shared} s");
}

/// Sound without speech at several levels: (name, samples).
fn noises() -> Vec<(String, Vec<f32>)> {
    let length = 30 * RATE;
    let mut random = Random(11);
    let white = random.noise(length, 1.0);
    let hum: Vec<f32> = (0..length).map(|n| (n as f32 * std::f32::consts::TAU * 60.0 / RATE as f32).sin()).collect();
    let mut state = 0.0;
    let brown: Vec<f32> = random
        .noise(length, 1.0)
        .iter()
        .map(|x| {
            state = 0.99 * state + 0.1 * x;
            state
        })
        .collect();
    // Noise in bursts, as of comfort noise that is switched.
    let bursts: Vec<f32> =
        white.iter().enumerate().map(|(n, x)| if (n / 8_000).is_multiple_of(2) { *x } else { 0.01 * x }).collect();
    let mut all = vec![("digital silence".to_owned(), vec![0.0; length])];
    for (name, sound) in [("white", white), ("hum", hum), ("brown", brown), ("bursts", bursts)] {
        for db in [-40.0, -60.0, -80.0] {
            all.push((format!("{name} at {db} dB"), quantized(&scaled(&sound, db), 16)));
        }
    }
    all
}

#[test]
fn quiet_noise_and_hum_are_not_speech() {
    for (name, samples) in noises() {
        for vad in DETECTORS {
            let found = segment(vad.clone(), 30.0, &Pcm::from_channels(vec![samples.clone()]));
            if vad == VadChoice::Silero || !name.starts_with("bursts") {
                assert!(found.spans.is_empty(), "{name}, {vad}: {:?}", found.spans);
            }
        }
    }
}

#[test]
#[ignore = "needs ../shared"]
fn quiet_recordings_of_noise_are_not_speech() {
    let data = Recordings::shared().unwrap();
    for name in ["n", "zero"] {
        for db in [0.0, -30.0, -50.0] {
            let found = segmented(scaled(&data.read(&format!("vad/{name}.wav")), db));
            println!("{name} at {db} dB: {:?} {:?}", found.spans, found.dropped);
            assert!(found.spans.is_empty(), "{name} at {db} dB: {:?}", found.spans);
        }
    }
}

/// A voice that the detector does not know: a buzz in syllables, 60 dB down.
#[test]
fn quiet_sound_that_changes_like_speech_is_listed() {
    let syllable = |n: usize| if (n / 2_400).is_multiple_of(2) { 1.0 } else { 0.003 };
    let mut random = Random(3);
    let buzz: Vec<f32> = (0..20 * RATE).map(|n| 1e-3 * syllable(n) * random.signed()).collect();
    let found = segmented(buzz);
    let listed: f64 = found
        .dropped
        .iter()
        .filter(|dropped| dropped.reason.starts_with("possible speech: "))
        .map(|d| d.end_s - d.start_s)
        .sum();
    assert!(listed + speech_s(&found) > 18.0, "{:?} {:?}", found.spans, found.dropped);
}
