//! The export formats of this program.

mod cues;
mod json;
mod subtitles;
mod tables;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stage_core::printable;

pub(super) use self::json::Json;
use super::ExportFormat;

/// Settings of the export formats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExportConfig {
    /// Begin CSV files with a byte order mark, without which Excel misreads text that is not English.
    pub csv_bom: bool,
}

impl ExportConfig {
    /// The settings that were recorded with a file. Those that its format does not have are the defaults.
    pub(super) fn recorded(settings: &Value) -> Self {
        let default = Self::default();
        Self { csv_bom: settings.get("bom").and_then(Value::as_bool).unwrap_or(default.csv_bom) }
    }
}

impl Default for ExportConfig {
    fn default() -> Self {
        Self { csv_bom: true }
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

/// Whether a file says in its first bytes that it contains results: a JSON document or WebVTT subtitles.
pub(crate) fn is_result(start: &[u8]) -> bool {
    let start = String::from_utf8_lossy(start);
    let is_document = start.trim_start_matches(['{', '\n', ' ']).starts_with(r#""schema_version":"#)
        && start.contains(r#""pcm_sha256":"#);
    is_document || start.starts_with(subtitles::VTT_START)
}

/// A text on one line without control characters: white space is a single space, other characters that must not be
/// printed are escaped. A blank line would end a subtitle.
fn one_line(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

/// All formats, in the order in which they are listed and written. To add one, write a module and list it here.
pub(super) fn built_in(config: &ExportConfig) -> Vec<Arc<dyn ExportFormat>> {
    vec![
        Arc::new(Json),
        Arc::new(subtitles::Srt),
        Arc::new(subtitles::Vtt),
        Arc::new(tables::Csv { bom: config.csv_bom }),
        Arc::new(tables::TextGrid),
    ]
}
