//! Token times from the cross-attention of the alignment heads, as openai-whisper's `timing.py` finds them.

mod dtw;

use dtw::warping_jumps;

/// Seconds of one encoder position.
const POSITION_S: f64 = 0.02;

/// Cross-attention weights of one window: for every alignment head one row of positions for each token that was fed.
#[derive(Debug)]
pub(crate) struct HeadWeights {
    /// Positions that lie in the window itself.
    positions: usize,
    /// Weights by head, then token, then position.
    heads: Vec<Vec<f32>>,
}

impl HeadWeights {
    /// No weights yet, for a window of so many positions.
    pub(crate) const fn new(positions: usize) -> Self {
        Self { positions, heads: Vec::new() }
    }

    /// Adds the rows of new tokens for every head, each row `of` positions long; what lies in the padding is left out
    /// and the rest sums to 1 again.
    pub(crate) fn extend<'a>(&mut self, heads: impl ExactSizeIterator<Item = &'a [f32]>, of: usize) {
        self.heads.resize_with(heads.len(), Vec::new);
        for (kept, rows) in self.heads.iter_mut().zip(heads) {
            for row in rows.chunks_exact(of) {
                let row = &row[..self.positions];
                let sum = row.iter().sum::<f32>().max(f32::MIN_POSITIVE);
                kept.extend(row.iter().map(|weight| weight / sum));
            }
        }
    }
}

/// Boundaries of `tokens` text tokens in seconds from the window's start: `tokens + 1` of them, never falling. The
/// weights' row `first` is the one that predicted the first text token. Where the row that predicted the end is
/// missing, the last token lasts to the window's end.
///
/// Weights are normalised over the tokens, smoothed by a median filter of `filter_width` (odd) positions and averaged
/// over the heads; the monotone path of the highest sum through them gives the times.
pub(crate) fn token_boundaries_s(weights: HeadWeights, first: usize, tokens: usize, filter_width: usize) -> Vec<f64> {
    let HeadWeights { positions, heads } = weights;
    let mut mean = Vec::new();
    for mut head in heads {
        normalise_over_tokens(&mut head, positions);
        let rows = head[first * positions..].chunks_exact(positions).flat_map(|row| median_filter(row, filter_width));
        if mean.is_empty() {
            mean.extend(rows);
        } else {
            mean.iter_mut().zip(rows).for_each(|(mean, weight)| *mean += weight);
        }
    }
    let mut boundaries: Vec<f64> =
        warping_jumps(&mean, positions).into_iter().map(|position| position as f64 * POSITION_S).collect();
    boundaries.resize(tokens + 1, positions as f64 * POSITION_S);
    boundaries
}

/// Subtracts the mean of every position over the tokens and divides by the standard deviation.
fn normalise_over_tokens(weights: &mut [f32], positions: usize) {
    let rows = (weights.len() / positions) as f32;
    let (mut mean, mut deviation) = (vec![0f32; positions], vec![0f32; positions]);
    for row in weights.chunks_exact(positions) {
        mean.iter_mut().zip(row).for_each(|(mean, weight)| *mean += weight / rows);
    }
    for row in weights.chunks_exact(positions) {
        let both = deviation.iter_mut().zip(&mean);
        both.zip(row).for_each(|((deviation, mean), weight)| *deviation += (weight - mean).powi(2) / rows);
    }
    deviation.iter_mut().for_each(|deviation| *deviation = deviation.sqrt().max(f32::MIN_POSITIVE));
    for row in weights.chunks_exact_mut(positions) {
        for ((weight, mean), deviation) in row.iter_mut().zip(&mean).zip(&deviation) {
            *weight = (*weight - mean) / deviation;
        }
    }
}

/// The median over `width` (odd) neighbours, mirrored at the ends; unchanged where the row is shorter than half that.
fn median_filter(row: &[f32], width: usize) -> Vec<f32> {
    let (half, last) = (width / 2, row.len() as isize - 1);
    if row.len() <= half {
        return row.to_vec();
    }
    let mut neighbours = vec![0.0; width];
    (0..row.len() as isize)
        .map(|centre| {
            for (neighbour, index) in neighbours.iter_mut().zip(centre - half as isize..) {
                *neighbour = row[(last - (last - index.abs()).abs()) as usize];
            }
            neighbours.sort_unstable_by(f32::total_cmp);
            neighbours[half]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_filter_removes_a_spike_and_mirrors_the_ends() {
        assert_eq!(median_filter(&[0.0, 0.0, 9.0, 0.0, 0.0], 3), [0.0; 5]);
        // The ends see [3, 1, 3] and [5, 7, 5].
        assert_eq!(median_filter(&[1.0, 3.0, 5.0, 7.0], 3), [3.0, 3.0, 5.0, 5.0]);
        assert_eq!(median_filter(&[2.0, 1.0], 7), [2.0, 1.0], "shorter than the filter's half");
    }

    #[test]
    fn tokens_lie_where_the_attention_points() {
        // Two prompt rows, then three rows that predict two tokens and the end, over ten positions and padding.
        let row = |from: usize, to: usize| -> Vec<f32> {
            (0..14).map(|p| if (from..to).contains(&p) { 0.2 } else { 0.01 }).collect()
        };
        let head = [row(0, 0), row(0, 0), row(0, 4), row(4, 8), row(8, 14)].concat();
        let mut weights = HeadWeights::new(10);
        weights.extend([head.as_slice(), &head].into_iter(), 14);
        assert_eq!(token_boundaries_s(weights, 2, 2, 1), [0.0, 0.08, 0.16]);
    }

    #[test]
    fn a_text_that_was_cut_short_lasts_to_the_windows_end() {
        let mut weights = HeadWeights::new(3);
        weights.extend([[1.0, 0.0, 0.0, 0.0, 1.0, 0.0].as_slice()].into_iter(), 3);
        let boundaries = token_boundaries_s(weights, 0, 2, 1);
        assert_eq!((boundaries.len(), boundaries[2]), (3, 0.06));
    }
}
