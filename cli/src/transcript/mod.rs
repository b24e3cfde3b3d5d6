//! The draft of a transcript (녹취록 초안) of one recording, for courts: HTML from a template that users can edit, or DOCX.
//!
//! ```text
//! document with reviews -> gaps -> turns -> excerpt -> lines ┐
//! case.toml, file name ──> people, cover ────────────────────┼> Draft ┬─ transcript.html ─> HTML
//! transcript.toml ───────> texts, order, styles ─────────────┘        └─ docx ────────────> DOCX
//! ```

mod docx;
mod draft;
mod excerpt;
mod gaps;
mod html;
mod lines;
mod people;
mod places;
mod template;
mod texts;
mod times;
mod turns;
mod words;

use std::path::{Path, PathBuf};

use stage_core::{Existing, printable, sha256_hex, write_files};

use self::draft::{Draft, Source};
use self::excerpt::Interval;
use self::places::Place;
pub(crate) use self::template::{Template, write_built_in};
use crate::clip::{RangeError, Time, check_order};
use crate::error::Error;
use crate::export::{Document, ReportLanguage};

/// What to write about which recording.
pub(crate) struct TranscriptRequest<'a> {
    /// The results with the corrections of reviewers.
    pub(crate) document: &'a Document,
    /// The name of the recording's results.
    pub(crate) name: &'a str,
    /// Start of an excerpt; `None` for the start of the recording.
    pub(crate) from: Option<&'a Time>,
    /// End of an excerpt; `None` for the end of the recording.
    pub(crate) to: Option<&'a Time>,
    /// The language of the fixed texts.
    pub(crate) language: ReportLanguage,
    pub(crate) template: &'a Template,
    pub(crate) format: Format,
    /// The file. Without it, one in the current folder that is named after recording and range.
    pub(crate) out: Option<&'a Path>,
    /// Files that are never written to.
    pub(crate) inputs: &'a [&'a Path],
}

/// The format of a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Html,
    Docx,
}

/// A transcript that was written.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) path: PathBuf,
    pub(crate) sha256: String,
    pub(crate) lines: usize,
    /// Number of intervals without transcript.
    pub(crate) not_transcribed: usize,
    /// The range that was asked for and the one that the excerpt has, in words.
    pub(crate) excerpt: Option<String>,
}

impl Format {
    /// End of the file's name, and part of the format's name in the custody log.
    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Docx => "docx",
        }
    }
}

/// Writes a transcript. It replaces nothing.
///
/// # Errors
/// The range is not in the recording, the template cannot be used, or the file exists or cannot be written. Then no file
/// is written.
pub(crate) fn write(request: &TranscriptRequest<'_>) -> Result<Written, Error> {
    let TranscriptRequest { document, language, template, format, .. } = *request;
    let asked = asked(request).map_err(Error::usage)?;
    let place = Place::new(request)?;
    let draft = Draft::new(&Source { document, asked, file: &template.file, language });
    let texts = template.file.texts(language);
    let bytes = match format {
        Format::Html => html::render(template, language, &draft)?.into_bytes(),
        Format::Docx => docx::render(&draft, texts, &template.file.style, language)?,
    };
    if let Err((path, error)) = write_files([(&*place.path, &*bytes, Existing::Keep)]) {
        return places::unwritable(&path, error);
    }
    Ok(Written {
        path: place.path,
        sha256: sha256_hex(&bytes),
        lines: draft.lines.len(),
        not_transcribed: draft.not_transcribed.len(),
        excerpt: draft.excerpt.as_ref().map(draft::Excerpt::described),
    })
}

/// The range that was asked for; `None` for the whole recording.
fn asked(request: &TranscriptRequest<'_>) -> Result<Option<Interval>, RangeError> {
    let TranscriptRequest { from, to, document, .. } = request;
    if let (Some(from), Some(to)) = (from, to) {
        check_order(from, to)?;
    }
    let duration_s = document.recording.duration_s;
    let is_beyond = |(flag, time, is_end): (&'static str, &Option<&Time>, bool)| {
        let time =
            time.filter(|time| if is_end { time.seconds() > duration_s } else { time.seconds() >= duration_s })?;
        Some(RangeError::Beyond { flag, time: time.clone(), length: format!("{duration_s}") })
    };
    if let Some(error) = [("--from", from, false), ("--to", to, true)].into_iter().find_map(is_beyond) {
        return Err(error);
    }
    let interval = Interval { from_s: from.map_or(0.0, Time::seconds), to_s: to.map_or(duration_s, Time::seconds) };
    Ok((from.is_some() || to.is_some()).then_some(interval))
}

/// A text of others on one line, without characters that control a page or reorder its text: they are escaped. XML cannot
/// have some of them at all.
fn clean(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}
