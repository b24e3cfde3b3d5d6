//! Dynamic time warping.

/// The previous cell on the cheapest path to a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Diagonal,
    PreviousRow,
    PreviousColumn,
}

/// Silences that the path may skip.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    /// Length of the silence before each column, in omitted columns. Empty if there is none.
    pub(super) before: Vec<usize>,
    /// Whether a pause may come before each row.
    pub(super) may_precede: Vec<bool>,
}

impl Pauses {
    /// The cost of entering a column where no pause is allowed.
    fn cost(&self, column: usize) -> f32 {
        self.before.get(column).map_or(0.0, |silence| *silence as f32)
    }

    fn may_precede(&self, row: usize) -> bool {
        self.may_precede.get(row).copied().unwrap_or(true)
    }
}

/// The first column of every row on the monotonic path with the highest sum through `matrix` (row-major, `columns`
/// wide). The path leads from the first cell to the last in steps down, right or both. Ties are resolved as in
/// openai-whisper's `dtw_cpu`. A step right costs the length of the silence that it skips. A diagonal step costs the
/// same if no pause may precede its row.
pub(super) fn warping_jumps(matrix: &[f32], columns: usize, pauses: &Pauses) -> Vec<usize> {
    let rows = matrix.len() / columns;
    // In each row, `above` and `left` are the costs of the cells next to the current one.
    let mut previous = vec![f32::INFINITY; columns];
    let mut from = Vec::with_capacity(rows * columns);
    for (row, values) in matrix.chunks_exact(columns).enumerate() {
        let mut diagonal = if row == 0 { 0.0 } else { f32::INFINITY };
        let mut left = f32::INFINITY;
        let free = pauses.may_precede(row);
        for (column, (value, above)) in values.iter().zip(&mut previous).enumerate() {
            let silence = pauses.cost(column);
            let (across, along) = (if free { diagonal } else { diagonal + silence }, left + silence);
            let (cost, way) = if across < *above && across < along {
                (across, From::Diagonal)
            } else if *above < across && *above < along {
                (*above, From::PreviousRow)
            } else {
                (along, From::PreviousColumn)
            };
            diagonal = *above;
            left = cost - value;
            *above = left;
            from.push(way);
        }
    }
    backtrace(&from, rows, columns)
}

fn backtrace(from: &[From], rows: usize, columns: usize) -> Vec<usize> {
    let mut jumps = vec![0; rows];
    let (mut row, mut column) = (rows.saturating_sub(1), columns.saturating_sub(1));
    while row > 0 {
        jumps[row] = column;
        match if column == 0 { From::PreviousRow } else { from[row * columns + column] } {
            From::Diagonal => (row, column) = (row - 1, column - 1),
            From::PreviousRow => row -= 1,
            From::PreviousColumn => column -= 1,
        }
    }
    jumps
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The highest sum over all monotonic paths to a cell.
    fn best(matrix: &[f32], columns: usize, row: usize, column: usize) -> f32 {
        let value = matrix[row * columns + column];
        let before = match (row, column) {
            (0, 0) => 0.0,
            (0, _) => best(matrix, columns, 0, column - 1),
            (_, 0) => best(matrix, columns, row - 1, 0),
            _ => best(matrix, columns, row - 1, column - 1).max(best(matrix, columns, row - 1, column)).max(best(
                matrix,
                columns,
                row,
                column - 1,
            )),
        };
        value + before
    }

    /// The highest sum over the paths that enter every row at its jump.
    fn best_with_jumps(matrix: &[f32], columns: usize, jumps: &[usize]) -> f32 {
        let mut sum = 0.0;
        for (row, &start) in jumps.iter().enumerate() {
            // A row is left where the next one is entered: from the column before, or from the same column.
            let upto = |end: usize| matrix[row * columns + start..row * columns + end + 1].iter().sum::<f32>();
            sum += match jumps.get(row + 1) {
                None => upto(columns - 1),
                Some(&next) if next == start => upto(start),
                Some(&next) => upto(next - 1).max(upto(next)),
            };
        }
        sum
    }

    #[test]
    fn path_steps_over_a_silence_where_a_pause_may_be() {
        // The values of the second row begin at column 2. The silence is before column 3.
        let matrix = [1.0, 1.0, -0.1, -1.0, -1.0, -1.0, -1.0, 0.5, 1.0, 1.0];
        let pauses = |may| Pauses { before: vec![0, 0, 0, 6, 0], may_precede: vec![true, may] };
        assert_eq!(warping_jumps(&matrix, 5, &Pauses::default()), [0, 2]);
        assert_eq!(warping_jumps(&matrix, 5, &pauses(true)), [0, 3]);
        assert_eq!(warping_jumps(&matrix, 5, &pauses(false)), [0, 2], "the silence is in one of them anyhow");
    }

    proptest! {
        #[test]
        fn path_is_monotone_and_the_best_of_all(
            columns in 1usize..6,
            values in prop::collection::vec(-2.0f32..2.0, 30),
            rows in 1usize..6,
        ) {
            let matrix = &values[..rows * columns];
            let jumps = warping_jumps(matrix, columns, &Pauses::default());
            prop_assert_eq!(jumps.len(), rows);
            prop_assert_eq!(jumps[0], 0);
            prop_assert!(jumps.is_sorted());
            let (found, expected) =
                (best_with_jumps(matrix, columns, &jumps), best(matrix, columns, rows - 1, columns - 1));
            prop_assert!((found - expected).abs() < 1e-4, "{found} is not {expected}");
        }
    }
}
