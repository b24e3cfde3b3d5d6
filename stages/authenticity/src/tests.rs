//! The cues on made signals: each is found at its place, and the same signal without it has none.

use std::f32::consts::TAU;
use std::io;

use super::*;

const RATE: usize = PLANE_RATE_HZ as usize;

struct Memory(Vec<f32>);

impl Plane for Memory {
    fn read(&self, start: u64, len: usize) -> io::Result<Vec<f32>> {
        let start = (start as usize).min(self.0.len());
        Ok(self.0[start..(start + len).min(self.0.len())].to_vec())
    }
}

/// Uniform noise from -1 to 1.
fn noise(length: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..length).map(|_| next()).collect()
}

/// Syllables of a gliding voice over noise.
fn voice(seconds: usize, seed: u64) -> Vec<f32> {
    let hiss = noise(seconds * RATE, seed);
    let random = noise(seconds * 5 + 1, seed + 1);
    let mut phase = 0.0f32;
    let mut sample = |at: usize| {
        let syllable = at / (RATE / 5);
        let inside = (at % (RATE / 5)) as f32 / (RATE / 5) as f32;
        let hz = 160.0 + 60.0 * random[syllable] + 40.0 * random[syllable + 1] * inside;
        phase = (phase + hz / RATE as f32) % 1.0;
        let envelope = if random[syllable] > 0.1 { 0.0 } else { (inside * TAU / 2.0).sin() };
        let tones = (1..16).map(|k| (TAU * phase * k as f32).sin() * (1.0 + random[(syllable * 3 + k) % random.len()]));
        0.02 * envelope * tones.sum::<f32>() + 0.003 * hiss[at]
    };
    (0..seconds * RATE).map(&mut sample).collect()
}

fn cues(samples: &[f32], kind: CueKind) -> Vec<Cue> {
    let mut examiner = Examiner::new(PLANE_RATE_HZ, "pcm_s16le");
    samples.chunks(7_001).for_each(|block| examiner.add(block));
    let all = examiner.finish(&Memory(samples.to_vec())).unwrap();
    all.into_iter().filter(|cue| cue.kind == kind && cue.is_strong(samples.len() as f64 / RATE as f64)).collect()
}

fn assert_only_at(cues: &[Cue], second: f64) {
    assert!(!cues.is_empty(), "no cue");
    for cue in cues {
        assert!(cue.start_s < second + 0.3 && cue.end_s > second - 0.3, "{cue:?} instead of {second} s");
    }
}

#[test]
fn copied_segment_is_found_with_both_places() {
    let mut samples = voice(12, 3);
    assert_eq!(cues(&samples, CueKind::CopiedSegment), []);
    samples.copy_within(2 * RATE..3 * RATE, 8 * RATE + 1_234);
    let cues = cues(&samples, CueKind::CopiedSegment);
    assert_only_at(&cues, 2.5);
    let other = cues[0].other_start_s.unwrap();
    assert!((other - cues[0].start_s - 6.077).abs() < 0.01, "{cues:?}");
}

/// Hum of 60 Hz with ten harmonics whose phase is that of `cycles` at each second, in noise.
fn hum(cycles: impl Fn(f32) -> f32) -> Vec<f32> {
    let hiss = noise(12 * RATE, 5);
    let sample = |at: usize| {
        let turn = TAU * cycles(at as f32 / RATE as f32).fract();
        (1..=10).map(|order| (order as f32 * turn).sin()).sum::<f32>() * 0.01 + 0.02 * hiss[at]
    };
    (0..12 * RATE).map(sample).collect()
}

#[test]
fn hum_phase_jump_is_found() {
    let cycles = |second: f32| 60.02 * second + if second > 7.0 { 0.1 } else { 0.0 };
    assert_only_at(&cues(&hum(cycles), CueKind::HumPhaseJump), 7.0);
}

#[test]
fn hum_phase_jump_is_not_a_frequency_that_drifts() {
    let drift_hz_per_s = 0.006;
    let drifting = hum(|second| 59.98 * second + 0.5 * drift_hz_per_s * second * second);
    assert_eq!(cues(&drifting, CueKind::HumPhaseJump), []);
    assert_eq!(cues(&drifting, CueKind::LevelStep), []);
}

#[test]
fn level_step_of_hum_is_found_where_no_noise_is_steady() {
    let (mut samples, hiss, levels) = (hum(|second| 60.02 * second), noise(12 * RATE, 6), noise(40, 7));
    // Noise whose level changes by up to 40 dB hides the floor.
    for (at, sample) in samples.iter_mut().enumerate() {
        *sample += 0.01 * 10f32.powf(levels[at / (RATE * 3 / 10)]) * hiss[at];
    }
    let near = |samples: &[f32]| {
        let steps = cues(samples, CueKind::LevelStep);
        steps.iter().filter(|cue| cue.start_s < 5.3 && cue.end_s > 4.7).map(|cue| cue.statistic).fold(0.0, f64::max)
    };
    assert_eq!(near(&samples), 0.0);
    samples[5 * RATE..].iter_mut().for_each(|sample| *sample *= 2.0);
    assert!((4.0..6.1).contains(&near(&samples)), "{} instead of about 6 dB", near(&samples));
    assert_eq!(cues(&samples, CueKind::HumPhaseJump), []);
}

#[test]
fn copied_segment_is_not_what_a_decoder_makes_of_silence() {
    let mut samples = voice(12, 3);
    let silence: Vec<f32> = noise(RATE, 4).iter().map(|sample| sample * 1e-5).collect();
    samples[2 * RATE..3 * RATE].copy_from_slice(&silence);
    samples[8 * RATE..9 * RATE].copy_from_slice(&silence);
    assert_eq!(cues(&samples, CueKind::CopiedSegment), []);
}

#[test]
fn threshold_rises_with_the_length_and_not_below_that_of_short_recordings() {
    for kind in [CueKind::CopiedSegment, CueKind::HumPhaseJump, CueKind::LevelStep, CueKind::NoiseGap] {
        let [short, long, longer] = [10.0, 600.0, 3_600.0].map(|seconds| threshold(kind, seconds).unwrap());
        assert!(0.0 < short && short <= long && long < longer, "{kind:?}: {short} {long} {longer}");
    }
    assert_eq!(threshold(CueKind::TimesDisagree, 10.0), None);
}

#[test]
fn search_without_grids_has_no_cue_of_one() {
    let mut examiner = Examiner::seeking(Sought::WithoutGrids, PLANE_RATE_HZ, "pcm_s16le");
    let samples = voice(12, 3);
    examiner.add(&samples);
    let cues = examiner.finish(&Memory(samples)).unwrap();
    assert!(cues.iter().all(|cue| cue.kind != CueKind::EarlierEncoding && cue.kind != CueKind::FrameGridChange));
}

#[test]
fn level_step_is_found_and_speech_is_not_one() {
    // Half a second of speech and of noise in turn.
    let (mut samples, hiss) = (voice(12, 7), noise(12 * RATE, 8));
    for (at, sample) in samples.iter_mut().enumerate().filter(|(at, _)| at / (RATE / 2) % 2 == 1) {
        *sample = 0.003 * hiss[at];
    }
    assert_eq!(cues(&samples, CueKind::LevelStep), []);
    samples[5 * RATE..].iter_mut().for_each(|sample| *sample *= 2.0);
    assert_only_at(&cues(&samples, CueKind::LevelStep), 5.0);
}

#[test]
fn digital_silence_is_found() {
    let mut samples = voice(12, 9);
    assert_eq!(cues(&samples, CueKind::DigitalSilence), []);
    samples[6 * RATE..6 * RATE + 2_000].fill(0.0);
    assert_only_at(&cues(&samples, CueKind::DigitalSilence), 6.06);
}

#[test]
fn noise_gap_is_found() {
    let (mut samples, hiss) = (noise(12 * RATE, 11), noise(RATE, 12));
    samples.iter_mut().for_each(|sample| *sample *= 0.01);
    assert_eq!(cues(&samples, CueKind::NoiseGap), []);
    for (sample, hiss) in samples[6 * RATE..].iter_mut().zip(&hiss[..RATE / 8]) {
        *sample = 0.003 * hiss;
    }
    assert_only_at(&cues(&samples, CueKind::NoiseGap), 6.06);
}

#[test]
fn record_has_the_strong_cues_and_the_kinds_without_one() {
    let cue = |kind, statistic| Cue::new(kind, 1.0, 2.0, statistic);
    let channels = [vec![cue(CueKind::LevelStep, 0.1)], vec![cue(CueKind::HumPhaseJump, 9.0)]];
    let made = record(PLANE_RATE_HZ, "pcm_s16le", 10.0, &channels);
    assert_eq!(made.cues.len(), 1);
    assert_eq!((made.cues[0].kind, made.cues[0].channel), (CueKind::HumPhaseJump, Some(1)));
    assert!(made.without_cue.contains(&CueKind::LevelStep) && !made.without_cue.contains(&CueKind::HumPhaseJump));
    assert!(!made.without_cue.contains(&CueKind::TimesDisagree), "the container was not read");
    assert!(!made.without_cue.contains(&CueKind::FrameGridChangeAtOtherRate), "the rate is that of the plane");
    let text = serde_json::to_string(&made).unwrap();
    assert!(text.contains(r#""kind":"hum-phase-jump","channel":1,"start_s":1.0"#), "{text}");
}

#[test]
fn record_has_one_cue_for_a_place() {
    let cue = |kind, start_s, end_s, statistic| Cue::new(kind, start_s, end_s, statistic);
    let channels = [vec![
        cue(CueKind::DigitalSilence, 0.0, 0.1, 40.0),
        cue(CueKind::DigitalSilence, 1.0, 1.2, 40.0),
        cue(CueKind::DigitalSilence, 9.5, 10.0, 40.0),
        cue(CueKind::NoiseGap, 1.1, 1.14, 50.0),
        cue(CueKind::NoiseGap, 5.0, 5.04, 40.0),
        cue(CueKind::NoiseGap, 5.02, 5.06, 50.0),
        cue(CueKind::NoiseGap, 7.0, 7.04, 50.0),
    ]];
    let made = record(PLANE_RATE_HZ, "pcm_s16le", 10.0, &channels).cues;
    let places: Vec<_> = made.iter().map(|cue| (cue.kind, cue.start_s.unwrap(), cue.end_s.unwrap())).collect();
    let (gap, silence) = (CueKind::NoiseGap, CueKind::DigitalSilence);
    assert_eq!(places, [(gap, 5.0, 5.06), (gap, 7.0, 7.04), (silence, 1.0, 1.2)]);
    assert_eq!(made[0].strength.value, Some(50.0));
}

#[test]
fn short_and_empty_channels_have_no_cue() {
    for length in [0, 1, 100, 5_000, 20_000] {
        let mut examiner = Examiner::new(8_000, "aac");
        examiner.add(&noise(length, 1));
        let strong = examiner.finish(&Memory(noise(2 * length, 2))).unwrap();
        assert_eq!(strong.iter().find(|cue| cue.is_strong(1.0)), None);
    }
}

#[test]
fn noise_at_every_rate_is_examined() {
    for rate_hz in [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000] {
        let mut examiner = Examiner::new(rate_hz, "pcm_s16le");
        examiner.add(&noise(6 * rate_hz as usize, 5));
        let cues = examiner.finish(&Memory(noise(6 * RATE, 5))).unwrap();
        assert!(cues.iter().any(|cue| cue.kind == CueKind::EarlierEncoding), "{rate_hz}");
    }
}

#[test]
fn grids_are_not_sought_in_files_of_other_transforms() {
    let mut examiner = Examiner::new(PLANE_RATE_HZ, "vorbis");
    examiner.add(&noise(6 * RATE, 5));
    let cues = examiner.finish(&Memory(noise(6 * RATE, 5))).unwrap();
    assert!(cues.iter().all(|cue| cue.kind != CueKind::EarlierEncoding && cue.kind != CueKind::FrameGridChange));
    let without = |codec: &str| record(8_000, codec, 6.0, &[Vec::new()]).without_cue;
    assert!(without("aac").contains(&CueKind::EarlierEncoding));
    assert!(!without("opus").contains(&CueKind::EarlierEncoding) && without("opus").contains(&CueKind::LevelStep));
}
