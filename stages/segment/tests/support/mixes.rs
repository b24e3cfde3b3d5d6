//! Digits of real speakers at known times, mixed with noise at a known level.

use segment::VadChoice;

use testkit::{DIGIT_SPEAKERS, sounding};

use super::{Agreement, Recordings, detect};

/// Signal-to-noise ratios in dB: level of the speech, measured where there is speech, relative to the noise.
pub(crate) const SNRS_DB: [f32; 4] = [20.0, 10.0, 5.0, 0.0];
/// Kinds of noise.
pub(crate) const NOISES: [&str; 3] = ["white", "pink", "babble"];
const RATE: f64 = 16_000.0;
const DIGITS: usize = 10;

/// A recording and its intervals of speech, in seconds.
pub(crate) struct Mix {
    pub(crate) samples: Vec<f32>,
    pub(crate) speech: Vec<(f64, f64)>,
}

/// Random numbers from a linear congruential generator, 0 to 1.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() * count as f32) as usize
    }
}

/// Makes one recording per speaker: ten digits, trimmed to their sound, with pauses of 0.5 to 2.5 s, in noise.
pub(crate) fn mixes(data: &Recordings, noise: &str, snr_db: f32) -> Vec<Mix> {
    let one = |(seed, speaker): (usize, &&str)| mix(data, speaker, noise, snr_db, &mut Chance(77 + seed as u64));
    DIGIT_SPEAKERS.iter().enumerate().map(one).collect()
}

fn mix(data: &Recordings, speaker: &str, noise: &str, snr_db: f32, chance: &mut Chance) -> Mix {
    let (mut samples, mut speech) = (vec![0.0; 16_000], Vec::new());
    for _ in 0..DIGITS {
        let clip = digit(data, speaker, chance);
        speech.push((samples.len() as f64 / RATE, (samples.len() + clip.len()) as f64 / RATE));
        samples.extend(&clip);
        samples.resize(samples.len() + (RATE as f32 * (0.5 + 2.0 * chance.next())) as usize, 0.0);
    }
    let noise = match noise {
        "babble" => babble(data, samples.len(), chance),
        "pink" => pink(samples.len(), chance),
        _ => (0..samples.len()).map(|_| chance.next() - 0.5).collect(),
    };
    let gain = 0.05 * 10f32.powf(-snr_db / 20.0) / rms(&noise);
    samples.iter_mut().zip(&noise).for_each(|(sample, noise)| *sample += gain * noise);
    Mix { samples, speech }
}

/// Returns a random digit, trimmed to its sound, at -26 dBFS.
pub(crate) fn digit(data: &Recordings, speaker: &str, chance: &mut Chance) -> Vec<f32> {
    let (number, take) = (chance.below(10), data.takes.start + chance.below(data.takes.len()));
    let clip = testkit::digit(&data.folder.join("fsdd"), number, speaker, take);
    let clip = sounding(&clip, 160, 32.0);
    let gain = 0.05 / rms(clip);
    clip.iter().map(|sample| sample * gain).collect()
}

fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32).sqrt()
}

/// White noise through Kellet's filter, which falls by 3 dB per octave.
fn pink(length: usize, chance: &mut Chance) -> Vec<f32> {
    let mut state = [0.0f32; 3];
    let mut next = || {
        let white = chance.next() - 0.5;
        state[0] = 0.997_65 * state[0] + white * 0.099_046;
        state[1] = 0.963_00 * state[1] + white * 0.296_516_4;
        state[2] = 0.570_00 * state[2] + white * 1.052_691_3;
        state.iter().sum::<f32>() + white * 0.1848
    };
    (0..length).map(|_| next()).collect()
}

/// Eight readers at once, each from a different position.
fn babble(data: &Recordings, length: usize, chance: &mut Chance) -> Vec<f32> {
    let voices = data.voices.map(|name| data.read(name));
    let mut sum = vec![0.0; length];
    for voice in voices.iter().cycle().take(8) {
        let (start, gain) = (chance.below(voice.len()), 1.0 / rms(voice));
        sum.iter_mut().zip(voice.iter().cycle().skip(start)).for_each(|(sum, sample)| *sum += gain * sample);
    }
    sum
}

/// Agreement of a detector with the mixes of one noise and level.
pub(crate) fn agreement(mixes: &[Mix], vad: &VadChoice) -> Agreement {
    let of = |mix: &Mix| {
        let found = detect(vad.clone(), mix.samples.clone());
        Agreement::of(&found, &mix.speech, mix.samples.len() as f64 / RATE)
    };
    mixes.iter().map(of).sum()
}
