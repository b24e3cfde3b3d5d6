//! The fixed texts of a transcript, the fields of its cover and its styles: `transcript.toml`.
//!
//! ```text
//! transcript.toml -> shape (the keys and types of the built-in file) -> types -> values (lengths, notices)
//! ```

mod shape;
mod style;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stage_core::{on_one_line, printable};

use self::style::check;
pub(super) use self::style::{Fonts, Style, Underline};
use crate::export::ReportLanguage;

/// The file as it is built in.
pub(super) const BUILT_IN: &str = include_str!("../../../templates/transcript.toml");

/// Texts without which a draft does not say that it is one.
const NOTICES: [&str; 4] = ["draft", "draft_notice", "cover_notice", "statement_notice"];

/// Why a file is refused: the line, from 1, and the reason.
pub(super) type Refused = (usize, String);

/// The contents of `transcript.toml`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct TextFile {
    /// The fields of the cover, in order.
    pub(super) cover: Vec<CoverField>,
    pub(super) style: Style,
    ko: Texts,
    en: Texts,
}

/// A field of the cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CoverField {
    Case,
    Reference,
    Exhibit,
    RecordedAt,
    Place,
    People,
    FileName,
    Size,
    Duration,
    Excerpt,
    MadeAt,
    Tool,
    Sha256,
    PcmSha256,
}

/// The fixed texts in one language, by key.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(super) struct Texts {
    fields: BTreeMap<CoverField, String>,
    pub(super) legend: BTreeMap<String, String>,
    reasons: BTreeMap<String, String>,
    /// The limits of every draft.
    pub(super) limits: Vec<String>,
    #[serde(flatten)]
    plain: BTreeMap<String, String>,
}

impl TextFile {
    /// Parses the text of the file.
    pub(super) fn parse(text: &str) -> Result<Self, Refused> {
        shape::check(text, BUILT_IN)?;
        let file: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line(text, span.start));
            (line, printable(&on_one_line(error.message())).into_owned())
        })?;
        let problem = check(&file.style).or_else(|| file.missing_notice());
        match problem {
            Some((table, key, reason)) => {
                Err((shape::line_of(text, &table, &key), format!("[{table}] {key}: {reason}")))
            }
            None => Ok(file),
        }
    }

    /// The texts in a language.
    pub(super) fn texts(&self, language: ReportLanguage) -> &Texts {
        match language {
            ReportLanguage::Ko => &self.ko,
            ReportLanguage::En => &self.en,
        }
    }

    /// The first notice that is empty: its table, its key and the reason why it must not be.
    fn missing_notice(&self) -> Option<(String, String, String)> {
        let languages = [ReportLanguage::Ko, ReportLanguage::En];
        let all = languages.into_iter().flat_map(|language| NOTICES.map(|key| (language, key)));
        let mut empty = all.filter(|(language, key)| self.texts(*language).get(key).trim().is_empty());
        let reason = "a draft must say that a machine made it: the text must not be empty";
        empty.next().map(|(language, key)| (language.code().to_owned(), key.to_owned(), reason.to_owned()))
    }
}

impl Texts {
    /// The text with a key of the built-in file, all of which a file has.
    pub(super) fn get(&self, key: &str) -> &str {
        debug_assert!(self.plain.contains_key(key), "transcript.toml has no text {key}");
        self.plain.get(key).map_or("", String::as_str)
    }

    /// The label of a field.
    pub(super) fn field(&self, field: CoverField) -> &str {
        self.fields.get(&field).map_or("", String::as_str)
    }

    /// The text of a reason of the program, if it is one of `[reasons]`.
    pub(super) fn reason(&self, code: &str) -> Option<&str> {
        self.reasons.get(code).map(String::as_str)
    }

    /// A text with values in the place of its words in braces.
    pub(super) fn filled(&self, key: &str, values: &[(&str, &str)]) -> String {
        filled(self.get(key), values)
    }
}

/// A text with values in the place of its words in braces. A value is not searched for further ones.
fn filled(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let found = after.split_once('}').and_then(|(name, after)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((value, after))
        });
        match found {
            Some((value, after)) => {
                out.push_str(value);
                rest = after;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out + rest
}

/// Number of the line with a byte, from 1.
fn line(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl Fn(&str) -> String) -> String {
        let text = change(BUILT_IN);
        assert_ne!(text, BUILT_IN);
        let (line, reason) = TextFile::parse(&text).unwrap_err();
        format!("{line}: {reason}")
    }

    /// The line of the built-in file that begins so.
    fn line_of(start: &str) -> usize {
        1 + BUILT_IN.lines().position(|line| line.starts_with(start)).unwrap()
    }

    #[test]
    fn built_in_file_has_all_texts() {
        let file = TextFile::parse(BUILT_IN).unwrap();
        let keys = |language| file.texts(language).plain.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(ReportLanguage::Ko), keys(ReportLanguage::En));
        assert_eq!(file.cover.len(), file.ko.fields.len());
    }

    #[test]
    fn file_of_a_user_may_change_order_texts_and_sizes() {
        let text = BUILT_IN
            .replace("\"case\", \"reference\", ", "\"tool\", ")
            .replace("  \"tool\", \"sha256\"", "  \"sha256\"")
            .replace("title = \"녹취록 초안\"", "title = '''녹취록\n초안'''")
            .replace("body = 1.6", "body = 2")
            .replace("[ko.reasons]", "[ko.reasons]\n\"a reason\" = \"까닭\"");
        let file = TextFile::parse(&text).unwrap();
        assert_eq!((file.cover[0], file.style.spacing.body), (CoverField::Tool, 2.0));
        assert_eq!((file.ko.get("title"), file.ko.reason("a reason")), ("녹취록\n초안", Some("까닭")));
    }

    #[test]
    fn file_without_a_key_is_refused_with_its_name_and_line() {
        let table = line_of("[ko]");
        let without = |key: &str| {
            let start = format!("{key} = ");
            let lines = BUILT_IN.lines().filter(|line| !line.starts_with(&start));
            lines.collect::<Vec<_>>().join("\n")
        };
        assert_eq!(refused(|_| without("excerpt_title")), format!("{table}: [ko] has no key `excerpt_title`"));
        let cover = BUILT_IN.split_once("cover = [").unwrap().1.split_once("]\n").unwrap().0;
        let without_cover = refused(|text| text.replacen(&format!("cover = [{cover}]\n"), "", 1));
        assert_eq!(without_cover, "1: the file has no key `cover`");
        assert!(refused(|text| text.replace("no_text = ", "no_txt = ")).ends_with("[ko.reasons] has no key `no_text`"));
    }

    #[test]
    fn file_with_a_wrong_key_or_value_is_refused_with_its_line() {
        let at = |start: &str| line_of(start);
        for (from, to, line, reason) in [
            ("\n[en.fields]", "\n[en.other]", at("[en.fields]"), "`other` is not a key"),
            ("excerpt_title = \"", "excerpt_titles = \"", at("excerpt_title"), "`excerpt_titles` is not a key"),
            ("width = 210", "width = \"210\"", at("width"), "[style.page_mm] width: a number is expected"),
            ("width = 210", "width = 40", at("width"), "[style.page_mm] width: "),
            ("body = 12", "body = -12", at("body = 12"), "[style.sizes_pt] body: "),
            ("body = 12", "body = nan", at("body = 12"), "[style.sizes_pt] body: "),
            ("\"dotted\"", "\"red\"", at("unsure_underline"), "red"),
            ("\"case\", \"reference\"", "\"case\", \"judge\"", at("  \"case\""), "judge"),
            (
                "title = \"녹취록 초안\"",
                "title = 1",
                at("title = \"녹취록"),
                "[ko] title: a text in quotation marks is expected",
            ),
            ("title = \"녹취록 초안\"", "title = \"녹취록 초안", at("title = \"녹취록"), "string"),
            ("draft = \"기계가 만든 초안\"", "draft = \" \"", at("draft = \"기계"), "a draft must say"),
        ] {
            let found = refused(|text| text.replacen(from, to, 1));
            assert!(found.starts_with(&format!("{line}: ")) && found.contains(reason), "{line}: {reason}: {found}");
        }
    }

    #[test]
    fn text_is_filled_with_values_that_are_not_searched_again() {
        assert_eq!(filled("{a}{b} {c} {", &[("a", "{b}"), ("b", "2")]), "{b}2 {c} {");
    }
}
