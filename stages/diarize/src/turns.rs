//! From windows to turns: each frame of speech has the speaker of the nearest window; between two speakers, the turn ends
//! where the speaker most likely changes.

use crate::changes::Changes;
use crate::cluster::Responsibilities;
use crate::region::{FRAMES_PER_S, Interval};
use crate::windows::Window;

/// Uninterrupted speech of one speaker of a channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VoiceTurn {
    /// Number of the speaker among those of the channel; `None` if the voice is not clear.
    pub(crate) speaker: Option<usize>,
    pub(crate) start_s: f64,
    pub(crate) end_s: f64,
    pub(crate) confidence: f32,
}

/// Speech further from any window has no clear voice, in frames.
const NEAR: u64 = 60;
/// Turns with a lower mean probability have no clear voice. On made calls 4 of 10 frames with a probability from 0.5 to
/// 0.7 had the wrong speaker, and 1 of 80 above 0.9.
const CLEAR: f64 = 0.6;

/// The turns in speech, which is in order.
pub(crate) fn turns(
    speech: &[Interval],
    windows: &[Window],
    who: &Responsibilities,
    changes: &Changes,
) -> Vec<VoiceTurn> {
    let of_interval = |interval: &Interval| {
        let mut frames: Vec<_> = interval.clone().map(|frame| speaker_at(frame, windows, who)).collect();
        move_to_changes(&mut frames, interval, changes);
        turns_of(interval, frames)
    };
    speech.iter().flat_map(of_interval).collect()
}

/// Moves each change between two known speakers to the place near it where the speaker most likely changes.
fn move_to_changes(frames: &mut [(Option<usize>, f64)], interval: &Interval, changes: &Changes) {
    for at in 1..frames.len() {
        let (before, after) = (frames[at - 1].0, frames[at].0);
        if before == after || before.is_none() || after.is_none() {
            continue;
        }
        let Some(place) = changes.nearest(interval.start + at as u64, interval) else { continue };
        let place = (place - interval.start) as usize;
        let (moved, speaker) = if place < at { (place..at, after) } else { (at..place, before) };
        frames[moved].iter_mut().for_each(|frame| frame.0 = speaker);
    }
}

/// Runs of frames of one speaker. Each frame has a speaker and its probability.
fn turns_of(interval: &Interval, frames: Vec<(Option<usize>, f64)>) -> Vec<VoiceTurn> {
    let mut turns: Vec<(Option<usize>, Interval, f64)> = Vec::new();
    for (frame, (speaker, probability)) in interval.clone().zip(frames) {
        match turns.last_mut() {
            Some((last, run, sum)) if *last == speaker => {
                run.end = frame + 1;
                *sum += probability;
            }
            _ => turns.push((speaker, frame..frame + 1, probability)),
        }
    }
    let turn = |(speaker, run, sum): (Option<usize>, Interval, f64)| {
        let confidence = sum / (run.end - run.start) as f64;
        VoiceTurn {
            speaker: speaker.filter(|_| confidence >= CLEAR),
            start_s: run.start as f64 / FRAMES_PER_S,
            end_s: run.end as f64 / FRAMES_PER_S,
            confidence: confidence as f32,
        }
    };
    turns.into_iter().map(turn).collect()
}

/// The most likely speaker of a frame and its probability.
fn speaker_at(frame: u64, windows: &[Window], who: &Responsibilities) -> (Option<usize>, f64) {
    let after = windows.partition_point(|window| window.middle < frame);
    let near = [after.checked_sub(1), Some(after)].into_iter().flatten().filter(|at| *at < windows.len());
    let nearest = near.min_by_key(|at| windows[*at].middle.abs_diff(frame));
    let Some(nearest) = nearest.filter(|at| windows[*at].middle.abs_diff(frame) <= NEAR) else { return (None, 0.0) };
    let row = who[nearest].iter().copied().enumerate();
    row.max_by(|a, b| a.1.total_cmp(&b.1)).map_or((None, 0.0), |(speaker, probability)| (Some(speaker), probability))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_change_between_windows_and_are_unknown_far_from_them() {
        let window = |middle| Window { middle, point: Vec::new() };
        let windows = [window(40), window(60), window(80)];
        let who = vec![vec![0.9, 0.1], vec![0.8, 0.2], vec![0.3, 0.7]];
        let found = turns(&[30..90, 400..420], &windows, &who, &Changes::default());
        let expected = [(Some(0), 0.3, 0.7), (Some(1), 0.7, 0.9), (None, 4.0, 4.2)];
        assert_eq!(found.len(), 3, "{found:?}");
        for (turn, (speaker, start_s, end_s)) in found.iter().zip(expected) {
            assert_eq!(turn.speaker, speaker);
            assert!((turn.start_s - start_s).abs() < 0.02 && (turn.end_s - end_s).abs() < 0.02, "{turn:?}");
        }
        assert!((f64::from(found[1].confidence) - 0.7).abs() < 0.01);
    }

    #[test]
    fn turns_end_where_the_speaker_most_likely_changes() {
        let window = |middle| Window { middle, point: Vec::new() };
        let windows = [window(40), window(60), window(80)];
        let who = vec![vec![0.9, 0.1], vec![0.9, 0.1], vec![0.1, 0.9]];
        for (change, expected) in [(31, 0.63), (38, 0.77), (20, 0.7)] {
            let changes = Changes::of((0..100).map(|step| (0.0, if step == change { 0.6 } else { 0.02 })));
            let found = turns(std::slice::from_ref(&(30..90)), &windows, &who, &changes);
            assert_eq!(found.len(), 2, "{found:?}");
            assert!((found[0].end_s - expected).abs() < 0.011, "{change}: {found:?}");
            assert_eq!(found[0].end_s, found[1].start_s);
        }
    }
}
