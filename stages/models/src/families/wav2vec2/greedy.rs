//! Greedy CTC decoding: takes the most likely symbol of every frame, merges runs of the same symbol, and drops blanks.

use serde::{Deserialize, Serialize};

use super::network::LogProbs;

/// A symbol that the model emits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Emitted {
    /// The symbol.
    pub(super) id: usize,
    /// The first frame.
    pub(super) start: usize,
    /// One past the last frame.
    pub(super) end: usize,
    /// Mean log-probability (natural) over its frames.
    pub(super) logprob: f32,
}

/// The symbols of a window, in time order. Of equally likely symbols, the one with the lower id is chosen.
pub(super) fn decode(log_probs: &LogProbs) -> Vec<Emitted> {
    let mut runs: Vec<Emitted> = Vec::new();
    for (frame, row) in log_probs.values.chunks_exact(log_probs.symbols).enumerate() {
        let (id, logprob) = likeliest(row);
        match runs.last_mut() {
            Some(run) if run.id == id => {
                run.end = frame + 1;
                // Holds the sum until the run ends; divided by its length afterwards.
                run.logprob += logprob;
            }
            _ => runs.push(Emitted { id, start: frame, end: frame + 1, logprob }),
        }
    }
    runs.retain(|run| run.id != log_probs.blank);
    runs.iter_mut().for_each(|run| run.logprob /= (run.end - run.start) as f32);
    runs
}

fn likeliest(row: &[f32]) -> (usize, f32) {
    let better = |best: (usize, f32), other: (usize, f32)| if other.1 > best.1 { other } else { best };
    row.iter().copied().enumerate().reduce(better).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Log-probabilities over three symbols in which each frame has one likely symbol; 0 is the blank.
    fn log_probs(frames: &[usize]) -> LogProbs {
        let row = |likely: &usize| (0..3).map(|id| if id == *likely { -0.1 } else { -3.0 }).collect::<Vec<_>>();
        LogProbs { values: frames.iter().flat_map(row).collect(), symbols: 3, blank: 0 }
    }

    fn runs(frames: &[usize]) -> Vec<(usize, usize, usize)> {
        decode(&log_probs(frames)).iter().map(|emitted| (emitted.id, emitted.start, emitted.end)).collect()
    }

    #[test]
    fn greedy_joins_runs_and_drops_blanks() {
        assert_eq!(runs(&[0, 1, 1, 0, 2, 2, 2]), [(1, 1, 3), (2, 4, 7)]);
        assert_eq!(runs(&[1, 2, 1]), [(1, 0, 1), (2, 1, 2), (1, 2, 3)]);
        assert_eq!(runs(&[0, 0]), []);
        assert_eq!(runs(&[]), []);
    }

    #[test]
    fn greedy_keeps_a_symbol_twice_only_across_a_blank() {
        assert_eq!(runs(&[1, 0, 1]), [(1, 0, 1), (1, 2, 3)]);
        assert_eq!(runs(&[1, 1]), [(1, 0, 2)]);
    }

    #[test]
    fn greedy_log_probability_is_the_mean_of_the_frames() {
        let values = vec![-3.0, -0.2, -9.0, -3.0, -0.4, -9.0];
        let emitted = decode(&LogProbs { values, symbols: 3, blank: 0 });
        assert_eq!(emitted.len(), 1);
        assert!((emitted[0].logprob + 0.3).abs() < 1e-6);
    }
}
