//! Writes results as files, from the stored artifacts and the recording's path alone.

mod case_files;
mod case_page;
mod context;
mod document;
mod error;
mod format;
mod formats;
mod html;
mod names;
mod playback;
mod read;
mod sound;
mod turns;
mod variant;
mod write;

use jiff::Timestamp;

pub(crate) use case_files::{CASE_PAGE, PAGE};
#[cfg(feature = "serve")]
pub(crate) use case_files::{case_facts, without_results};
#[cfg(feature = "serve")]
pub(crate) use case_page::CasePage;
pub(crate) use context::DocumentContext;
#[cfg(test)]
pub(crate) use document::tests::document_of;
pub use document::{Document, LOW_CONFIDENCE, Provenance, REJECTED, RecordingBlock, RendererBlock, SegmentBlock};
pub use error::ExportError;
pub use format::{ExportFormat, FormatError, Formats, RenderError};
pub use formats::{ExportConfig, ReportLanguage};
pub(crate) use formats::{embedded_sound, is_result, names_itself};
pub(crate) use names::{assign as assign_names, folded as folded_name, is_plain as is_plain_name, legal as legal_name};
#[cfg(feature = "serve")]
pub(crate) use playback::Playback;
pub use read::read_document;
pub(crate) use read::read_document_in;
#[cfg(feature = "serve")]
pub(crate) use sound::place_of;
pub(crate) use sound::{LISTENING_COPY, ListeningCopy, PageSound, SoundReader, recorded_copy};
pub(crate) use turns::PAUSE_S;
pub use turns::SpokenTurn;
pub(crate) use variant::Variant;
pub(crate) use write::{Exported, Exporter, name_patterns, played_copy};

pub use crate::case_file::{CaseFacts, PersonFacts, Speaker, Voice};
pub use crate::listening::CopyFormat;
pub use crate::outputs::Taken;

/// Formats milliseconds since 1970 as RFC 3339 in UTC.
pub(crate) fn utc(ms: u64) -> String {
    i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default().to_string()
}
