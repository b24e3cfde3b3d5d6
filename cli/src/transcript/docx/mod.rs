//! The DOCX file of a transcript, which a stenographer corrects. It has the parts, texts and styles of the page.

mod annex;
mod blocks;
mod body;
mod cover;
mod look;
mod statement;

use std::io::Cursor;

use docx_rs::{Docx, Footer, Header, NumPages, PageMargin, PageNum, Paragraph, ParagraphBorderPosition};

use self::look::{Look, twips};
use super::draft::Draft;
use super::texts::{Style, Texts};
use crate::error::{Error, ErrorContext};
use crate::export::ReportLanguage;

/// Distance of the running header and footer from the edge of the page, as a part of the margin.
const RUNNING: f64 = 0.45;

/// Renders a draft.
///
/// # Errors
/// The file cannot be packed.
pub(super) fn render(draft: &Draft, texts: &Texts, style: &Style, language: ReportLanguage) -> Result<Vec<u8>, Error> {
    let look = Look::new(style, language);
    let mut docx = page(&look, draft, texts);
    docx = cover::add(docx, &look, draft, texts);
    docx = body::add(docx, &look, draft, texts);
    docx = annex::add(docx, &look, draft, texts);
    docx = statement::add(docx, &look, draft, texts);
    let mut bytes = Cursor::new(Vec::new());
    docx.build().pack(&mut bytes).context("the DOCX file cannot be packed")?;
    Ok(bytes.into_inner())
}

/// An empty document with page, styles, running header and footer.
fn page(look: &Look<'_>, draft: &Draft, texts: &Texts) -> Docx {
    let page = look.style.page_mm;
    let margin = PageMargin {
        top: twips(page.top) as i32,
        right: twips(page.right) as i32,
        bottom: twips(page.bottom) as i32,
        left: twips(page.left) as i32,
        header: twips(page.top * RUNNING) as i32,
        footer: twips(page.bottom * RUNNING) as i32,
        gutter: 0,
    };
    let docx = Docx::new()
        .page_size(twips(page.width) as u32, twips(page.height) as u32)
        .page_margin(margin)
        .default_size(look.half_points(look.style.sizes_pt.body))
        .default_fonts(look.body_fonts());
    let docx = look.styles().into_iter().fold(docx, Docx::add_style);
    docx.header(Header::new().add_paragraph(header(look, draft)))
        .footer(Footer::new().add_paragraph(footer(look, texts)))
}

fn header(look: &Look<'_>, draft: &Draft) -> Paragraph {
    let line = look.running(ParagraphBorderPosition::Bottom);
    line.add_run(look.run(&draft.header)).add_run(look.tab()).add_run(look.run(&draft.hash))
}

fn footer(look: &Look<'_>, texts: &Texts) -> Paragraph {
    let line = look.running(ParagraphBorderPosition::Top);
    line.add_run(look.run(texts.get("draft_notice")).bold())
        .add_run(look.tab())
        .add_run(look.run(texts.get("page_before")))
        .add_page_num(PageNum::new())
        .add_run(look.run(texts.get("page_between")))
        .add_num_pages(NumPages::new())
        .add_run(look.run(texts.get("page_after")))
}
