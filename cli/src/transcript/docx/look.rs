//! Fonts, sizes and lengths of the DOCX file, from the styles of the template.

use docx_rs::{
    AlignmentType, BorderType, LineSpacing, LineSpacingType, Paragraph, ParagraphBorder, ParagraphBorderPosition,
    ParagraphBorders, Run, RunFonts, Style as DocxStyle, StyleType, Tab, TabValueType,
};

use crate::export::ReportLanguage;
use crate::transcript::texts::{Style, Underline};

/// Twentieths of a point in a millimeter.
const TWIPS_PER_MM: f64 = 1440.0 / 25.4;
/// Twentieths of a point in a point.
const TWIPS_PER_PT: f64 = 20.0;

/// Names of the styles that a stenographer can change in one place.
pub(super) const TITLE: &str = "TranscriptTitle";
pub(super) const HEADING: &str = "TranscriptHeading";
pub(super) const SUBHEADING: &str = "TranscriptSubheading";
pub(super) const BODY: &str = "TranscriptBody";
pub(super) const SMALL: &str = "TranscriptSmall";
pub(super) const RUNNING: &str = "TranscriptRunning";
pub(super) const HASH: &str = "TranscriptHash";

/// The styles of a transcript in a language.
pub(super) struct Look<'a> {
    pub(super) style: &'a Style,
    language: ReportLanguage,
}

/// A length in twentieths of a point.
pub(super) fn twips(mm: f64) -> usize {
    // Lengths of a template are positive and below 2000 mm.
    (mm * TWIPS_PER_MM).round() as usize
}

impl<'a> Look<'a> {
    pub(super) const fn new(style: &'a Style, language: ReportLanguage) -> Self {
        Self { style, language }
    }

    /// A size in half points.
    pub(super) fn half_points(&self, pt: f64) -> usize {
        (2.0 * pt).round() as usize
    }

    /// Width of the text, in mm.
    pub(super) fn width_mm(&self) -> f64 {
        let page = self.style.page_mm;
        page.width - page.left - page.right
    }

    /// The preferred fonts: those of the language, and of Korean for Korean words.
    pub(super) fn body_fonts(&self) -> RunFonts {
        let first = |fonts: &[String]| fonts.first().map(|font| legal(font)).unwrap_or_default();
        let own = first(&self.style.fonts(self.language).body);
        RunFonts::new().ascii(&own).hi_ansi(&own).cs(&own).east_asia(first(&self.style.fonts(ReportLanguage::Ko).body))
    }

    fn mono_fonts(&self) -> RunFonts {
        let mono = self.style.fonts(self.language).mono.first().map(|font| legal(font)).unwrap_or_default();
        RunFonts::new().ascii(&mono).hi_ansi(&mono).cs(&mono)
    }

    /// The styles of paragraphs.
    pub(super) fn styles(&self) -> Vec<DocxStyle> {
        let (sizes, spacing) = (self.style.sizes_pt, self.style.spacing);
        let style = |id: &str, name: &str, pt: f64, lines: f64| {
            let spacing =
                LineSpacing::new().line_rule(LineSpacingType::AtLeast).line((lines * pt * TWIPS_PER_PT) as i32);
            let style = DocxStyle::new(id, StyleType::Paragraph).name(name).size(self.half_points(pt));
            style.line_spacing(spacing).fonts(self.body_fonts())
        };
        vec![
            style(TITLE, "Transcript title", sizes.title, 1.3).align(AlignmentType::Center).bold(),
            style(HEADING, "Transcript heading", sizes.heading, 1.4).bold(),
            style(SUBHEADING, "Transcript subheading", sizes.body, 1.4).bold(),
            style(BODY, "Transcript body", sizes.body, spacing.body),
            style(SMALL, "Transcript small", sizes.small, spacing.small),
            style(RUNNING, "Transcript running header", sizes.running, 1.2),
            style(HASH, "Transcript hash", sizes.hash, 1.3).fonts(self.mono_fonts()),
        ]
    }

    /// A run of text in the style of its paragraph.
    pub(super) fn run(&self, text: &str) -> Run {
        Run::new().add_text(legal(text))
    }

    pub(super) fn tab(&self) -> Run {
        Run::new().add_tab()
    }

    /// A line above or below the page: text on the left, and after a tab on the right.
    pub(super) fn running(&self, border: ParagraphBorderPosition) -> Paragraph {
        let right = Tab::new().val(TabValueType::Right).pos(twips(self.width_mm()));
        let line = ParagraphBorder::new(border).val(BorderType::Single).size(4).space(4).color("000000");
        let mut paragraph = Paragraph::new().style(RUNNING).add_tab(right);
        paragraph.property = paragraph.property.set_borders(ParagraphBorders::with_empty().set(line));
        paragraph
    }

    /// A run with an underline.
    pub(super) fn underlined(&self, run: Run, underline: Underline) -> Run {
        match underline {
            Underline::None => run,
            Underline::Solid => run.underline("single"),
            Underline::Dotted => run.underline("dotted"),
            Underline::Dashed => run.underline("dash"),
            Underline::Double => run.underline("double"),
            Underline::Wavy => run.underline("wave"),
        }
    }
}

/// A text without characters that XML 1.0 cannot have. Texts of recordings have none, since they are escaped before;
/// those of a template may.
fn legal(text: &str) -> String {
    let is_legal = |c: char| matches!(c, '\t' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }).filter(|c| is_legal(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_for_xml_has_no_illegal_characters() {
        assert_eq!(legal("a\u{7}b\nc\u{fffe}\td\u{ffff}\u{10ffff}"), "ab c\td\u{10ffff}");
        assert_eq!(twips(25.4), 1440);
    }
}
