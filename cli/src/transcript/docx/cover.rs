//! The cover.

use docx_rs::{AlignmentType, Docx, LineSpacing, Paragraph, TableRow};

use super::blocks::{cell, hash, notice, row, small, subheading, table};
use super::look::{HASH, Look, TITLE};
use crate::transcript::draft::{Draft, Field};
use crate::transcript::texts::{CoverField, Texts};

/// Width of the labels, in mm.
const LABEL_MM: f64 = 34.0;
/// How to compute a SHA-256 on the usual systems.
const COMMANDS: [&str; 3] =
    ["Windows    certutil -hashfile FILE SHA256", "macOS      shasum -a 256 FILE", "Linux      sha256sum FILE"];

pub(super) fn add(docx: Docx, look: &Look<'_>, draft: &Draft, texts: &Texts) -> Docx {
    let rows = draft.cover.iter().map(|field| field_row(look, field)).collect();
    let draft_notice = small(look.run(texts.get("draft_notice")).bold()).align(AlignmentType::Center);
    let docx = docx
        .add_paragraph(Paragraph::new().style(TITLE).add_run(look.run(&draft.title)))
        .add_paragraph(draft_notice)
        .add_paragraph(notice(look, texts.get("cover_notice")))
        .add_table(table(rows, &[LABEL_MM, look.width_mm() - LABEL_MM]))
        .add_paragraph(subheading(look, texts.get("recompute_heading")))
        .add_paragraph(small(look.run(texts.get("recompute"))).line_spacing(LineSpacing::new().after(60)));
    COMMANDS
        .iter()
        .fold(docx, |docx, command| docx.add_paragraph(Paragraph::new().style(HASH).add_run(look.run(command))))
}

/// A label and its values.
fn field_row(look: &Look<'_>, field: &Field) -> TableRow {
    let value = |text: &String| {
        if field.is_hash {
            return hash(look, text);
        }
        let run = look.run(text);
        small(if field.name == CoverField::Excerpt { run.bold() } else { run })
    };
    let note = field.note.iter().map(|note| small(look.run(note)));
    let values: Vec<Paragraph> = field.values.iter().map(value).chain(note).collect();
    let label = small(look.run(&field.label).bold());
    row(vec![cell(LABEL_MM, [label]), cell(look.width_mm() - LABEL_MM, values)])
}
