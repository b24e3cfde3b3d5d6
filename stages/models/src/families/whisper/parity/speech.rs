//! Windows for the comparison: real speech if available, otherwise chirps and noise.

use std::path::{Path, PathBuf};

/// One window of samples at 16 kHz per name: `jfk`, or digits and the name of their speaker (`95128_lucas`).
pub(super) fn windows(names: &[&str]) -> Vec<Vec<f32>> {
    names.iter().enumerate().map(|(index, name)| recorded(name).unwrap_or_else(|| synthetic(name, index))).collect()
}

fn recorded(name: &str) -> Option<Vec<f32>> {
    let data = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let Some((digits, speaker)) = name.split_once('_') else {
        let samples = read(&data.join("en").join(name).with_extension("wav"))?;
        return Some(samples[..9 * 16_000].to_vec());
    };
    let mut samples = vec![0.0; 3_200];
    for digit in digits.chars() {
        samples.extend(read(&data.join(format!("fsdd/{digit}_{speaker}_3.wav")))?);
        samples.extend([0.0; 2_400]);
    }
    Some(samples)
}

/// The samples of a 16-bit file. Audio at 8 kHz is interpolated to 16 kHz.
fn read(path: &Path) -> Option<Vec<f32>> {
    let mut file = hound::WavReader::open(path).ok()?;
    let samples: Vec<f32> = file.samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect();
    if file.spec().sample_rate == 16_000 {
        return Some(samples);
    }
    Some(samples.windows(2).flat_map(|pair| [pair[0], (pair[0] + pair[1]) / 2.0]).collect())
}

fn synthetic(name: &str, seed: usize) -> Vec<f32> {
    eprintln!("{name}: no recording in ../shared/data, using a chirp instead");
    let mut noise = seed as u32 + 1;
    (0..48_000)
        .map(|i| {
            let t = i as f32 / 16_000.0;
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            0.3 * (std::f32::consts::TAU * (200.0 + 150.0 * t) * t).sin()
                + 0.02 * (noise as f32 / u32::MAX as f32 - 0.5)
        })
        .collect()
}

/// `count` windows of up to `seconds`: digits, read and spontaneous speech, telephone calls, Korean, chirps, noise.
pub(super) fn many_windows(count: usize, seconds: f64) -> Vec<Vec<f32>> {
    let samples = (seconds * 16_000.0) as usize;
    let long = ["en/jfk", "en/azure_en", "en/sense_and_sensibility_01_austen_64kb-0880"];
    let window = |index: usize| {
        let (kind, turn) = (index % 4, index / 4);
        let mut window = match kind {
            0 => windows(&[&format!("{}{}_{}", turn % 10, turn * 7 % 10, ["lucas", "george", "nicolas"][turn % 3])])
                .remove(0),
            1 | 2 => interval(long[(turn + kind) % long.len()], (turn * 2 + kind) * 16_000, samples)
                .unwrap_or_else(|| synthetic("speech", index)),
            _ => warble(index),
        };
        window.truncate(samples);
        window
    };
    (0..count).map(window).collect()
}

/// A part of a long recording. `None` if the recording is missing or too short.
fn interval(name: &str, from: usize, samples: usize) -> Option<Vec<f32>> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")).join(name);
    let recording = read(&path.with_extension("wav"))?;
    let from = from % recording.len().saturating_sub(samples).max(1);
    Some(recording[from..recording.len().min(from + samples)].to_vec())
}

/// Tones with varying pitch and loudness over noise.
fn warble(seed: usize) -> Vec<f32> {
    let base = 150.0 + 37.0 * (seed % 23) as f32;
    let mut noise = seed as u32 + 1;
    let sample = |i: usize| {
        let t = i as f32 / 16_000.0;
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let tone = (std::f32::consts::TAU * (base * t + 30.0 * (t * (1.0 + seed as f32 % 5.0)).sin())).sin();
        0.3 * tone * (3.0 * t).sin().abs() + 0.03 * (noise as f32 / u32::MAX as f32 - 0.5)
    };
    (0..96_000).map(sample).collect()
}
