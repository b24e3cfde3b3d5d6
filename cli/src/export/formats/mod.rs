//! The export formats of this program.

mod cues;
mod json;
mod subtitles;
mod tables;

use std::sync::Arc;

use super::ExportFormat;

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
