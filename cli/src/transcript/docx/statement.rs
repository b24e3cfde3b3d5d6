//! The last page: the statement, and blanks for the stenographer.

use docx_rs::{AlignmentType, Docx, HeightRule, LineSpacing, Paragraph, TableCell, TableRow, VAlignType, VMergeType};

use super::blocks::{cell, hash, heading, notice, row, small, table};
use super::look::{BODY, Look, twips};
use crate::transcript::draft::Draft;
use crate::transcript::texts::{CoverField, Texts};

/// Columns of the file and its hash, and of the blanks, in mm.
const LABEL_MM: f64 = 34.0;
const BLANK_LABEL_MM: f64 = 54.0;
const SEAL_MM: f64 = 42.0;
const BLANK_HEIGHT_MM: f64 = 13.0;

pub(super) fn add(docx: Docx, look: &Look<'_>, draft: &Draft, texts: &Texts) -> Docx {
    let rest_mm = look.width_mm() - LABEL_MM;
    let label = |field| cell(LABEL_MM, [small(look.run(texts.field(field)).bold())]);
    let file = vec![label(CoverField::FileName), cell(rest_mm, [small(look.run(&draft.document.file_name))])];
    let sha256 = vec![label(CoverField::Sha256), cell(rest_mm, [hash(look, &draft.document.sha256)])];
    docx.add_paragraph(heading(look, texts.get("statement_heading")))
        .add_paragraph(notice(look, texts.get("statement_notice")))
        .add_paragraph(spaced(look, &draft.statement, 700, 300))
        .add_table(table(vec![row(file), row(sha256)], &[LABEL_MM, rest_mm]))
        .add_paragraph(spaced(look, texts.get("statement_date"), 600, 600).align(AlignmentType::Center))
        .add_table(blanks(look, texts))
}

fn spaced(look: &Look<'_>, text: &str, before: u32, after: u32) -> Paragraph {
    let spacing = LineSpacing::new().before(before).after(after);
    Paragraph::new().style(BODY).line_spacing(spacing).add_run(look.run(text))
}

/// Name, number, office, signature, and the seal of the office beside them.
fn blanks(look: &Look<'_>, texts: &Texts) -> docx_rs::Table {
    let blank_mm = look.width_mm() - BLANK_LABEL_MM - SEAL_MM;
    let keys = ["stenographer_name", "stenographer_number", "stenographer_office", "stenographer_signature"];
    let line = |(at, key): (usize, &str)| {
        let is_last = at + 1 == keys.len();
        let mark = if is_last { look.run(texts.get("seal")) } else { look.run("") };
        let cells = vec![
            cell(BLANK_LABEL_MM, [small(look.run(texts.get(key)))]),
            cell(blank_mm, [small(mark).align(AlignmentType::Right)]),
            seal(look, texts, at == 0),
        ];
        TableRow::new(cells).row_height(twips(BLANK_HEIGHT_MM) as f32).height_rule(HeightRule::AtLeast).cant_split()
    };
    let rows = keys.into_iter().enumerate().map(line).collect();
    table(rows, &[BLANK_LABEL_MM, blank_mm, SEAL_MM])
}

/// The cell of the office's seal, which all rows share.
fn seal(look: &Look<'_>, texts: &Texts, is_first: bool) -> TableCell {
    let merge = if is_first { VMergeType::Restart } else { VMergeType::Continue };
    let text = if is_first { texts.get("office_seal") } else { "" };
    let paragraph = small(look.run(text)).align(AlignmentType::Center);
    cell(SEAL_MM, [paragraph]).vertical_merge(merge).vertical_align(VAlignType::Top)
}
