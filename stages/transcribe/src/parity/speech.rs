//! Windows for the comparison: real speech where there is some, else chirps and noise.

use std::path::{Path, PathBuf};

/// One window of samples at 16 kHz for each name: `jfk`, or digits and the speaker who says them (`95128_lucas`).
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

/// The samples of a 16-bit file, one of 8 kHz interpolated to 16 kHz.
fn read(path: &Path) -> Option<Vec<f32>> {
    let mut file = hound::WavReader::open(path).ok()?;
    let samples: Vec<f32> = file.samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect();
    if file.spec().sample_rate == 16_000 {
        return Some(samples);
    }
    Some(samples.windows(2).flat_map(|pair| [pair[0], (pair[0] + pair[1]) / 2.0]).collect())
}

fn synthetic(name: &str, seed: usize) -> Vec<f32> {
    eprintln!("{name}: no recording in ../shared/data, a chirp instead");
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
