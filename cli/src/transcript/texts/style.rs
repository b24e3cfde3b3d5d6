//! Page, sizes, marks and fonts of a transcript.

use serde::{Deserialize, Serialize};

use crate::export::ReportLanguage;

/// The largest length, in mm or pt.
const LONGEST: f64 = 2000.0;
/// The narrowest column of text, in mm.
const NARROWEST_MM: f64 = 40.0;

/// The section `[style]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(in crate::transcript) struct Style {
    pub(in crate::transcript) page_mm: PageMm,
    pub(in crate::transcript) columns_mm: ColumnsMm,
    pub(in crate::transcript) sizes_pt: SizesPt,
    pub(in crate::transcript) spacing: Spacing,
    pub(in crate::transcript) marks: Marks,
    fonts: FontsByLanguage,
}

/// Page and margins, in mm.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
pub(in crate::transcript) struct PageMm {
    pub(in crate::transcript) width: f64,
    pub(in crate::transcript) height: f64,
    pub(in crate::transcript) top: f64,
    pub(in crate::transcript) right: f64,
    pub(in crate::transcript) bottom: f64,
    pub(in crate::transcript) left: f64,
}

/// Columns of the transcript, in mm. The text has the rest of the page.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
pub(in crate::transcript) struct ColumnsMm {
    pub(in crate::transcript) number: f64,
    pub(in crate::transcript) time: f64,
}

/// Sizes of texts, in pt.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
pub(in crate::transcript) struct SizesPt {
    pub(in crate::transcript) title: f64,
    pub(in crate::transcript) heading: f64,
    pub(in crate::transcript) body: f64,
    pub(in crate::transcript) small: f64,
    pub(in crate::transcript) running: f64,
    pub(in crate::transcript) hash: f64,
}

/// Line heights, in multiples of the size.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
pub(in crate::transcript) struct Spacing {
    pub(in crate::transcript) body: f64,
    pub(in crate::transcript) small: f64,
}

/// Texts around words, and their underlines.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(in crate::transcript) struct Marks {
    pub(in crate::transcript) unsure_before: String,
    pub(in crate::transcript) unsure_after: String,
    pub(in crate::transcript) unsure_underline: Underline,
    pub(in crate::transcript) evidence_underline: Underline,
    pub(in crate::transcript) non_speech_before: String,
    pub(in crate::transcript) non_speech_after: String,
}

/// An underline, by its name in CSS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::transcript) enum Underline {
    None,
    Solid,
    Dotted,
    Dashed,
    Double,
    Wavy,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
struct FontsByLanguage {
    ko: Fonts,
    en: Fonts,
}

/// Font families, the preferred one first.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(in crate::transcript) struct Fonts {
    pub(in crate::transcript) body: Vec<String>,
    body_generic: String,
    pub(in crate::transcript) mono: Vec<String>,
    mono_generic: String,
}

impl Style {
    /// The fonts of a language.
    pub(in crate::transcript) fn fonts(&self, language: ReportLanguage) -> &Fonts {
        match language {
            ReportLanguage::Ko => &self.fonts.ko,
            ReportLanguage::En => &self.fonts.en,
        }
    }
}

/// The first length that cannot be used: its table, its key and the reason.
pub(super) fn check(style: &Style) -> Option<(String, String, String)> {
    let Style { page_mm, columns_mm, sizes_pt, spacing, .. } = style;
    let tables = [
        ("page_mm", serde_json::to_value(page_mm)),
        ("columns_mm", serde_json::to_value(columns_mm)),
        ("sizes_pt", serde_json::to_value(sizes_pt)),
        ("spacing", serde_json::to_value(spacing)),
    ];
    for (table, values) in tables {
        let values = values.unwrap_or_default();
        // JSON has null in the place of infinity and of what is not a number.
        let is_length = |value: &serde_json::Value| value.as_f64().is_some_and(|value| value > 0.0 && value <= LONGEST);
        if let Some((key, _)) = values.as_object().into_iter().flatten().find(|(_, value)| !is_length(value)) {
            return Some(of_style(table, key, &format!("a number above 0, at most {LONGEST}, is expected")));
        }
    }
    let margins_mm = page_mm.left + page_mm.right + columns_mm.number + columns_mm.time;
    let is_narrow = page_mm.width - margins_mm < NARROWEST_MM;
    let is_low = page_mm.height - page_mm.top - page_mm.bottom < NARROWEST_MM;
    let room = |what| format!("{what} leave less than {NARROWEST_MM} mm for the text");
    is_narrow
        .then(|| of_style("page_mm", "width", &room("margins and columns")))
        .or_else(|| is_low.then(|| of_style("page_mm", "height", &room("the margins"))))
}

fn of_style(table: &str, key: &str, reason: &str) -> (String, String, String) {
    (format!("style.{table}"), key.to_owned(), reason.to_owned())
}
