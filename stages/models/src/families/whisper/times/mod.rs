//! Token times from the cross-attention of the alignment heads, as in openai-whisper's `timing.py`. If speech activity
//! is known, no word spans a silence.

mod dtw;

use dsp::PAUSE_MIN_MS;
use dtw::{Pauses, warping_jumps};

use crate::families::whisper::decoding::POSITION_S;

/// The alignment heads' cross-attention over a text.
#[derive(Debug)]
pub(crate) struct Attention {
    /// Weights by head, then token, then position; each row sums to 1.
    pub(crate) weights: Vec<f32>,
    /// Number of heads.
    pub(crate) heads: usize,
    /// Number of tokens that were fed: prompt, text and end token.
    pub(crate) rows: usize,
    /// Number of positions, including the padding.
    pub(crate) padded_positions: usize,
    /// Number of positions within the window.
    pub(crate) positions: usize,
    /// The row that predicts the first text token.
    pub(crate) first: usize,
}

/// A silence of at least this many positions (20 ms each) ends a word or a text.
const LONG_SILENCE: usize = PAUSE_MIN_MS / 20;
/// Attention moves to a token this many positions before the token is audible. On read English, starts and ends are 40
/// to 50 ms early in the median.
const LEAD: usize = 2;

/// Speech activity of the window, and where its text may pause.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speech<'a> {
    /// Which positions of the window contain speech. Empty if it was not measured.
    pub(crate) sounding: &'a [bool],
    /// For each text token that was fed: whether a pause may precede it.
    pub(crate) may_pause: &'a [bool],
}

/// Boundaries of `tokens` text tokens in seconds from the window's start: `tokens + 1` values that never decrease.
/// Tokens that were not fed last to the window's end.
///
/// As in openai-whisper, weights in the padding are removed and the rest is scaled to sum to 1. Weights are then
/// normalized over the tokens, smoothed by a median filter of `filter_width` (odd) positions and averaged over the
/// heads. The monotonic path with the highest sum gives the times.
///
/// If speech activity is known, the path uses only positions with speech. Skipping a silence costs one standard
/// deviation per position, as if the weights there were that far below the mean, unless the next token may follow a
/// pause. Boundaries are then moved later by [`LEAD`], but not past a silence, and the last token extends to the next
/// silence of at least 0.2 s. A token that begins after a silence begins at the silence's end. The token before it
/// lasts until there, including the silence.
pub(crate) fn token_boundaries_s(
    attention: Attention,
    tokens: usize,
    filter_width: usize,
    speech: Speech<'_>,
) -> Vec<f64> {
    let columns = columns(&attention, speech.sounding);
    let width = columns.len();
    let end_s = attention.positions as f64 * POSITION_S;
    let pauses = Pauses { before: silences(&columns), may_precede: may_precede(&attention, speech.may_pause) };
    let mut jumps = warping_jumps(&mean_weights(attention, &columns, filter_width), width, &pauses);
    if !speech.sounding.is_empty() {
        jumps.iter_mut().skip(1).for_each(|jump| *jump = later(*jump, &pauses.before));
        if let Some(end) = jumps.last_mut() {
            *end = (*end..width).find(|column| pauses.before[*column] >= LONG_SILENCE).unwrap_or(width);
        }
    }
    let behind = columns.last().map_or(0, |column| column + 1);
    let seconds = |jump: usize| columns.get(jump).copied().unwrap_or(behind) as f64 * POSITION_S;
    let mut boundaries: Vec<f64> = jumps.into_iter().map(seconds).collect();
    boundaries.resize(tokens + 1, end_s);
    boundaries
}

/// The positions that the path uses: those with speech, or all if speech activity is unknown or there are too few.
fn columns(attention: &Attention, sounding: &[bool]) -> Vec<usize> {
    let columns: Vec<usize> = (0..attention.positions).filter(|at| sounding.get(*at) == Some(&true)).collect();
    let rows = attention.rows - 1 - attention.first;
    if columns.len() < rows { (0..attention.positions).collect() } else { columns }
}

/// The number of omitted positions before each column.
fn silences(columns: &[usize]) -> Vec<usize> {
    let between = columns.windows(2).map(|pair| pair[1] - pair[0] - 1);
    std::iter::once(0).chain(between).take(columns.len()).collect()
}

/// For each row of the path, whether a pause may precede it. A pause may always precede the end.
fn may_precede(attention: &Attention, may_pause: &[bool]) -> Vec<bool> {
    let rows = attention.rows - 1 - attention.first;
    (0..rows).map(|row| may_pause.get(row).copied().unwrap_or(true)).collect()
}

/// Moves a boundary later by the lead, but at most to the next silence. A boundary at a silence stays.
fn later(jump: usize, silences: &[usize]) -> usize {
    let last = silences.len().saturating_sub(1).max(jump);
    let moved = (jump + LEAD).min(last);
    (jump..moved).find(|at| silences[*at] > 0).unwrap_or(moved)
}

/// The weights of the rows that predict text and the end token, at these positions, averaged over the heads.
fn mean_weights(attention: Attention, columns: &[usize], filter_width: usize) -> Vec<f32> {
    let Attention { weights, heads, rows, padded_positions, first, .. } = attention;
    let width = columns.len();
    let mut mean = vec![0f32; (rows - 1 - first) * width];
    for head in weights.chunks_exact(rows * padded_positions) {
        let mut head = of_columns(head, padded_positions, columns);
        normalize_over_tokens(&mut head, width);
        // The row of the end token predicts nothing.
        let rows = head[first * width..(rows - 1) * width].chunks_exact(width);
        let smooth = rows.flat_map(|row| median_filter(row, filter_width));
        mean.iter_mut().zip(smooth).for_each(|(mean, weight)| *mean += weight / heads as f32);
    }
    mean
}

/// The weights of every row at these positions, scaled to sum to 1.
fn of_columns(head: &[f32], padded_positions: usize, columns: &[usize]) -> Vec<f32> {
    let mut kept = Vec::with_capacity(head.len() / padded_positions * columns.len());
    for row in head.chunks_exact(padded_positions) {
        let sum = columns.iter().map(|column| row[*column]).sum::<f32>().max(f32::MIN_POSITIVE);
        kept.extend(columns.iter().map(|column| row[*column] / sum));
    }
    kept
}

/// Subtracts the mean over the tokens at every position and divides by the standard deviation.
fn normalize_over_tokens(weights: &mut [f32], positions: usize) {
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

/// The median over `width` (odd) neighbors, mirrored at the ends. Rows shorter than half the width are returned
/// unchanged.
fn median_filter(row: &[f32], width: usize) -> Vec<f32> {
    let (half, last) = (width / 2, row.len() as isize - 1);
    if row.len() <= half {
        return row.to_vec();
    }
    let mut neighbors = vec![0.0; width];
    (0..row.len() as isize)
        .map(|center| {
            for (neighbor, index) in neighbors.iter_mut().zip(center - half as isize..) {
                *neighbor = row[(last - (last - index.abs()).abs()) as usize];
            }
            neighbors.sort_unstable_by(f32::total_cmp);
            neighbors[half]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    #[test]
    fn median_filter_removes_a_spike_and_mirrors_the_ends() {
        assert_eq!(median_filter(&[0.0, 0.0, 9.0, 0.0, 0.0], 3), [0.0; 5]);
        // At the ends, the filter sees [3, 1, 3] and [5, 7, 5].
        assert_eq!(median_filter(&[1.0, 3.0, 5.0, 7.0], 3), [3.0, 3.0, 5.0, 5.0]);
        assert_eq!(median_filter(&[2.0, 1.0], 7), [2.0, 1.0], "shorter than the filter's half");
    }

    /// Two prompt rows, rows that attend to these positions, and the row of the end token, over ten positions and
    /// padding.
    fn attention(looks: &[Range<usize>]) -> Attention {
        let row =
            |look: Range<usize>| -> Vec<f32> { (0..14).map(|p| if look.contains(&p) { 0.2 } else { 0.01 }).collect() };
        let text = looks.iter().cloned().map(row).collect::<Vec<_>>().concat();
        let head = [row(0..0), row(0..0), text, row(0..0)].concat();
        let weights = [head.clone(), head].concat();
        Attention { weights, heads: 2, rows: looks.len() + 3, padded_positions: 14, positions: 10, first: 2 }
    }

    fn boundaries(looks: &[Range<usize>], tokens: usize, sounding: &[bool], may_pause: &[bool]) -> Vec<usize> {
        let speech = Speech { sounding, may_pause };
        let boundaries = token_boundaries_s(attention(looks), tokens, 1, speech);
        boundaries.into_iter().map(|second| (second / POSITION_S).round() as usize).collect()
    }

    fn sounding(runs: &[Range<usize>]) -> Vec<bool> {
        (0..10).map(|position| runs.iter().any(|run| run.contains(&position))).collect()
    }

    #[test]
    fn tokens_are_where_the_attention_points() {
        // The third row predicts the end token.
        let looks = [0..4, 4..8, 8..14];
        assert_eq!(boundaries(&looks, 2, &[], &[]), [0, 4, 8]);
        assert_eq!(
            boundaries(&looks, 3, &[], &[]),
            [0, 4, 8, 10],
            "a token that was not fed lasts to the window's end"
        );
    }

    #[test]
    fn tokens_begin_later_than_the_attention_by_its_lead() {
        let looks = [0..3, 3..8, 8..14];
        assert_eq!(
            boundaries(&looks, 2, &sounding(std::slice::from_ref(&(0..10))), &[true, true]),
            [0, 3 + LEAD, 10],
            "the end takes no sound"
        );
    }

    #[test]
    fn tokens_of_two_words_meet_at_the_silence_between_them() {
        // The attention of the second word begins one position before the silence, because attention leads the sound.
        let looks = [1..3, 3..8, 8..14];
        let sound = sounding(&[1..4, 6..9]);
        assert_eq!(boundaries(&looks, 2, &sound, &[true, true]), [1, 6, 9]);
    }

    #[test]
    fn tokens_of_one_word_may_span_a_silence_only_where_nothing_else_fits() {
        // Three tokens, the second within the first word. The silence precedes the third token, which begins a word.
        let looks = [0..2, 2..7, 7..9, 9..14];
        let sound = sounding(&[0..4, 7..10]);
        assert_eq!(boundaries(&looks, 3, &sound, &[true, false, true])[2], 7);
        // If no word can begin after the silence, the silence is inside the word.
        let inside = boundaries(&looks, 3, &sound, &[true, false, false]);
        assert!(inside.is_sorted() && inside[0] == 0 && inside[3] == 10, "{inside:?}");
    }

    #[test]
    fn tokens_keep_openai_whispers_times_where_too_little_sounds() {
        let looks = [0..4, 4..8, 8..14];
        assert_eq!(boundaries(&looks, 2, &sounding(std::slice::from_ref(&(2..4))), &[true, true])[0], 0);
    }

    #[test]
    fn boundary_moves_later_up_to_a_silence() {
        let silences = [0, 0, 0, 5, 0, 0];
        assert_eq!([0, 1, 2, 3, 4, 5].map(|jump| later(jump, &silences)), [2, 3, 3, 3, 5, 5]);
    }
}
