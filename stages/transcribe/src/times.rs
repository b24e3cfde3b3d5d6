//! Token times from the cross-attention of the alignment heads, as openai-whisper's `timing.py` finds them.

mod dtw;

use dtw::warping_jumps;

use crate::decoding::POSITION_S;

/// The alignment heads' cross-attention over a text.
#[derive(Debug)]
pub(crate) struct Attention {
    /// Weights by head, then token, then position; each row sums to 1.
    pub(crate) weights: Vec<f32>,
    /// Heads.
    pub(crate) heads: usize,
    /// Tokens that were fed: prompt, text, end.
    pub(crate) rows: usize,
    /// Positions, those of the padding included.
    pub(crate) padded_positions: usize,
    /// Positions that lie in the window itself.
    pub(crate) positions: usize,
    /// The row that predicted the first text token.
    pub(crate) first: usize,
}

/// Boundaries of `tokens` text tokens in seconds from the window's start: `tokens + 1` of them, never falling. Tokens
/// that were not fed last to the window's end.
///
/// Weights in the padding are left out and the rest sums to 1 again; weights are normalised over the tokens, smoothed by
/// a median filter of `filter_width` (odd) positions and averaged over the heads; the monotone path of the highest sum
/// through them gives the times.
pub(crate) fn token_boundaries_s(attention: Attention, tokens: usize, filter_width: usize) -> Vec<f64> {
    let Attention { weights, heads, rows, padded_positions, positions, first } = attention;
    let mut mean = vec![0f32; (rows - 1 - first) * positions];
    for head in weights.chunks_exact(rows * padded_positions) {
        let mut head = without_padding(head, padded_positions, positions);
        normalise_over_tokens(&mut head, positions);
        // The row of the end token predicts nothing.
        let rows = head[first * positions..(rows - 1) * positions].chunks_exact(positions);
        let smooth = rows.flat_map(|row| median_filter(row, filter_width));
        mean.iter_mut().zip(smooth).for_each(|(mean, weight)| *mean += weight / heads as f32);
    }
    let mut boundaries: Vec<f64> =
        warping_jumps(&mean, positions).into_iter().map(|position| position as f64 * POSITION_S).collect();
    boundaries.resize(tokens + 1, positions as f64 * POSITION_S);
    boundaries
}

/// Every row's first `positions` weights, made to sum to 1.
fn without_padding(head: &[f32], padded_positions: usize, positions: usize) -> Vec<f32> {
    let mut kept = Vec::with_capacity(head.len() / padded_positions * positions);
    for row in head.chunks_exact(padded_positions) {
        let row = &row[..positions];
        let sum = row.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        kept.extend(row.iter().map(|weight| weight / sum));
    }
    kept
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
        // Two prompt rows, three rows that predict two tokens and the end, and the end's, over ten positions and padding.
        let row = |from: usize, to: usize| -> Vec<f32> {
            (0..14).map(|p| if (from..to).contains(&p) { 0.2 } else { 0.01 }).collect()
        };
        let head = [row(0, 0), row(0, 0), row(0, 4), row(4, 8), row(8, 14), row(0, 0)].concat();
        let attention = |tokens| {
            let weights = [head.clone(), head.clone()].concat();
            let attention = Attention { weights, heads: 2, rows: 6, padded_positions: 14, positions: 10, first: 2 };
            token_boundaries_s(attention, tokens, 1)
        };
        assert_eq!(attention(2), [0.0, 0.08, 0.16]);
        assert_eq!(attention(3), [0.0, 0.08, 0.16, 0.2], "a token that was not fed lasts to the window's end");
    }
}
