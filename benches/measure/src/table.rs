//! Table styles.

use comfy_table::presets::{ASCII_MARKDOWN, UTF8_HORIZONTAL_ONLY};
use comfy_table::{CellAlignment, ContentArrangement, Row, Table, TableComponent};

/// Width of a table, in columns, if the output is not a terminal or the terminal reports no sensible width.
const COLUMNS: u16 = 120;
/// Smaller reported widths are ignored (0 and 1 are common in pipes that look like terminals).
const FEWEST_COLUMNS: u16 = 40;

/// A table with a line at the top, under the header and at the bottom, as wide as the terminal (or 120 columns).
#[must_use]
pub fn table(header: impl Into<Row>) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.remove_style(TableComponent::HorizontalLines).remove_style(TableComponent::MiddleIntersections);
    if table.width().is_none_or(|columns| columns < FEWEST_COLUMNS) {
        table.set_width(COLUMNS);
    }
    table.set_header(header);
    table
}

/// A [`table`] with `names` text columns, followed by right-aligned columns of figures.
#[must_use]
pub fn figures(names: usize, header: impl Into<Row>) -> Table {
    let mut table = table(header);
    table.column_iter_mut().skip(names).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

/// [`figures`] in Markdown, for documentation pages.
///
/// ```
/// let mut table = measure::markdown(1, ["what", "s"]);
/// table.add_row(["a", "7"]);
/// assert_eq!(table.to_string(), "| what | s |\n|------|---|\n| a    | 7 |");
/// ```
#[must_use]
pub fn markdown(names: usize, header: impl Into<Row>) -> Table {
    let mut table = figures(names, header);
    table.load_preset(ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_has_no_lines_but_that_of_the_header() {
        let mut table = markdown(1, ["what", "s"]);
        table.add_row(["a", "7"]);
        assert_eq!(table.to_string(), "| what | s |\n|------|---|\n| a    | 7 |");
    }

    #[test]
    fn figures_are_aligned_right() {
        let mut table = figures(1, ["what", "seconds"]);
        table.add_row(["a", "7"]);
        let text = table.to_string();
        assert!(text.lines().any(|line| line.trim_end().ends_with("      7")), "{text}");
        assert!(text.lines().any(|line| line.trim_start().starts_with("a ")), "{text}");
    }
}
