//! Overlap and speaker changes of a channel, frame by frame.

use std::io;

use models::speaker_change::{CHUNK, FRAME as STEP, FrameProbabilities, SpeakerChange};
use stage_core::Pcm;

use crate::region::{FRAME, Interval};

/// Samples that the network computes at once: a minute, and a chunk on each side.
const BLOCK: usize = 6 * CHUNK;
/// The network's frames in one of ours.
const FRAMES_PER_STEP: u64 = (STEP / FRAME) as u64;
/// Probability from which two people may speak at once. On made calls with 10 and 20 % overlap it finds a quarter of it at
/// a precision of 63 and 75 %, and it is exceeded in 2 % of the speech without any.
const OVERLAP: f32 = 0.5;
/// Shortest overlap, in frames.
const SHORTEST: u64 = 10;
/// Probability from which a frame can be the place of a change.
const CHANGE: f32 = 0.1;
/// Farthest such place from a change between windows, in frames: the distance of windows.
const REACH: u64 = 20;

/// An interval in which two people may speak at once, and the mean probability that they do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VoiceOverlap {
    pub(crate) frames: Interval,
    pub(crate) probability: f32,
}

/// What the network finds in a channel; nothing where there is no speech.
#[derive(Debug, Default)]
pub(crate) struct Changes(Vec<FrameProbabilities>);

impl Changes {
    /// Runs the network over the blocks that have speech.
    pub(crate) fn find(detector: &SpeakerChange, pcm: &Pcm, channel: u16, speech: &[Interval]) -> io::Result<Self> {
        let mut found = Vec::new();
        let end = speech.last().map_or(0, |interval| interval.end) as usize * FRAME;
        for start in (0..end).step_by(BLOCK) {
            let own = (start / FRAME) as u64..((start + BLOCK) / FRAME) as u64;
            let steps = found.len()..found.len() + BLOCK / STEP;
            found.resize(steps.end, FrameProbabilities::default());
            if speech.iter().all(|interval| interval.end <= own.start || interval.start >= own.end) {
                continue;
            }
            let before = CHUNK.min(start);
            let samples = pcm.read(channel.into(), (start - before) as u64, before + BLOCK + CHUNK)?;
            let computed = detector.probabilities(&samples).into_iter().skip(before / STEP);
            found[steps].iter_mut().zip(computed).for_each(|(place, frame)| *place = frame);
        }
        Ok(Self(found))
    }

    /// The place near `frame` where the speaker most likely changes, if there is one.
    pub(crate) fn nearest(&self, frame: u64, within: &Interval) -> Option<u64> {
        let near = frame.saturating_sub(REACH).max(within.start)..(frame + REACH + 1).min(within.end);
        let best = near.max_by(|a, b| self.at(*a).change.total_cmp(&self.at(*b).change));
        best.filter(|best| self.at(*best).change >= CHANGE)
    }

    /// Overlap in speech, which is in order.
    pub(crate) fn overlaps(&self, speech: &[Interval]) -> Vec<VoiceOverlap> {
        let in_interval = |interval: &Interval| {
            let is_overlap: Vec<bool> = interval.clone().map(|frame| self.at(frame).overlap >= OVERLAP).collect();
            let runs = dsp::runs(&is_overlap, true).into_iter().map(|run| {
                let frames = interval.start + run.start as u64..interval.start + run.end as u64;
                let sum: f32 = frames.clone().map(|frame| self.at(frame).overlap).sum();
                VoiceOverlap { probability: sum / run.len() as f32, frames }
            });
            runs.filter(|overlap| overlap.frames.end - overlap.frames.start >= SHORTEST).collect::<Vec<_>>()
        };
        speech.iter().flat_map(in_interval).collect()
    }

    fn at(&self, frame: u64) -> FrameProbabilities {
        self.0.get((frame / FRAMES_PER_STEP) as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
impl Changes {
    /// One probability of overlap and of a change for each frame of the network.
    pub(crate) fn of(frames: impl IntoIterator<Item = (f32, f32)>) -> Self {
        Self(frames.into_iter().map(|(overlap, change)| FrameProbabilities { overlap, change }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_are_long_enough_and_in_speech() {
        let changes = Changes::of((0..100).map(|step| (if step % 50 < 12 { 0.75 } else { 0.25 }, 0.0)));
        let found = changes.overlaps(&[5..40, 95..104, 104..130]);
        let expected =
            [(5..24, 0.75), (104..124, 0.75)].map(|(frames, probability)| VoiceOverlap { frames, probability });
        assert_eq!(found, expected);
    }

    #[test]
    fn changes_are_found_near_a_frame_and_within_speech() {
        let changes = Changes::of((0..100).map(|step| (0.0, if step == 30 { 0.5 } else { 0.0 })));
        assert_eq!(changes.nearest(50, &(0..200)), Some(61));
        assert_eq!(changes.nearest(50, &(0..60)), None);
        assert_eq!(changes.nearest(20, &(0..200)), None);
    }

    #[test]
    fn blocks_without_speech_are_not_computed() {
        let detector = SpeakerChange::embedded().unwrap();
        let noise = testkit::Random(3).noise(2 * BLOCK + CHUNK, 0.1);
        let pcm = Pcm::from_channels(vec![noise.clone()]);
        let second = (BLOCK / FRAME) as u64;
        let found = Changes::find(&detector, &pcm, 0, std::slice::from_ref(&(second + 100..second + 200))).unwrap();
        assert_eq!(found.0.len(), 2 * BLOCK / STEP);
        assert!(found.0[..BLOCK / STEP].iter().all(|frame| *frame == FrameProbabilities::default()));
        let whole = detector.probabilities(&noise);
        for (block, whole) in found.0.iter().zip(&whole).skip(BLOCK / STEP) {
            assert!((block.overlap - whole.overlap).abs() < 1e-3, "{block:?} {whole:?}");
        }
        assert!(Changes::find(&detector, &pcm, 0, &[]).unwrap().0.is_empty());
    }
}
