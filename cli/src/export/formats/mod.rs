//! The export formats of this program.

mod ctm;
pub(super) mod cues;
mod items;
mod json;
mod page;
mod phrases;
mod rttm;
mod subtitles;
mod tables;

use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stage_core::{Word, printable};

use self::items::{Items, ItemsCsv, ItemsJsonl};
pub(super) use self::json::Json;
pub use self::page::ReportLanguage;
pub(crate) use self::page::embedded as embedded_sound;
use super::{CopyFormat, Document, ExportFormat};

/// Settings of the export formats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExportConfig {
    /// Begin CSV files with a byte order mark, without which Excel misreads text that is not English.
    pub csv_bom: bool,
    /// The language of the fixed texts of pages.
    pub report_language: ReportLanguage,
    /// Write a copy of each recording beside its page (html) that Chromium plays and seeks in exactly: flac
    /// or wav. Null for none.
    #[schemars(example = CopyFormat::Flac)]
    pub listening_copy: Option<CopyFormat>,
    /// Put the audio into pages (html), up to 64 MiB each: the listening copy, or the recording if Chromium plays it.
    pub embed_audio: bool,
}

impl ExportConfig {
    /// The settings that were recorded with a file. Those that its format does not have are the defaults.
    pub(super) fn recorded(settings: &Value) -> Self {
        let default = Self::default();
        let language = settings.get("language").cloned().and_then(|language| serde_json::from_value(language).ok());
        Self {
            csv_bom: settings.get("bom").and_then(Value::as_bool).unwrap_or(default.csv_bom),
            report_language: language.unwrap_or_default(),
            listening_copy: None,
            embed_audio: settings.get("embed_audio").and_then(Value::as_bool).unwrap_or_default(),
        }
    }
}

impl Default for ExportConfig {
    fn default() -> Self {
        Self { csv_bom: true, report_language: ReportLanguage::default(), listening_copy: None, embed_audio: false }
    }
}

/// Whether a file says in its first bytes that Earwitness wrote it: a report, trace or metrics of a run, a JSON document
/// or WebVTT subtitles.
pub(crate) fn names_itself(start: &[u8]) -> bool {
    let start = String::from_utf8_lossy(start);
    let is_report = start.contains(r#"<meta name="generator" content="earwitness "#);
    let is_trace = start.starts_with('[') && start.contains(r#"{"name":"coordinator"}"#);
    let is_metrics = start.starts_with("# HELP earwitness_");
    is_report || is_trace || is_metrics || is_result(start.as_bytes())
}

/// Whether a file says in its first bytes that it contains results: a JSON document, a page or WebVTT subtitles.
pub(crate) fn is_result(start: &[u8]) -> bool {
    let start = String::from_utf8_lossy(start);
    let is_document = start.trim_start_matches(['{', '\n', ' ']).starts_with(r#""schema_version":"#)
        && start.contains(r#""pcm_sha256":"#);
    let is_page = start.contains(r#"<meta name="generator" content="earwitness">"#);
    is_document || is_page || start.starts_with(subtitles::VTT_START)
}

/// A text on one line without control characters: white space is a single space, other characters that must not be
/// printed are escaped. A blank line would end a subtitle.
fn one_line(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

/// A text as one field of a format in which white space separates fields.
fn one_field(text: &str) -> String {
    one_line(text).replace(' ', "_")
}

/// The name of the recording as one field.
fn recording_field(document: &Document) -> String {
    one_field(&Path::new(&document.recording.path).file_stem().unwrap_or_default().to_string_lossy())
}

/// The words that have a text, with their indices, by channel and time. In a reviewed copy words may have none, and a text
/// of a reviewer may be behind the others.
fn shown_words(document: &Document) -> impl Iterator<Item = (usize, &Word)> {
    let mut words: Vec<_> = document.words.iter().enumerate().filter(|(_, word)| !word.text.is_empty()).collect();
    words.sort_by(|(_, a), (_, b)| a.channel.cmp(&b.channel).then(a.start_s.total_cmp(&b.start_s)));
    words.into_iter()
}

/// All formats, in the order in which they are listed and written. To add one, write a module and list it here.
pub(super) fn built_in(config: &ExportConfig) -> Vec<Arc<dyn ExportFormat>> {
    vec![
        Arc::new(Json),
        Arc::new(page::Page { language: config.report_language, embeds: config.embed_audio }),
        Arc::new(subtitles::Srt),
        Arc::new(subtitles::Vtt),
        Arc::new(tables::Csv { bom: config.csv_bom }),
        Arc::new(tables::TextGrid),
        Arc::new(rttm::Rttm),
        Arc::new(ctm::Ctm),
        Arc::new(ItemsCsv { items: Items::Turns, bom: config.csv_bom }),
        Arc::new(ItemsJsonl(Items::Turns)),
        Arc::new(ItemsCsv { items: Items::Evidence, bom: config.csv_bom }),
        Arc::new(ItemsJsonl(Items::Evidence)),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::cues::tests::word;
    use crate::export::Document;
    use crate::export::document::tests::document_of;
    use crate::review::{Action, ReviewBlock, ReviewState, Target, corrected};

    /// A reviewed copy: "one" is corrected with its speaker, "two" and the evidence in "one" and "two" are rejected, "three"
    /// is deleted by a correction of its segment, which is "four".
    pub(super) fn reviewed_document() -> Document {
        let segment = |text: &str, start_s: f64| stage_core::Segment {
            low_confidence: Some("a reason".to_owned()),
            ..stage_core::Segment::of_text(0, (start_s, start_s + 2.0), text, "en")
        };
        let words = [("one", 0.0), ("two", 1.0), ("three", 2.0), ("four", 3.0)];
        let words = words.map(|(text, start_s)| word(0, text, start_s, start_s + 0.5));
        let mut document = document_of(&words);
        document.words[2].segment = 1;
        document.words[3].segment = 1;
        document.segments = vec![segment("one two", 0.0).into(), segment("three four", 2.0).into()];
        let evidence = json!([{
            "category": "threat --> x", "kind": "", "rule": "", "severity": 0.5, "text": "one two", "channel": 0,
            "speaker": null, "start_s": 0.0, "end_s": 0.5, "words": [0, 1], "confidence": 0.5, "discounted": null,
        }]);
        document.forensics.evidence = serde_json::from_value(evidence).unwrap();
        let statements = [
            (Action::CorrectText, Target::Word(0), Some("corrected")),
            (Action::CorrectSpeaker, Target::Word(0), Some("kim --> x")),
            (Action::Reject, Target::Word(1), None),
            (Action::Reject, Target::Evidence(0), None),
            (Action::CorrectText, Target::Segment(1), Some("four")),
        ];
        let block = |(action, target, new): (Action, Target, Option<&str>)| ReviewBlock {
            new: new.map(str::to_owned),
            ..ReviewBlock::of_test(ReviewState::Current, action, target)
        };
        document.review = statements.into_iter().map(block).collect();
        corrected(document, None)
    }
}
