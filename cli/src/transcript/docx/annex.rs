//! The annex: hashes, intervals without transcript, limits.

use docx_rs::{Docx, LineSpacing, Paragraph};

use super::blocks::{cell, hash, head, heading, row, small, subheading, table};
use super::look::{Look, SMALL, twips};
use crate::transcript::draft::{Draft, Hash, Untranscribed};
use crate::transcript::texts::Texts;

/// Width of names beside hashes, and of times, in mm.
const NAME_MM: f64 = 44.0;
const CLOCK_MM: f64 = 26.0;

pub(super) fn add(docx: Docx, look: &Look<'_>, draft: &Draft, texts: &Texts) -> Docx {
    let docx = docx
        .add_paragraph(heading(look, texts.get("annex_heading")))
        .add_paragraph(small(look.run(texts.get("draft_notice")).bold()));
    let docx = docx.add_paragraph(subheading(look, &format!("1. {}", texts.get("exhibits_heading"))));
    let docx = hashes(docx, look, &draft.exhibits, texts);
    let docx = docx
        .add_paragraph(subheading(look, &format!("2. {}", texts.get("records_heading"))))
        .add_paragraph(small(look.run(texts.get("records_note"))).line_spacing(LineSpacing::new().after(60)));
    let docx = hashes(docx, look, &draft.records, texts);
    let docx = docx.add_paragraph(subheading(look, &format!("3. {}", texts.get("not_transcribed_heading"))));
    let docx = intervals(docx, look, &draft.not_transcribed, texts);
    let docx = docx.add_paragraph(subheading(look, &format!("4. {}", texts.get("limits_heading"))));
    draft.limits.iter().fold(docx, |docx, text| docx.add_paragraph(item(look, text)))
}

fn hashes(docx: Docx, look: &Look<'_>, hashes: &[Hash], texts: &Texts) -> Docx {
    let rest_mm = look.width_mm() - NAME_MM;
    let columns = [(texts.get("exhibit_name"), NAME_MM), (texts.get("exhibit_hash"), rest_mm)];
    let named =
        |one: &Hash| row(vec![cell(NAME_MM, [small(look.run(&one.name))]), cell(rest_mm, [hash(look, &one.sha256)])]);
    let rows = std::iter::once(head(look, &columns)).chain(hashes.iter().map(named)).collect();
    docx.add_table(table(rows, &[NAME_MM, rest_mm]))
}

fn intervals(docx: Docx, look: &Look<'_>, intervals: &[Untranscribed], texts: &Texts) -> Docx {
    if intervals.is_empty() {
        return docx.add_paragraph(small(look.run(texts.get("not_transcribed_none"))));
    }
    let widths = [CLOCK_MM, CLOCK_MM, look.width_mm() - 2.0 * CLOCK_MM];
    let names = ["from", "to", "reason"].map(|key| texts.get(key));
    let columns: Vec<_> = names.into_iter().zip(widths).collect();
    let interval = |one: &Untranscribed| {
        let texts = [&one.from, &one.to, &one.reason].into_iter().zip(widths);
        row(texts.map(|(text, width_mm)| cell(width_mm, [small(look.run(text))])).collect())
    };
    let rows = std::iter::once(head(look, &columns)).chain(intervals.iter().map(interval)).collect();
    docx.add_paragraph(small(look.run(texts.get("not_transcribed_note"))).line_spacing(LineSpacing::new().after(60)))
        .add_table(table(rows, &widths))
}

/// An item of a list.
fn item(look: &Look<'_>, text: &str) -> Paragraph {
    let indent = i32::try_from(twips(5.0)).unwrap_or_default();
    let hanging = Some(docx_rs::SpecialIndentType::Hanging(indent));
    let paragraph = Paragraph::new().style(SMALL).indent(Some(indent), hanging, None, None);
    paragraph.add_run(look.run("•")).add_run(look.tab()).add_run(look.run(text))
}
