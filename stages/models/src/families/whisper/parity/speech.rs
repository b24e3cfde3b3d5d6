//! Windows for the comparison: real speech, chirps and noise.

use std::f32::consts::TAU;

use testkit::{Random, Wav, digit, fixture};

/// One window of samples at 16 kHz per name: `jfk`, or digits and the name of their speaker (`95128_lucas`).
pub(super) fn windows(names: &[&str]) -> Vec<Vec<f32>> {
    names.iter().map(|name| window(name)).collect()
}

fn window(name: &str) -> Vec<f32> {
    let Some((digits, speaker)) = name.split_once('_') else {
        return read(&format!("en/{name}"))[..9 * 16_000].to_vec();
    };
    let mut samples = vec![0.0; 3_200];
    for number in digits.bytes() {
        samples.extend(digit(&fixture("speech/fsdd"), usize::from(number - b'0'), speaker, 3));
        samples.extend([0.0; 2_400]);
    }
    samples
}

fn read(name: &str) -> Vec<f32> {
    Wav::read_mono(&fixture("speech").join(name).with_extension("wav"), 16_000)
}

/// `count` windows of up to `seconds`: digits, readings in English, tones over noise.
pub(super) fn many_windows(count: usize, seconds: f64) -> Vec<Vec<f32>> {
    let samples = (seconds * 16_000.0) as usize;
    let long = ["en/jfk", "en/azure_en", "en/sense_and_sensibility_01_austen_64kb-0880"];
    let window = |index: usize| {
        let (kind, turn) = (index % 4, index / 4);
        let mut window = match kind {
            0 => window(&format!("{}{}_{}", turn % 10, turn * 7 % 10, ["lucas", "george", "nicolas"][turn % 3])),
            1 | 2 => interval(long[(turn + kind) % long.len()], (turn * 2 + kind) * 16_000, samples),
            _ => warble(index),
        };
        window.truncate(samples);
        window
    };
    (0..count).map(window).collect()
}

/// A part of a long recording.
fn interval(name: &str, from: usize, samples: usize) -> Vec<f32> {
    let recording = read(name);
    let from = from % recording.len().saturating_sub(samples).max(1);
    recording[from..recording.len().min(from + samples)].to_vec()
}

/// Tones with varying pitch and loudness over noise.
fn warble(seed: usize) -> Vec<f32> {
    let base = 150.0 + 37.0 * (seed % 23) as f32;
    let mut random = Random(seed as u32 + 1);
    let sample = |i: usize| {
        let t = i as f32 / 16_000.0;
        let tone = (TAU * (base * t + 30.0 * (t * (1.0 + seed as f32 % 5.0)).sin())).sin();
        0.3 * tone * (3.0 * t).sin().abs() + 0.015 * random.signed()
    };
    (0..96_000).map(sample).collect()
}
