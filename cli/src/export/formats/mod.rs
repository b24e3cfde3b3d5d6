//! The export formats of this program.

mod cues;
mod json;
mod subtitles;
mod tables;

use std::sync::Arc;

use stage_core::printable;

use super::ExportFormat;

/// A text on one line without control characters: white space is a single space, other characters that must not be
/// printed are escaped. A blank line would end a subtitle.
fn one_line(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

/// All formats, in the order in which they are listed and written. To add one, write a module and list it here.
pub(super) fn built_in() -> Vec<Arc<dyn ExportFormat>> {
    vec![
        Arc::new(json::Json),
        Arc::new(subtitles::Srt),
        Arc::new(subtitles::Vtt),
        Arc::new(tables::Csv),
        Arc::new(tables::TextGrid),
    ]
}
