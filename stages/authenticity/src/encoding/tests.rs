//! Grids of a codec that sets small coefficients to zero.

use std::f32::consts::TAU;

use super::*;
use crate::hybrid::tests::resynthesized;
use crate::mdct::Mdct;
use crate::{Cue, threshold};

const RATE_HZ: u32 = 16_000;

fn noise(length: usize) -> Vec<f32> {
    let mut state = 9u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 * 0.2 - 0.1
    };
    (0..length).map(|_| next()).collect()
}

/// Encodes and decodes with a step that is as large as the coefficients.
fn coded(samples: &[f32]) -> Vec<f32> {
    let window = sine();
    let mut mdct = Mdct::new(&window);
    let table: Vec<f32> = (0..8 * N).map(|n| (TAU * n as f32 / (8 * N) as f32).cos()).collect();
    let mut decoded = vec![0.0; samples.len()];
    for start in (0..samples.len().saturating_sub(2 * N)).step_by(N) {
        let coefficients = mdct.transform(&samples[start..start + 2 * N]);
        let step = 2.5 * (dot(coefficients, coefficients) / N as f32).sqrt();
        let kept: Vec<(usize, f32)> =
            coefficients.iter().map(|x| (x / step).round() * step).enumerate().filter(|(_, x)| *x != 0.0).collect();
        for (n, sample) in decoded[start..start + 2 * N].iter_mut().enumerate() {
            let terms = kept.iter().map(|(k, x)| x * table[(2 * n + 1 + N) * (2 * k + 1) % (8 * N)]);
            *sample += window[n] * terms.sum::<f32>() * 2.0 / N as f32;
        }
    }
    decoded
}

fn strong(samples: &[f32]) -> Vec<Cue> {
    let mut blocks = Blocks::new();
    samples.chunks(5_000).for_each(|block| blocks.add(block));
    let cues = blocks.finish(RATE_HZ, Codec::Other, Kinds::OWN_RATE);
    cues.into_iter().filter(|cue| cue.statistic > 2.0 * threshold(cue.kind, 16.0).unwrap()).collect()
}

/// Encodes and decodes as MP3 does, with steps of all powers of 4/3.
fn coded_as_mp3(samples: &[f32]) -> Vec<f32> {
    let step = 2f32.powf(-11.0 / 4.0);
    resynthesized(samples, |coefficients| {
        for x in coefficients {
            *x = (x.abs() / step).powf(0.75).round().powf(4.0 / 3.0).copysign(*x) * step;
        }
    })
}

#[test]
fn encoding_of_quantized_sound_is_found_and_noise_has_none() {
    let samples = noise(10 * RATE_HZ as usize);
    assert_eq!(strong(&samples), []);
    let kinds: Vec<CueKind> = strong(&coded(&samples)[300..]).iter().map(|cue| cue.kind).collect();
    assert_eq!(kinds, [CueKind::EarlierEncoding]);
}

#[test]
fn encoding_grid_changes_where_a_part_was_removed() {
    let mut samples = coded(&noise(16 * RATE_HZ as usize));
    samples.drain(6 * RATE_HZ as usize..6 * RATE_HZ as usize + 5_400);
    let cues = strong(&samples);
    let change = cues.iter().find(|cue| cue.kind == CueKind::FrameGridChange).expect("a change");
    assert!((change.start_s..change.end_s).contains(&6.0), "{change:?}");
}

#[test]
fn encoding_of_mp3_is_found_as_that() {
    let samples = coded_as_mp3(&noise(10 * RATE_HZ as usize));
    let kinds: Vec<CueKind> = strong(&samples[300..]).iter().map(|cue| cue.kind).collect();
    assert_eq!(kinds, [CueKind::EarlierMp3Encoding]);
}

#[test]
fn encoding_of_the_last_codec_is_no_cue() {
    let mut blocks = Blocks::new();
    blocks.add(&coded_as_mp3(&noise(10 * RATE_HZ as usize)));
    let cues = blocks.finish(RATE_HZ, Codec::Mp3, Kinds::OWN_RATE);
    let cue = cues.iter().find(|cue| cue.kind == CueKind::EarlierMp3Encoding).expect("a weak cue");
    assert!(cue.statistic < 1.5 * threshold(cue.kind, 16.0).unwrap(), "{cue:?}");
}
