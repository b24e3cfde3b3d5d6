//! Parts of pages that several parts of the DOCX file have.

use docx_rs::{
    BorderType, LineSpacing, Paragraph, ParagraphBorder, ParagraphBorderPosition, ParagraphBorders, Run, Table,
    TableCell, TableCellMargins, TableLayoutType, TableRow, VAlignType, WidthType,
};

use super::look::{HASH, HEADING, Look, SMALL, SUBHEADING, twips};

/// Space around headings and tables, in twentieths of a point.
const SPACE: u32 = 120;
/// Space above and below, and beside the text of a cell, in mm.
const CELL_MM: (f64, f64) = (1.0, 2.2);

/// The heading of a part, on a new page.
pub(super) fn heading(look: &Look<'_>, text: &str) -> Paragraph {
    let paragraph = Paragraph::new().style(HEADING).page_break_before(true).keep_next(true);
    paragraph.line_spacing(LineSpacing::new().after(SPACE)).add_run(look.run(text))
}

/// A heading inside a part.
pub(super) fn subheading(look: &Look<'_>, text: &str) -> Paragraph {
    let spacing = LineSpacing::new().before(3 * SPACE).after(SPACE);
    Paragraph::new().style(SUBHEADING).keep_next(true).line_spacing(spacing).add_run(look.run(text))
}

/// A paragraph in small print.
pub(super) fn small(run: Run) -> Paragraph {
    Paragraph::new().style(SMALL).add_run(run)
}

/// A notice in a frame.
pub(super) fn notice(look: &Look<'_>, text: &str) -> Paragraph {
    use ParagraphBorderPosition::{Bottom, Left, Right, Top};
    let line = |side| ParagraphBorder::new(side).val(BorderType::Single).size(10).space(6).color("000000");
    let borders =
        [Top, Right, Bottom, Left].map(line).into_iter().fold(ParagraphBorders::with_empty(), ParagraphBorders::set);
    let spacing = LineSpacing::new().before(2 * SPACE).after(2 * SPACE);
    // The frame is outside of the paragraph; the indents keep it inside the margins.
    let inside = i32::try_from(twips(2.5)).unwrap_or_default();
    let mut paragraph =
        small(look.run(text)).keep_lines(true).line_spacing(spacing).indent(Some(inside), None, Some(inside), None);
    paragraph.property = paragraph.property.set_borders(borders);
    paragraph
}

/// A table with borders and columns of these widths, in mm.
pub(super) fn table(rows: Vec<TableRow>, widths_mm: &[f64]) -> Table {
    let widths: Vec<usize> = widths_mm.iter().copied().map(twips).collect();
    let (across, along) = (twips(CELL_MM.0), twips(CELL_MM.1));
    let margins = TableCellMargins::new().margin(across, along, across, along);
    Table::new(rows)
        .margins(margins)
        .width(widths.iter().sum(), WidthType::Dxa)
        .set_grid(widths)
        .layout(TableLayoutType::Fixed)
}

/// A row that is not divided between two pages.
pub(super) fn row(cells: Vec<TableCell>) -> TableRow {
    TableRow::new(cells).cant_split()
}

/// A cell with paragraphs.
pub(super) fn cell(width_mm: f64, paragraphs: impl IntoIterator<Item = Paragraph>) -> TableCell {
    let cell = TableCell::new().width(twips(width_mm), WidthType::Dxa).vertical_align(VAlignType::Center);
    paragraphs.into_iter().fold(cell, TableCell::add_paragraph)
}

/// A hash, which may break anywhere.
pub(super) fn hash(look: &Look<'_>, sha256: &str) -> Paragraph {
    Paragraph::new().style(HASH).add_run(look.run(sha256))
}

/// The head of a table.
pub(super) fn head(look: &Look<'_>, columns: &[(&str, f64)]) -> TableRow {
    let cell = |(text, width_mm): &(&str, f64)| cell(*width_mm, [small(look.run(text).bold()).keep_next(true)]);
    row(columns.iter().map(cell).collect())
}
