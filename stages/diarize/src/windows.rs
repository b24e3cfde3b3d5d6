//! Places windows over the speech of a region and computes a point of the voice space for each.

use models::speaker_encoder::{BANDS, SpeakerEncoder};

use crate::region::Region;

/// Frames in a window. Shorter than that of the encoder's training, so that short turns have windows of their own.
const LENGTH: usize = 65;
/// Frames between windows.
const HOP: u64 = 20;
/// Share of a window that has sound, at least.
const SOUND_SHARE: f64 = 0.3;
/// Mean mel power to which each window is scaled: that of speech at -30 dBFS, the level of the encoder's training.
const LEVEL: f32 = 0.01;

/// The voice in a window.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    /// The frame of the channel at its middle.
    pub(crate) middle: u64,
    /// Its place in the voice space.
    pub(crate) point: Vec<f32>,
}

/// The windows whose middle is in a region, in order. Their places do not depend on the region's start.
pub(crate) fn windows(encoder: &SpeakerEncoder, region: &Region) -> Vec<Window> {
    let mels = encoder.mels(&region.samples);
    let half = (LENGTH / 2) as u64;
    let first = region.own.start.saturating_sub(half).max(region.first).next_multiple_of(HOP);
    let last = region.first + mels.len() as u64;
    let starts = (first..)
        .step_by(HOP as usize)
        .take_while(|start| start + half < region.own.end && start + LENGTH as u64 <= last);
    let places: Vec<(u64, Vec<[f32; BANDS]>)> = starts
        .filter_map(|start| {
            let frames = (start - region.first) as usize..(start - region.first) as usize + LENGTH;
            let sounds = start + half >= region.own.start && region.sound_share(frames.clone()) >= SOUND_SHARE;
            sounds.then(|| (start + half, scaled(&mels[frames])))
        })
        .collect();
    let inputs: Vec<&[[f32; BANDS]]> = places.iter().map(|(_, mels)| mels.as_slice()).collect();
    let embeddings = encoder.embed(&inputs);
    let window = |((middle, _), embedding): (&(u64, _), Vec<f32>)| Window {
        middle: *middle,
        point: encoder.project(&embedding),
    };
    places.iter().zip(embeddings).map(window).collect()
}

/// The mel power of a window at the level of the encoder's training.
pub(crate) fn scaled(mels: &[[f32; BANDS]]) -> Vec<[f32; BANDS]> {
    let mean = mels.iter().flatten().sum::<f32>() / (mels.len() * BANDS) as f32;
    let gain = LEVEL / mean.max(1e-9);
    mels.iter().map(|frame| frame.map(|power| power * gain)).collect()
}
