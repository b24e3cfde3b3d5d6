//! Forced alignment: finds the most likely path of a text's states through the frames (Viterbi).
//!
//! A path stays in its state, moves to the next, or skips one. Backpointers are not stored for every cell: scores are
//! stored at every `stride` frames, and the cells between two of them are computed again during backtracking. Frames
//! `T` and states `S` take memory for `S * sqrt(T)` cells, so that memory grows only with the number of words if the
//! length of windows is limited. Only cells that are on no path to the end are skipped, so the result is exact.

mod chain;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::emissions::Emissions;

pub(crate) use chain::{State, chain, shortest};

/// Scores of states at frames.
pub(crate) trait Scores {
    /// Number of frames.
    fn frames(&self) -> usize;

    /// Log-probability of a state at a frame.
    fn at(&self, frame: usize, state: &State) -> f32;
}

/// The score of a state is that of its symbol.
impl Scores for Emissions {
    fn frames(&self) -> usize {
        Self::frames(self)
    }

    fn at(&self, frame: usize, state: &State) -> f32 {
        Self::at(self, frame, state.symbol)
    }
}

/// The most likely path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    /// The state of every frame.
    pub(crate) states: Vec<usize>,
    /// Log-probability of the path.
    pub(crate) score: f64,
}

/// Finds the most likely path of the states through the frames. Returns `None` if there are too few frames. Of two
/// equally likely paths, it returns the one that stays longer in later states.
pub(crate) fn align<S: Scores>(scores: &S, states: &[State]) -> Option<Path> {
    if scores.frames() == 0 || scores.frames() < shortest(states) {
        return None;
    }
    Trellis { given: scores, states }.best()
}

struct Trellis<'a, S> {
    given: &'a S,
    states: &'a [State],
}

impl<S: Scores> Trellis<'_, S> {
    fn best(&self) -> Option<Path> {
        let frames = self.given.frames();
        let stride = frames.isqrt().max(1);
        let mut scores = self.begin();
        let mut kept = vec![scores.clone()];
        for frame in 1..frames {
            self.step(frame, &mut scores, None);
            if frame % stride == 0 {
                kept.push(scores.clone());
            }
        }
        let last = self.states.len() - 1;
        let end = if last > 0 && scores[last - 1] > scores[last] { last - 1 } else { last };
        let score = scores[end];
        (score > f64::NEG_INFINITY).then(|| Path { states: self.trace(kept, stride, end), score })
    }

    /// Traces the path back from state `end` at the last frame to the first frame.
    fn trace(&self, mut kept: Vec<Vec<f64>>, stride: usize, end: usize) -> Vec<usize> {
        let (frames, width) = (self.given.frames(), self.states.len());
        let mut states = vec![end; frames];
        let mut moves = vec![0; (stride - 1) * width];
        let mut over = vec![0; width];
        let mut state = end;
        while let Some(mut scores) = kept.pop() {
            let first = kept.len() * stride;
            let block = first + 1..(first + stride).min(frames);
            // The step from the last frame of this block to the first frame of the next block.
            let next = block.end;
            for (row, frame) in block.clone().enumerate() {
                self.step(frame, &mut scores, Some(&mut moves[row * width..][..width]));
            }
            if next < frames {
                self.step(next, &mut scores, Some(&mut over));
                state -= usize::from(over[state]);
            }
            for (row, frame) in block.enumerate().rev() {
                states[frame] = state;
                state -= usize::from(moves[row * width + state]);
            }
            states[first] = state;
        }
        states
    }

    /// Scores of the states at the first frame.
    fn begin(&self) -> Vec<f64> {
        let mut scores = vec![f64::NEG_INFINITY; self.states.len()];
        for (score, state) in scores.iter_mut().zip(self.states).take(2) {
            *score = f64::from(self.given.at(0, state));
        }
        scores
    }

    /// Computes the scores at `frame` from those at the previous frame. Stores in `moves` how many states back the best
    /// path into each state came from.
    fn step(&self, frame: usize, scores: &mut [f64], mut moves: Option<&mut [u8]>) {
        let Range { start, end } = self.reachable(frame);
        scores[end..].fill(f64::NEG_INFINITY);
        for at in (start..end).rev() {
            let (mut best, mut back) = (scores[at], 0);
            if at >= 1 && scores[at - 1] > best {
                (best, back) = (scores[at - 1], 1);
            }
            if at >= 2 && self.states[at].skips && scores[at - 2] > best {
                (best, back) = (scores[at - 2], 2);
            }
            scores[at] = best + f64::from(self.given.at(frame, &self.states[at]));
            if let Some(moves) = &mut moves {
                moves[at] = back;
            }
        }
        scores[..start].fill(f64::NEG_INFINITY);
    }

    /// States that can be reached by `frame` and from which the end can be reached.
    fn reachable(&self, frame: usize) -> Range<usize> {
        let left = self.given.frames() - 1 - frame;
        let end = (2 * frame + 2).min(self.states.len());
        (self.states.len().saturating_sub(2 * left + 2)).min(end)..end
    }
}
