//! How certain word boundaries are: the spread of each boundary over all paths through the trellis.

use std::ops::Range;

use crate::trellis::{Scores, State};

use super::frames::Frames;

/// Scores are multiplied by this. The head's frames are not independent, so that their product is far too certain.
const TEMPERATURE: f32 = 0.3;

/// Expected distance in frames of a word's start and end from the given path, over all paths.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Spread {
    pub(crate) start: f32,
    pub(crate) end: f32,
}

/// The spread of words around the path that gives each of them these frames.
pub(crate) fn spread(frames: &Frames, states: &[State], own: &[Range<usize>]) -> Vec<Spread> {
    let occupation = occupation(frames, states);
    let words = own.len();
    let mut spreads = vec![Spread::default(); words];
    // The probability that a word has not begun is that of all states before it; that it has ended, of those behind it.
    for (frame, row) in occupation.chunks_exact(states.len()).enumerate() {
        let (mut before, mut through) = (vec![0.0; words], vec![0.0; words]);
        let mut total = 0.0;
        for (state, weight) in states.iter().zip(row) {
            if let Some(word) = state.word {
                if through[word] == 0.0 {
                    before[word] = total;
                }
                through[word] = total + weight;
            }
            total += weight;
        }
        for word in 0..words {
            let begun = 1.0 - before[word];
            let ended = 1.0 - through[word];
            spreads[word].start += if frame < own[word].start { begun } else { 1.0 - begun };
            spreads[word].end += if frame < own[word].end { ended } else { 1.0 - ended };
        }
    }
    spreads
}

/// The probability of each state at each frame (`[frames, states]`), by the forward-backward algorithm.
fn occupation(frames: &Frames, states: &[State]) -> Vec<f32> {
    let (count, width) = (frames.frames(), states.len());
    let score = |frame: usize, state: usize| TEMPERATURE * frames.at(frame, &states[state]);
    let mut forward = vec![0.0f32; count * width];
    for (state, probability) in forward.iter_mut().enumerate().take(width.min(2)) {
        *probability = score(0, state).exp();
    }
    for frame in 1..count {
        let (before, now) = forward.split_at_mut(frame * width);
        let before = &before[(frame - 1) * width..];
        for state in 0..width {
            let mut sum = before[state];
            if state >= 1 {
                sum += before[state - 1];
            }
            if states[state].skips {
                sum += before[state - 2];
            }
            now[state] = sum * score(frame, state).exp();
        }
        scale(&mut now[..width]);
    }
    let mut backward = vec![0.0f32; width];
    backward[width.saturating_sub(2)..].fill(1.0);
    for frame in (0..count).rev() {
        if frame + 1 < count {
            let next: Vec<f32> = (0..width).map(|state| backward[state] * score(frame + 1, state).exp()).collect();
            for state in 0..width {
                let skipped = next.get(state + 2).filter(|_| states[state + 2].skips);
                backward[state] = next[state] + next.get(state + 1).unwrap_or(&0.0) + skipped.unwrap_or(&0.0);
            }
            scale(&mut backward);
        }
        let row = &mut forward[frame * width..(frame + 1) * width];
        row.iter_mut().zip(&backward).for_each(|(forward, backward)| *forward *= backward);
        scale(row);
    }
    forward
}

/// Scales values to sum to 1.
fn scale(values: &mut [f32]) {
    let sum: f32 = values.iter().sum();
    if sum > 0.0 {
        values.iter_mut().for_each(|value| *value /= sum);
    }
}
